"""The state of a scenario: what `state:` begins with and `set:` changes, one for each conversation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from harness.model import Json

STEP: Final = re.compile(r"[+-]\d+(\.\d+)?")
"""`"+1"`: what counts, instead of setting."""


class States:
    """Every conversation begins with `initial`. A further attempt of a call sees the state that its first one saw: what
    the failed one had set is taken back, because its answer was never heard."""

    def __init__(self, initial: Mapping[str, Json]) -> None:
        self._initial = initial
        self._known: dict[str, dict[str, Json]] = {}
        self._undo: dict[int, tuple[str, dict[str, Json]]] = {}

    def of(self, conversation: str) -> dict[str, Json]:
        """The state of `conversation`, as it is now."""
        return self._known.setdefault(conversation, dict(self._initial))

    def begin(self, call: int, attempt: int) -> None:
        """Attempt number `attempt` of call number `call` is about to be answered."""
        if attempt > 1 and call in self._undo:
            conversation, before = self._undo.pop(call)
            self.of(conversation).update(before)

    def change(self, conversation: str, call: int, changes: Mapping[str, Json]) -> None:
        """Call number `call` was answered."""
        if not changes:
            return
        state = self.of(conversation)
        self._undo[call] = (conversation, {name: state[name] for name in changes})
        for name, value in changes.items():
            state[name] = _stepped(state[name], value)


def _stepped(now: Json, change: Json) -> Json:
    is_number = isinstance(now, int | float) and not isinstance(now, bool)
    if not is_number or not isinstance(change, str) or not STEP.fullmatch(change):
        return change
    assert isinstance(now, int | float), "just seen"
    return now + (float(change) if "." in change else int(change))
