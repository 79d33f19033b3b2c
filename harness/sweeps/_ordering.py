"""The checker of what a run makes of another order: calls that are open at the same time complete as they like."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from harness.engine import Entry
from harness.model import Message
from harness.sweeps._kinds import ORDER
from harness.sweeps._outcome import Outcome

_SHOWN_MAX = 120


def order_neutral(outcome: Outcome, baseline: Outcome) -> str | None:
    """In whatever order calls complete, the same is asked and the same comes out. Every answer is as it was recorded,
    so what differs does so because of the order alone. What hangs breaks another promise."""
    if set(outcome.kinds) != {ORDER} or ORDER not in outcome.struck or outcome.stuck:
        return None
    new = _asked_besides(outcome.history, baseline.history)
    if new is not None:
        return (
            f"in another order call {new.call} asks what is not asked in the recorded one{_difference(new, baseline)}"
        )
    if not outcome.returned:
        return f"in another order it fails: {outcome.ending}"
    if not outcome.terms.same(outcome.result, baseline.result):
        return f"in another order it returned {_shown(outcome.result)}; in the recorded one {_shown(baseline.result)}"
    return None


def _asked_besides(history: Sequence[Entry], usual: Sequence[Entry]) -> Entry | None:
    known = {_bytes(entry) for entry in usual}
    return next((entry for entry in history if _bytes(entry) not in known), None)


def _bytes(entry: Entry) -> tuple[str, str, bytes]:
    request = entry.request
    return request.method, request.url, request.body


def _difference(new: Entry, baseline: Outcome) -> str:
    """The first message that differs from what was asked as the same call; empty where no message does."""
    usual = next((entry for entry in baseline.history if entry.call == new.call), None)
    pairs = zip_longest(new.prompt.messages, usual.prompt.messages if usual is not None else ())
    found = next(((one, other) for one, other in pairs if one != other), None)
    return f": {_said(found[0])} instead of {_said(found[1])}" if found is not None else ""


def _said(message: Message | None) -> str:
    if message is None:
        return "nothing"
    answers = f" to {message.tool_call_id}" if message.tool_call_id else ""
    return f"{message.role}{answers} {_shown(message.content or [call.name for call in message.tool_calls])}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 3]}..."
