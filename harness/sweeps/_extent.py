"""Extent: which of all points are swept, by what a file says: at which calls and chunks, which part, for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from harness.clock import real_monotonic_ns
from harness.model import Case, Nanos
from harness.sweeps._kinds import CANCEL, ORDER
from harness.sweeps._orders import order_of
from harness.sweeps._places import Point

_Of = TypeVar("_Of")
_EVERYWHERE: Final = ("all", "smart")


@dataclass(frozen=True, slots=True)
class Extent:
    """`calls` are numbers, empty for all; `chunks` is `all`, `smart` or words such as `first`, `last`, `every:8`;
    `attempts` is how many of each call; `cancel` says where one comes: `every-chunk`, `every-await`, `every-sleep`
    (which is an await). `shard` is a part of so many, `wall` how long it may take in real time."""

    calls: frozenset[str] = frozenset()
    chunks: str = "smart"
    attempts: int | None = None
    cancel: frozenset[str] = frozenset({"every-chunk", "every-await"})
    shard: tuple[int, int] = (1, 1)
    wall: Nanos | None = None

    def holds(self, point: Point, last: int) -> bool:
        """True where `point` belongs to it; `last` is the number of chunks of the answer that it strikes."""
        place = point.strike.at
        if point.strike.kind == ORDER:
            return not self.calls or {str(call) for call in order_of(point.case)} <= self.calls
        if self.calls and place.call not in self.calls:
            return False
        if self.attempts is not None and place.attempt.isdecimal() and int(place.attempt) > self.attempts:
            return False
        if point.strike.kind == CANCEL and not self._cancels_at(place.point):
            return False
        return place.point != "chunk" or self._has_chunk(int(place.index), last)

    def _cancels_at(self, point: str) -> bool:
        return bool(self.cancel & ({"every-await", "every-sleep"} if point == "await" else {"every-chunk"}))

    def _has_chunk(self, number: int, last: int) -> bool:
        return self.chunks in _EVERYWHERE or any(_says(word, number, last) for word in self.chunks.split(","))

    def part(self, cases: Sequence[_Of]) -> Sequence[_Of]:
        """Those of `cases` that are this shard's: every n-th, so that all shards have about the same to do."""
        number, of = self.shard
        return cases[number - 1 :: of]

    def clock(self) -> Deadline:
        """Begins to count `wall`."""
        return Deadline(None if self.wall is None else real_monotonic_ns() + self.wall)


@dataclass(slots=True)
class Deadline:
    """When to stop, in real time. `skipped` are the cases that were due later."""

    at_ns: int | None
    skipped: int = 0

    def is_over(self, case: Case) -> bool:
        """True, and `case` counted, where it is too late to run it."""
        del case
        over = self.at_ns is not None and real_monotonic_ns() > self.at_ns
        self.skipped += over
        return over


def _says(word: str, number: int, last: int) -> bool:
    if word.startswith("every:"):
        return number % int(word.removeprefix("every:")) == 0
    return number == {"first": 1, "last": last}[word]
