"""Overlaps: which calls of a run were open at the same time, learnt from the run without faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import factorial

from harness.model import ZERO, Case, Nanos
from harness.sweeps._orders import ALL_UP_TO, Order, Together, case_of, is_timeless, order_of, orders, together
from harness.sweeps._outcome import Outcome
from harness.sweeps._places import Point
from harness.sweeps._schedule import LATE, Schedule, schedule


@dataclass(frozen=True, slots=True)
class Overlaps:
    """The `groups` of calls that were open at the same time, learnt with every answer `late`. `note` says why there is
    nothing to learn."""

    groups: tuple[Together, ...] = ()
    late: Nanos = ZERO
    note: str = ""

    def schedule(self, case: Case | None) -> Schedule | None:
        """When answers have to come for the calls to complete as `case` says; None where it says no order, or one of
        calls that were not open at the same time."""
        order = order_of(case)
        group = self._group(order)
        return schedule(order, group, self.late) if group is not None else None

    def recorded(self, case: Case) -> Order:
        """The calls of `case` in the order in which they completed without it; that in which they were asked where
        they were not open together."""
        group = self._group(order_of(case))
        return group.calls if group is not None else tuple(sorted(order_of(case)))

    def points(self, seed: int) -> Iterator[Point]:
        """Every order in which the calls of a group are to complete."""
        for group in self.groups:
            for number, order in enumerate(orders(group, seed), 1):
                yield Point(case_of(order).strikes[0], number)

    def notes(self, seed: int) -> list[str]:
        """What is not run of all orders, and why."""
        told = [_sampled(group, seed) for group in self.groups]
        return [note for note in (self.note, *told) if note]

    def none_of(self, calls: int) -> str:
        """That there is nothing to change among so many calls."""
        which = f"no two of the {calls} calls are open at the same time" if calls > 1 else "there is one call"
        return (
            f"{which}, so there is no order to change{': ' + self.note if self.note else ''}\n"
            "  next: ask concurrently, or leave schedules and the kind order out"
        )

    def unknown(self, case: Case) -> str:
        """That the calls of `case` are not open at the same time, and which are."""
        known = ", ".join(" ".join(map(str, sorted(group.calls))) for group in self.groups)
        return (
            f"{case} cannot be run: its calls are not open at the same time, "
            f"{'these are: ' + known if known else 'and no others are'}"
        )

    def _group(self, order: Order) -> Together | None:
        """The calls of `order`, in the order in which they ended: whichever of those that were open together."""
        found = next((group for group in self.groups if order and set(order) <= set(group.calls)), None)
        return Together(tuple(one for one in found.entries if one.call in order)) if found is not None else None


def overlaps(first: Outcome, run: Callable[[Schedule], Outcome]) -> Overlaps:
    """What was open together in `first`. Where calls took no time, as in a recording that knows none, `run` shows it in
    one more run, in which every answer takes a moment."""
    if not is_timeless(first.history):
        return Overlaps(tuple(together(first.history)))
    slow = run(Schedule(late=LATE))
    if slow.missed or not slow.returned or not first.terms.same(slow.result, first.result):
        how = slow.missed[0].splitlines()[0] if slow.missed else slow.ending
        return Overlaps(note=f"orders are not swept: where every answer takes {LATE // 10**6}ms the run differs: {how}")
    return Overlaps(tuple(together(slow.history)), LATE)


def _sampled(group: Together, seed: int) -> str:
    """That only a sample of the orders of `group` is run; empty where all are."""
    count = len(group.calls)
    if count <= ALL_UP_TO:
        return ""
    named = case_of(group.calls).strikes[0].at.call
    return f"calls {named}: {len(orders(group, seed))} of {factorial(count)} orders, a sample (seed {seed})"
