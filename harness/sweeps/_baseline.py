"""Baseline: runs without any fault. The subject has to pass, and to be the same twice, bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from difflib import unified_diff
from typing import Final

from harness.engine import Entry
from harness.errors import NoSitesError, NotDeterministicError, SubjectFailsError
from harness.model import PER_SECOND, ZERO, Nanos
from harness.sweeps._outcome import Outcome

FIRST_HORIZON: Final = Nanos(86_400 * PER_SECOND)
_GRACE: Final = Nanos(60 * PER_SECOND)
_TIMES: Final = 10
_SHOWN_MAX: Final = 12
_LINE_MAX: Final = 80


def baseline(run: Callable[[], Outcome], notes: list[str]) -> Outcome:
    """The outcome without faults. Raises SubjectFailsError, NotDeterministicError that shows the first difference, and
    NoSitesError where nothing was asked.

    SQLite's loop ends with the iteration in which nothing failed any more; the second run is that iteration for all
    kinds at once, because it asks for the same answers and so no kind finds a place beyond its last one.

    What is done once in a process may make its first run another one: an SDK finds out in a thread what platform it is
    on, and so concurrent calls go out in another order. Then the second and the third have to be the same, and `notes`
    hears what was different.
    """
    first = _passed(run())
    second = _passed(run())
    if _is_same(first, second):
        return first
    third = _passed(run())
    if _is_same(second, third):
        notes.append(
            f"without any fault the first run was not the same as the next two, which count: {_told(first, second)}"
        )
        return second
    raise NotDeterministicError(_difference(second, third))


def passes(outcome: Outcome) -> bool:
    """True where a run without faults can be a baseline."""
    return bool(outcome.history) and outcome.returned and not outcome.missed


def _is_same(first: Outcome, second: Outcome) -> bool:
    return first.digest == second.digest and first.terms.same(second.result, first.result)


def _passed(outcome: Outcome) -> Outcome:
    if outcome.missed:
        raise _fails(outcome.missed[0], "it asks what the recording does not hold:")
    if outcome.stuck:
        raise _fails(outcome.stuck, "it hangs:")
    if outcome.error is not None:
        raise _fails(outcome.error, f"{type(outcome.error).__name__}:") from outcome.error
    if not outcome.history:
        message = (
            "the code under the sweep asked nothing of this source, so there is no place to break\n"
            "  next: check that the client is called inside of run, and that it is one that is caught"
        )
        raise NoSitesError(message)
    return outcome


def _fails(why: object, what: str) -> SubjectFailsError:
    return SubjectFailsError(
        f"the code under the sweep fails without any fault: {what} {why}\n  next: make it pass, then sweep"
    )


def _difference(first: Outcome, second: Outcome) -> str:
    return "\n".join(
        [
            "two runs without any fault differ, so a difference under a fault would say nothing",
            *(f"  {line}" for line in _changes(first, second, around=1)[:_SHOWN_MAX]),
            "  next: take chance out of it (random is seeded already; uuid, the order of sets and real time are not)",
        ]
    )


def horizon_of(outcome: Outcome, attempts_max: int) -> Nanos:
    """How late a case may get before it hangs: ten times the baseline, or what the timeouts of the client allow when
    all of them strike at every attempt, and a minute."""
    calls = {entry.call: entry for entry in outcome.history}
    patient = sum(_patience(entry) * attempts_max for entry in calls.values())
    return Nanos(max(_TIMES * outcome.ended_at, patient) + _GRACE)


def _patience(entry: Entry) -> Nanos:
    patience = entry.patience
    if patience is None:
        return ZERO
    limits = (patience.total, patience.read, patience.connect)
    return max((limit for limit in limits if limit is not None), default=ZERO)


def _told(first: Outcome, second: Outcome) -> str:
    """The first difference on one line: what is gone, and what came in its place."""
    lines = [line for line in _changes(first, second, around=0) if not line.startswith(("---", "+++", "@@"))]
    ends = [next((line for line in lines if line[0] == sign), "") for sign in "-+"]
    return "; ".join(line[:_LINE_MAX] for line in ends if line) or lines[0]


def _changes(first: Outcome, second: Outcome, *, around: int) -> list[str]:
    """The lines that differ, with so many that do not before and after each, or else the results."""
    lines = list(unified_diff(first.trace, second.trace, "first run", "second run", lineterm="", n=around))
    return lines or [f"results: {first.result!r} and {second.result!r}"]
