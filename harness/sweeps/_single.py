"""One run judged by the promises of a sweep: alone, or beside the same run without its faults."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from harness.engine import Cancel
from harness.errors import Silence
from harness.model import Case, Nanos
from harness.session import Session
from harness.sweeps._chain import stuck_in
from harness.sweeps._checkers import INVARIANTS
from harness.sweeps._outcome import Outcome, Pressed, Terms
from harness.sweeps._verdict import Violation, judge

_NEEDS_A_TWIN: Final = frozenset({"deterministic"})
_COUNTS_CALLS: Final = frozenset({"no-retry-storm"})
"""Who asks the same once more after an answer does not try again, which only a calm run would show."""
_NEEDS_A_CALM_RUN: Final = frozenset({"no-partial-success", "benign-neutral"})


def outcome_of(
    session: Session,
    case: Case | None,
    *,
    result: Any,
    error: BaseException | None,
    ended_at: Nanos,
    leaks: Sequence[str] = (),
    contract: Sequence[type[BaseException]] = (),
    same: Callable[[Any, Any], bool],
) -> Outcome:
    """The run of `session` as checkers see it. `ended_at` is counted since the session was opened; `case` is what
    struck, a cancel among it; `contract` are the exceptions that may escape, those of the known SDKs where it is
    empty."""
    silent = [str(miss) for miss in session.misses if isinstance(miss, Silence)]
    cancel = next((cancel for cancel in session.cancels if cancel.is_reached), None)
    return Outcome(
        case=case,
        result=result,
        error=error,
        ended_at=ended_at,
        history=tuple(session.history),
        struck=tuple(strike.kind for strike in case.strikes) if case is not None else (),
        stuck=(silent[0] if silent else "") or stuck_in(error),
        missed=tuple(str(miss) for miss in session.misses if not isinstance(miss, Silence)),
        pressed=_pressed(cancel, session) if cancel is not None else None,
        leaks=tuple(leaks),
        tools=tuple(session.tools),
        emissions=tuple(session.emissions),
        can_be_cancelled=any(backend.cancel_event is not None for backend in session.backends),
        terms=Terms(contract=tuple(contract), same=same),
    )


def _pressed(cancel: Cancel, session: Session) -> Pressed:
    assert cancel.at is not None, "its place was reached"
    asked = len(session.history) - cancel.requests_after
    return Pressed(cancel.at, asked, cancel.chunks_before, is_task=cancel.via == "task")


def broken_promises(run: Outcome, calm: Outcome | None, but: Collection[str] = ()) -> tuple[Violation, ...]:
    """What `run` did not keep of what a sweep asks of every run; `but` are the checkers to leave out. Without a `calm`
    run, the same without its faults, nothing is said about what it should have returned."""
    left_out = {*_NEEDS_A_TWIN, *but, *(() if calm is not None else _NEEDS_A_CALM_RUN)}
    asked = {name: check for name, check in INVARIANTS.items() if name not in left_out}
    if calm is not None:
        return judge(run, calm, asked)[1]
    storm = {name: asked.pop(name) for name in _COUNTS_CALLS & asked.keys()}
    tried = {entry.call for entry in run.history if entry.attempt > 1}
    again = replace(run, history=[entry for entry in run.history if entry.call in tried])
    return (*judge(run, Outcome(), asked)[1], *judge(again, Outcome(), storm)[1])
