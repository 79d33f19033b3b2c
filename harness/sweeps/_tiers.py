"""Tiers: how many of all points are run. What is provably the same as another is covered by it; what is left out is
counted and said."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from harness.errors import SweepError
from harness.faults import get
from harness.model import Case
from harness.sweeps._kinds import NO_FAULTS, ORDER, is_benign
from harness.sweeps._laid import Seen
from harness.sweeps._places import Point, structural

SMART_MAX: Final = 400
ONCE: Final = "once"
MODES: Final = (ONCE, "persistent")
Edges: TypeAlias = Mapping[tuple[str, str], frozenset[int]]


@dataclass(frozen=True, slots=True)
class Tier:
    """`smart`, `full` or `sample`, and how many points at most."""

    name: str
    most: int | None

    @classmethod
    def parse(cls, text: str, budget: Any = None) -> Tier:
        """The tier that `text` says. Raises SweepError."""
        if budget is not None and (not isinstance(budget, int) or budget < 1):
            message = f"budget={budget!r}: say how many points to run at most, 1 or more"
            raise SweepError(message)
        name, _, count = text.partition(":")
        if name == "sample" and count.isdecimal() and int(count):
            return cls(name, min(int(count), budget or int(count)))
        if text in {"smart", "full"}:
            return cls(text, (budget or SMART_MAX) if text == "smart" else budget)
        message = f"tier={text!r} is none: say smart, full, or sample:200 for two hundred points"
        raise SweepError(message)


@dataclass(frozen=True, slots=True)
class Planned:
    """The cases to run, in the order of the report; `covered` maps a case that is run to those that are the same as it;
    `left_out` counts the points of this tier that did not fit."""

    cases: tuple[Case, ...]
    covered: Mapping[str, tuple[str, ...]]
    left_out: int = 0


def plan(points: Iterable[Point], seen: Sequence[Seen], tier: Tier, modes: Sequence[str], seed: int) -> Planned:
    """What to run of `points`, which were counted over `seen`."""
    found = list(points)
    if tier.name == "smart":
        found = structural_of(found, edges_of(seen))
    kept, covered = _distinct(found)
    wanted = [case for mode in modes for case in _in_mode(kept if mode == ONCE else found, mode, tier)]
    cases = _within(wanted, tier, seed)
    return Planned(tuple(cases), covered, len(wanted) - len(cases))


def edges_of(seen: Sequence[Seen]) -> Edges:
    """The places within each answer of `seen` at which its structure changes. To find them it is decoded."""
    return {(str(one.call), str(one.attempt)): structural(one.answer) for one in seen}


def structural_of(points: Iterable[Point], edges: Edges) -> list[Point]:
    """Those of `points` that are no place within an answer, or one of its `edges`."""
    return [point for point in points if _is_structural(point, edges)]


def _is_structural(point: Point, edges: Edges) -> bool:
    place = point.strike.at
    if place.point != "chunk":
        return True
    return int(place.index) in edges.get((place.call, place.attempt), frozenset())


def _distinct(points: Sequence[Point]) -> tuple[list[Point], dict[str, tuple[str, ...]]]:
    """The first of all points after which the caller hears the same at the same times; the others are covered by it.

    Equal events in an equal run are the same run: this is all that is taken for proof. It holds for a fault that
    strikes one answer, and where the same is expected of both.
    """
    first: dict[object, Point] = {}
    covered: dict[str, list[str]] = {}
    kept = []
    for point in points:
        place, kind = point.strike.at, point.strike.kind
        alone = point.heard is not None and not getattr(get(kind), "lasts", False)
        heard = (place.call, place.attempt, is_benign(kind), point.heard) if alone else point
        earlier = first.setdefault(heard, point)
        if earlier is point:
            kept.append(point)
        else:
            covered.setdefault(str(earlier.case), []).append(str(point.case))
    return kept, {name: tuple(names) for name, names in covered.items()}


def _in_mode(points: Sequence[Point], mode: str, tier: Tier) -> list[Case]:
    """Smart strikes for ever only from the first place of each kind in each call: what comes after is the same."""
    if mode == ONCE:
        return [point.case for point in points]
    begun: set[tuple[str, str]] = set()
    cases = []
    for point in points:
        kind = (point.strike.kind, point.strike.at.call)
        if point.strike.kind in NO_FAULTS or (tier.name == "smart" and kind in begun):
            continue
        begun.add(kind)
        cases.append(Case((replace(point.strike, persistent=True),)))
    return cases


def _within(cases: Sequence[Case], tier: Tier, seed: int) -> list[Case]:
    """At most so many: a seeded sample, or of every kind and call the first ones in turn, after the orders, which are
    few and which no other case says anything about."""
    if tier.most is None or len(cases) <= tier.most:
        return list(cases)
    if tier.name == "sample":
        places = sorted(random.Random(seed).sample(range(len(cases)), tier.most))  # noqa: S311 - no secret
        return [cases[place] for place in places]
    ranks: dict[tuple[str, str, bool], int] = {}
    ranked = []
    for place, case in enumerate(cases):
        strike = case.strikes[0]
        group = (strike.kind, strike.at.call, strike.persistent)
        ranks[group] = rank = ranks.get(group, -1) + 1
        ranked.append((-1 if strike.kind == ORDER else rank, place))
    taken = sorted(place for _, place in sorted(ranked)[: tier.most])
    return [cases[place] for place in taken]
