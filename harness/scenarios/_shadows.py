"""Which calls are never reached, because one before them leaves nothing for them.

By what they ask, and not by comparing each with each: a file may hold thousands.
"""

from __future__ import annotations

from harness.scenarios._durations import FOREVER
from harness.scenarios._scenario import Call


class Shadows:
    """The calls so far past which nothing comes. One with `times` lets the rest through."""

    def __init__(self) -> None:
        self._everything: Call | None = None
        self._asking: dict[str, Call] = {}

    def of(self, call: Call) -> Call | None:
        """The first call before `call` that leaves nothing for it; then `call` is one of those before."""
        asked = repr(call.when.model_dump(exclude_unset=True))
        found = self._asking.get(asked) or self._everything
        if call.times in {None, FOREVER}:
            self._asking.setdefault(asked, call)
            if call.when.is_everything:
                self._everything = self._everything or call
        return found
