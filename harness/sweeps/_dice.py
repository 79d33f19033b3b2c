"""Dice: chance falls the same way in every run.

`random` is seeded. Trio rolls dice of its own for which task runs next. asyncio keeps coroutines and tasks in sets, in
the order of addresses: `as_completed` begins bare coroutines in it, and `wait` gives its tasks in it. Concurrent
calls would go out in another order in each run, and no two runs would be the same.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

_Of = TypeVar("_Of")


class InOrder(set[_Of]):
    """A set that gives its items in the order in which they were put in."""

    def __init__(self, items: Iterable[_Of] = ()) -> None:
        super().__init__()
        self._order: dict[_Of, None] = {}
        for item in items:
            self.add(item)

    def add(self, item: _Of) -> None:
        """Put `item` in."""
        self._order[item] = None
        super().add(item)

    def __iter__(self) -> Iterator[_Of]:
        """What is in it, first in first; last what came in by an operator."""
        rest = [item for item in set(self) if item not in self._order]
        return iter([*(item for item in self._order if item in self), *rest])

    def pop(self) -> _Of:
        """Take out the first. Raises KeyError where there is none."""
        for item in self:
            self.discard(item)
            return item
        return super().pop()


@contextmanager
def same_dice(seed: int) -> Iterator[None]:
    """Within the block all chance that is not the subject's own begins with `seed`."""
    state = random.getstate()
    random.seed(seed)
    try:
        with _trio_seeded(seed), _tasks_in_order():
            yield
    finally:
        random.setstate(state)


@contextmanager
def _trio_seeded(seed: int) -> Iterator[None]:
    """Its dice are those that Hypothesis is given as well. Where trio is loaded later, they are as they are."""
    dice = getattr(sys.modules.get("trio._core._run"), "_r", None)
    if not isinstance(dice, random.Random):
        yield
        return
    state = dice.getstate()
    dice.seed(seed)
    try:
        yield
    finally:
        dice.setstate(state)


@contextmanager
def _tasks_in_order() -> Iterator[None]:
    """The sets of asyncio's own functions, whoever has imported these by what name."""
    names = vars(asyncio.tasks)
    before = names.get("set")
    names["set"] = InOrder
    try:
        yield
    finally:
        if before is None:
            del names["set"]
        else:
            names["set"] = before
