"""Orders: which calls are open at the same time, in which other orders they could complete, and what such a case is
called.

    call=1-3/kind=order,as=3-1-2      of the calls 1 to 3 the third completes first, then the first, then the second

Rules:

1. Calls belong together where there was a moment at which all of them were open: none had ended when the last was
   asked. Until that moment every order is the same run, so each of them can be had.
2. Up to four calls are taken in every order but the recorded one, those with the fewest inversions first. Of more, each
   exchange of two that complete one after the other is taken, the reverse, and a seeded sample.
3. Where two ended at the same instant nobody knows which was first, and no order is left out as the recorded one.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, permutations
from math import factorial
from typing import Final

from harness.engine import Entry
from harness.model import Case, Locator, Nanos, Strike
from harness.sweeps._kinds import ORDER

ALL_UP_TO: Final = 4
"""Of so many calls every order is run: 24. Of five it would be 120."""
SAMPLED: Final = factorial(ALL_UP_TO)
_EXCHANGES_MAX: Final = SAMPLED // 2
_AS: Final = "as"
Order = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Together:
    """Calls that were open at the same time: the last attempt of each, in the order in which they ended. `since` is
    when the last was asked, as an offset since the session was opened."""

    entries: tuple[Entry, ...]

    @property
    def calls(self) -> Order:
        """Their numbers, in the order in which they ended."""
        return tuple(entry.call for entry in self.entries)

    @property
    def since(self) -> Nanos:
        """When the last of them was asked: from here on all were open."""
        return max(entry.at for entry in self.entries)

    @property
    def is_tied(self) -> bool:
        """True where two ended at the same instant."""
        return any(over_at(one) == over_at(after) for one, after in pairwise(self.entries))


def over_at(entry: Entry) -> Nanos:
    """When the caller had the last of an answer, or left it."""
    if entry.left is not None:
        return entry.left_at
    return entry.events[-1][0] if entry.events else entry.at


def together(history: Iterable[Entry]) -> list[Together]:
    """The calls of `history` that were open at the same time, each group as large as can be."""
    entries = last_attempts(history)
    found: list[frozenset[int]] = []
    begun: list[Entry] = []
    for entry in sorted(entries.values(), key=lambda one: (one.at, one.call)):
        begun.append(entry)
        open_then = frozenset(one.call for one in begun if over_at(one) > entry.at)
        if len(open_then) > 1 and entry.call in open_then:
            found = [*(group for group in found if not group < open_then), open_then]
    return [Together(tuple(sorted((entries[call] for call in group), key=_ended))) for group in found]


def last_attempts(history: Iterable[Entry]) -> dict[int, Entry]:
    """The last attempt of each call, by its number."""
    return {entry.call: entry for entry in history}


def is_timeless(history: Iterable[Entry]) -> bool:
    """True where calls took no time and began at the same instant: nobody can say whether they were open together."""
    entries = list(last_attempts(history).values())
    return any(one.at == over_at(one) == other.at for one, other in combinations(entries, 2))


def orders(group: Together, seed: int) -> list[Order]:
    """The orders of `group` to run, by rule 2."""
    recorded = group.calls
    found: Iterable[Order] = permutations(recorded) if len(recorded) <= ALL_UP_TO else _sample(recorded, seed)
    kept = [order for order in found if group.is_tied or order != recorded]
    return sorted(kept, key=lambda order: (inversions(order, recorded), order))


def _sample(recorded: Order, seed: int) -> set[Order]:
    found = {recorded[::-1], *list(_exchanged(recorded))[:_EXCHANGES_MAX]}
    chance = random.Random(seed)  # noqa: S311 - no secret
    while len(found) < SAMPLED:
        found.add(tuple(chance.sample(recorded, len(recorded))))
    return found - {recorded}


def _exchanged(order: Order) -> Iterator[Order]:
    for place in range(len(order) - 1):
        yield (*order[:place], order[place + 1], order[place], *order[place + 2 :])


def inversions(order: Sequence[int], recorded: Sequence[int]) -> int:
    """How many pairs of `order` end the other way round than in `recorded`."""
    ranks = {call: rank for rank, call in enumerate(recorded)}
    return sum(ranks[one] > ranks[after] for one, after in combinations(order, 2))


def nearer(order: Order, recorded: Order) -> list[Order]:
    """Orders that are nearer to `recorded` than `order` is: those of one exchange, then those of one less."""
    most = inversions(order, recorded)
    simple = [one for one in _exchanged(recorded) if most > 1]
    return simple + [one for one in _exchanged(order) if 0 < inversions(one, recorded) < most]


def case_of(order: Order) -> Case:
    """The case that lets the calls complete in `order`."""
    low, high = min(order), max(order)
    label = f"{low}-{high}" if high - low + 1 == len(order) else ",".join(map(str, sorted(order)))
    return Case((Strike(Locator(label), ORDER, ((_AS, "-".join(map(str, order))),)),))


def order_of(case: Case | None) -> Order:
    """The order that `case` says; empty where it says none. Raises ValueError for one that is no order."""
    said = next((strike for strike in case.strikes if strike.kind == ORDER), None) if case is not None else None
    if said is None:
        return ()
    parts = str(dict(said.params).get(_AS, "")).split("-")
    if len(set(parts)) < max(2, len(parts)) or not all(part.isdecimal() for part in parts):
        message = f"{said} is no order: it reads call=1-3/kind=order,as=3-1-2, each number being a call"
        raise ValueError(message)
    return tuple(map(int, parts))


def _ended(entry: Entry) -> tuple[Nanos, int]:
    return over_at(entry), entry.call
