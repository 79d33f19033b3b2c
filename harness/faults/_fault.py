"""BuiltIn: a fault as the catalogue has it: a name, a place, what it takes, and one pure function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from harness.faults._params import Param, Values, read_all
from harness.faults._where import Place
from harness.model import Timeline
from harness.spec import Asked, FaultSite, Params

FaultPhase: TypeAlias = Literal["connect", "before-headers", "headers", "mid-stream", "end", "semantic", "benign"]
Effect: TypeAlias = Callable[[Timeline, FaultSite, Values, Asked], Timeline]


class NoPlaceError(ValueError):
    """There is nothing in this very answer for the fault to strike: no tool call, no finish reason, no such bytes."""


@dataclass(frozen=True, kw_only=True)
class BuiltIn:
    """A fault. `about` is one sentence for the catalogue, `effect` what it does, `place` where.

    `dialects` are those in which it has a form, all where it is empty. `usual` is where it strikes when nobody says
    where: the `first`, `middle` or `last` of its sites. `lasts`: it strikes every attempt, and not only the first.
    `is_benign`: what the answer means stays as it is.
    """

    name: str
    phase: FaultPhase
    about: str
    effect: Effect
    place: Place
    takes: Mapping[str, Param] = field(default_factory=dict)
    dialects: frozenset[str] = frozenset()
    usual: Literal["first", "middle", "last"] = "middle"
    lasts: bool = False

    @property
    def params(self) -> Mapping[str, str]:
        """What it takes, and a few words on each."""
        return {name: param.about for name, param in self.takes.items()}

    @property
    def points(self) -> frozenset[str]:
        """The words for the places at which it strikes."""
        return self.place.points

    @property
    def is_benign(self) -> bool:
        """True where the only result it may have is the one without it."""
        return self.phase == "benign"

    def refuse(self, params: Params) -> None:
        """Raises ValueError where a value is not what this fault takes."""
        read_all(self.takes, params)

    def sites(self, timeline: Timeline) -> Iterable[FaultSite]:
        """Everywhere it may strike in `timeline`."""
        return self.place.sites(timeline)

    def apply(self, timeline: Timeline, site: FaultSite, params: Params, asked: Asked) -> Timeline:
        """`timeline` with the fault. Raises ValueError at another site, in a dialect without a form, and for what it
        does not take; NoPlaceError where there is nothing to strike."""
        if site not in self.sites(timeline):
            raise _misplaced(self, site, timeline)
        if self.dialects and asked.dialect not in self.dialects:
            raise no_form(self.name, asked.dialect, self.dialects)
        return self.effect(timeline, site, read_all(self.takes, params), asked)


def no_form(name: str, dialect: str, having: frozenset[str]) -> ValueError:
    """The error of a fault that strikes in a dialect without a form of it."""
    where = dialect or "a dialect that is not known"
    return ValueError(f"{name} has no form in {where}; it has one in: {', '.join(sorted(having))}")


def _misplaced(fault: BuiltIn, site: FaultSite, timeline: Timeline) -> ValueError:
    if site.point not in {known.point for known in fault.sites(timeline)}:
        points = ", ".join(map(repr, sorted(fault.points)))
        return ValueError(f"{fault.name} strikes at {points}, and {site.point!r} is no such place in this answer")
    return ValueError(f"{fault.name} cannot strike at chunk {site.chunk} of an answer of {len(timeline.chunks)} chunks")
