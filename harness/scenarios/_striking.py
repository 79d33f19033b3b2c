"""The faults of a scenario that have a place, and which of them were struck."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from harness import faults
from harness.model import Locator, Request, Timeline
from harness.scenarios._answer import at_byte, token_chunks
from harness.scenarios._scenario import Fault, FaultAt
from harness.spec import Dialect, FaultSite
from harness.spec import Fault as AnyFault


@dataclass(slots=True)
class Armed:
    """One fault at one place. `missed` says why it did not strike where it could have."""

    fault: FaultAt
    struck: int = 0
    missed: str = ""

    def meets(self, call: int, attempt: int, call_id: str) -> bool:
        """True where it is to strike this attempt."""
        if self.fault.times is not None and self.struck >= self.fault.times:
            return False
        place = self.fault.locator
        return place.meets(call, 1 if self.fault.is_any_attempt else attempt, call_id)

    def strike(self, answer: Timeline, dialect: Dialect, request: Request) -> Timeline:
        """`answer` with the fault; unchanged, and remembered, where it has no such place. Raises ValueError where the
        fault has no form in `dialect`."""
        known = faults.get(self.fault.kind)
        found = _site(known, self.fault.locator, answer, dialect, request)
        if found is None:
            self.missed = f"that answer has {_count(len(answer.chunks), 'chunk')}"
            return answer
        self.struck += 1
        return known.apply(found[0], found[1], self.fault.params, dialect.name)

    def __str__(self) -> str:
        why = f": {self.missed}" if self.missed else ""
        return f"the fault {self.fault.kind} at {self.fault.at} never struck{why}"


def strike_anywhere(fault: Fault, answer: Timeline, dialect: Dialect) -> Timeline:
    """`answer` struck where `fault` strikes by itself. Raises ValueError where it cannot."""
    known = faults.get(fault.kind)
    site = _natural(known, answer)
    if site is None:
        message = f"{fault.kind} finds no place to strike in this answer"
        raise ValueError(message)
    return known.apply(answer, site, fault.params, dialect.name)


def _site(
    fault: AnyFault, place: Locator, answer: Timeline, dialect: Dialect, request: Request
) -> tuple[Timeline, FaultSite] | None:
    """The place in this very answer, which `byte=` may have to be cut for; None where there is none."""
    if not place.point:
        natural = _natural(fault, answer)
        return (answer, natural) if natural else None
    if place.point == "byte":
        cut = at_byte(answer, _from_end(place.index, len(answer.body)))
        return (cut[0], FaultSite("chunk", cut[1])) if cut else None
    site = FaultSite(place.point)
    if place.point == "chunk":
        site = FaultSite("chunk", _from_end(place.index, len(answer.chunks)))
    if place.point == "token" and answer.head is not None:
        carried = token_chunks(dialect, request, answer.head, answer.chunks)
        number = _from_end(place.index, len(carried))
        site = FaultSite("chunk", carried[number - 1] if 1 <= number <= len(carried) else 0)
    return (answer, site) if site in fault.sites(answer) else None


def _natural(fault: AnyFault, answer: Timeline) -> FaultSite | None:
    """Where `fault` strikes when nobody says where: its only place, or the middle of the answer."""
    sites = list(fault.sites(answer))
    return next(islice(sites, (len(sites) - 1) // 2, None), None) if sites else None


def _from_end(index: str, length: int) -> int:
    number = int(index)
    return number if number > 0 else length + 1 + number


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
