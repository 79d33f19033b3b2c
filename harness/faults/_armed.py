"""Faults that have a place and wait for it: each strikes the answers that its place names, and knows whether it did.

An answer is struck before it is played, and the recording or scenario that it comes from is never edited.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.dialects import recognise
from harness.faults._catalogue import get
from harness.faults._check import check, check_point
from harness.faults._places import natural_site, site_of
from harness.model import Case, Interaction, Strike, Timeline
from harness.spec import Params


@dataclass(slots=True)
class Armed:
    """One strike in waiting. `times` is how many attempts it strikes, None for every one that its place names.

    `struck` counts those that it struck, `missed` says why it did not strike where it could have.
    """

    strike: Strike
    times: int | None = None
    struck: int = 0
    missed: str = ""

    def meets(self, call: int, attempt: int, call_id: str) -> bool:
        """True where it is to strike this attempt."""
        if self.times is not None and self.struck >= self.times:
            return False
        if self.strike.persistent and self.struck:
            return True
        place = self.strike.at
        return place.meets(call, 1 if self._is_any_attempt else attempt, call_id)

    def apply(self, answer: Interaction) -> Interaction:
        """`answer` with the fault; unchanged, and remembered, where it has no such place. Raises ValueError where the
        fault has no form in its dialect."""
        fault, place = get(self.strike.kind), self.strike.at
        found = site_of(fault, place, answer)
        if found is None and self.strike.persistent and self.struck:  # the later answers may be shorter
            natural = natural_site(fault, answer.timeline)
            found = (answer.timeline, natural) if natural else None
        if found is None:
            self.missed = f"that answer has {_count(len(answer.timeline.chunks), 'chunk')}"
            return answer
        struck = fault.apply(found[0], found[1], dict(self.strike.params), _dialect(answer))
        self.struck += 1
        return replace(answer, timeline=struck)

    @property
    def _is_any_attempt(self) -> bool:
        """True where `times` says how many attempts are struck, because no attempt was named."""
        return self.times is not None and self.times > 1 and self.strike.at.attempt == "1"

    def __str__(self) -> str:
        why = f": {self.missed}" if self.missed else ""
        return f"the fault {self.strike.kind} at {self.strike.at} never struck{why}"


class FaultOverlay:
    """An Overlay of armed faults, in the order in which they stand."""

    def __init__(self, armed: Iterable[Armed]) -> None:
        self.armed: tuple[Armed, ...] = tuple(armed)

    @classmethod
    def of(cls, cases: Iterable[str | Case | Strike]) -> FaultOverlay:
        """The strikes of `cases`, each of which strikes once unless it is persistent or its place says `*`. Raises
        ValueError for what is no case, an unknown fault, its parameters, and a place where it never strikes."""
        return cls(_armed(strike) for case in cases for strike in _strikes(case))

    def strike(self, call: int, attempt: int, answer: Interaction) -> Interaction:
        """`answer` as attempt number `attempt` of call number `call` is to hear it. Raises ValueError where a fault has
        no form in its dialect."""
        for armed in self.armed:
            if armed.meets(call, attempt, answer.id):
                answer = armed.apply(answer)
        return answer

    def unstruck(self) -> Sequence[str]:
        """One line for each fault that never struck."""
        return [str(armed) for armed in self.armed if not armed.struck]


def strike_anywhere(kind: str, params: Params, answer: Timeline, dialect: str) -> Timeline:
    """`answer` struck where the fault strikes by itself. Raises ValueError where it cannot."""
    fault = get(kind)
    site = natural_site(fault, answer)
    if site is None:
        message = f"{kind} finds no place to strike in this answer"
        raise ValueError(message)
    return fault.apply(answer, site, params, dialect)


def _armed(strike: Strike) -> Armed:
    fault = get(strike.kind)
    check(fault, dict(strike.params))
    if strike.at.point in {"connect", "headers", "end"}:
        check_point(fault, strike.at.point)
    return Armed(strike)


def _strikes(case: str | Case | Strike) -> tuple[Strike, ...]:
    match case:
        case str():
            return Case.parse(case).strikes
        case Case(strikes=strikes):
            return strikes
        case _:
            return (case,)


def _dialect(answer: Interaction) -> str:
    known = recognise(answer.request)
    return known[0].name if known else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
