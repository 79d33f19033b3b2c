"""Faults that have a place and wait for it: each strikes the answers that its place names, and knows whether it did.

An answer is struck before it is played, and the recording or scenario that it comes from is never edited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from harness.dialects import recognise
from harness.faults._catalogue import get
from harness.faults._check import check, check_point
from harness.faults._fault import NoPlaceError
from harness.faults._places import in_flight, natural_site, sites_of
from harness.model import ZERO, Case, Interaction, Nanos, Request, Strike, Timeline, parse_duration
from harness.spec import Asked, Fault, FaultSite, Params

Lookup: TypeAlias = Callable[[str], Fault]
"""Names to faults. `get` knows those that are built in; whoever may look at entry points knows more."""


@dataclass(slots=True)
class Armed:
    """One strike in waiting. `times` is how many attempts it strikes, None for every one that its place names.

    `struck` counts those that it struck, `missed` says why it did not strike where it could have.
    """

    strike: Strike
    times: int | None = None
    lookup: Lookup = get
    struck: int = 0
    missed: str = ""

    def meets(self, call: int, attempt: int, answer: Interaction, asked_at: Nanos) -> bool:
        """True where it is to strike this attempt."""
        if self.times is not None and self.struck >= self.times:
            return False
        if self.strike.persistent and self.struck:
            return True
        place = self.strike.at
        if place.time:
            offset = Nanos(parse_duration(place.time) - asked_at)
            return in_flight(answer.timeline, offset) or (offset < 0 and not self.struck)
        return place.meets(call, 1 if self._is_any_attempt else attempt, answer.id)

    def apply(self, answer: Interaction, call: int, attempt: int, asked_at: Nanos) -> Interaction:
        """`answer` with the fault; unchanged, and remembered, where it has no such place. Raises ValueError where the
        fault has no form in its dialect."""
        fault = self.lookup(self.strike.kind)
        timeline, sites = sites_of(fault, self.strike.at, answer, asked_at)
        if not sites and self.strike.persistent and self.struck:  # the later answers may be shorter
            natural = natural_site(fault, answer.timeline)
            sites = (natural,) if natural else ()
        if not sites:
            self.missed = f"that answer has {_count(len(answer.timeline.chunks), 'chunk')}"
            return answer
        asked = Asked(_dialect(answer.request), answer.request, call, attempt)
        struck = self._struck(fault, timeline, sites, asked)
        if struck is None:
            return answer
        self.struck += 1
        if self.strike.at.time:
            struck = _not_before(struck, sites[0], Nanos(parse_duration(self.strike.at.time) - asked_at))
        return replace(answer, timeline=struck)

    def _struck(self, fault: Fault, timeline: Timeline, sites: Sequence[FaultSite], asked: Asked) -> Timeline | None:
        """The answer with the fault at each of `sites`, the last one first, so that the numbers of the others hold;
        None where it finds nothing to strike at any."""
        found = None
        for site in reversed(sites):
            try:
                timeline = found = fault.apply(timeline, site, dict(self.strike.params), asked)
            except NoPlaceError as reason:
                self.missed = self.missed or str(reason)
        return found

    @property
    def _is_any_attempt(self) -> bool:
        """True where no attempt was named, and more than one is to be struck: because `times` says so, or because
        the fault is one that lasts."""
        many = (self.times or 1) > 1 or getattr(self.lookup(self.strike.kind), "lasts", False)
        return many and self.strike.at.attempt == "1"

    def __str__(self) -> str:
        why = f": {self.missed}" if self.missed else ""
        return f"the fault {self.strike.kind} at {self.strike.at} never struck{why}"


class FaultOverlay:
    """An Overlay of armed faults, in the order in which they stand."""

    def __init__(self, armed: Iterable[Armed]) -> None:
        self.armed: tuple[Armed, ...] = tuple(armed)

    @classmethod
    def of(cls, cases: Iterable[str | Case | Strike], lookup: Lookup = get) -> FaultOverlay:
        """The strikes of `cases`, each of which strikes once unless it is persistent or its place says `*`. Raises
        ValueError for what is no case, an unknown fault, its parameters, and a place where it never strikes."""
        return cls(_armed(strike, lookup) for case in cases for strike in _strikes(case))

    def strike(self, call: int, attempt: int, answer: Interaction, asked_at: Nanos = ZERO) -> Interaction:
        """`answer` as attempt number `attempt` of call number `call` is to hear it, asked at `asked_at` since the
        session was opened. Raises ValueError where a fault has no form in its dialect."""
        for armed in self.armed:
            if armed.meets(call, attempt, answer, asked_at):
                answer = armed.apply(answer, call, attempt, asked_at)
        return answer

    def unstruck(self) -> Sequence[str]:
        """One line for each fault that never struck."""
        return [str(armed) for armed in self.armed if not armed.struck]


def strike_anywhere(
    kind: str, params: Params, answer: Timeline, dialect: str, request: Request | None = None, lookup: Lookup = get
) -> Timeline:
    """`answer` struck where the fault strikes by itself. Raises ValueError where it cannot."""
    fault = lookup(kind)
    site = natural_site(fault, answer)
    if site is None:
        message = f"{kind} finds no place to strike in this answer"
        raise ValueError(message)
    return fault.apply(answer, site, params, Asked(dialect, request))


def _armed(strike: Strike, lookup: Lookup) -> Armed:
    fault = lookup(strike.kind)
    check(fault, dict(strike.params))
    check_point(fault, strike.at.point)
    return Armed(strike, lookup=lookup)


def _not_before(timeline: Timeline, site: FaultSite, offset: Nanos) -> Timeline:
    """What follows the place no earlier than `offset`: a fault with a time strikes then, and not at the last chunk."""
    first = 1 + (site.chunk or 0) if timeline.head is not None else 0
    events = timeline.events
    moved = tuple((Nanos(max(at, offset)), event) for at, event in events[first:])
    return replace(timeline, events=(*events[:first], *moved), left_at=Nanos(max(timeline.left_at, offset)))


def _strikes(case: str | Case | Strike) -> tuple[Strike, ...]:
    match case:
        case str():
            return Case.parse(case).strikes
        case Case(strikes=strikes):
            return strikes
        case _:
            return (case,)


def _dialect(request: Request) -> str:
    known = recognise(request)
    return known[0].name if known else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
