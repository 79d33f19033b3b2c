"""Verdict: what a case came to, decided from its outcome and what the checkers said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from harness.sweeps._outcome import Outcome

Checker: TypeAlias = Callable[[Outcome, Outcome], str | None]
"""`(outcome, baseline) -> what is wrong, or None`. Pure."""


class Verdict(StrEnum):
    """What a case came to.

    `RECOVERED`: the fault struck and the result is that of the baseline. `FAILED_CLEANLY`: an exception of the
    contract, or a result that says it is none. `CRASHED`: an exception that nobody declared. `HUNG`: it would never
    have ended. `WRONG`: it ended and broke another promise. `NOT_STRUCK`: the fault found nothing to strike.
    `DIVERGED`: it asked what the recording does not hold, so nothing can be said.
    """

    RECOVERED = "RECOVERED"
    FAILED_CLEANLY = "FAILED_CLEANLY"
    CRASHED = "CRASHED"
    HUNG = "HUNG"
    WRONG = "WRONG"
    NOT_STRUCK = "NOT_STRUCK"
    DIVERGED = "DIVERGED"


OF_THE_WAY: Final = frozenset(
    {
        "no-retry-storm",
        "retry-only-retryable",
        "no-retry-after-first-token",
        "tool-at-most-once",
        "history-well-formed",
        "order-neutral",
    }
)
"""The checkers that judge what was asked and done on the way, however it ends."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was not kept: the id of the checker, and what it saw."""

    checker: str
    text: str

    def __str__(self) -> str:
        return f"{self.checker}: {self.text}"


def judge(
    outcome: Outcome, baseline: Outcome, checkers: Mapping[str, Checker]
) -> tuple[Verdict, tuple[Violation, ...]]:
    """The verdict of a run and every promise that it broke.

    Of a run that diverged only what it asked and did until then is known, so only that is judged.
    """
    if outcome.missed:
        checkers = {name: check for name, check in checkers.items() if name in OF_THE_WAY}
    found = tuple(
        Violation(name, text) for name, check in checkers.items() if (text := check(outcome, baseline)) is not None
    )
    return _verdict(outcome, {violation.checker for violation in found}), found


def _verdict(outcome: Outcome, broken: set[str]) -> Verdict:
    if outcome.missed:
        return Verdict.WRONG if broken else Verdict.DIVERGED
    if outcome.stuck or "no-hang" in broken:
        return Verdict.HUNG
    if "contract-exceptions" in broken:
        return Verdict.CRASHED
    if broken:
        return Verdict.WRONG
    if outcome.case is not None and not outcome.struck:
        return Verdict.NOT_STRUCK
    if outcome.strayed:
        return Verdict.DIVERGED
    if outcome.error is not None or outcome.admits_failure:
        return Verdict.FAILED_CLEANLY
    return Verdict.RECOVERED
