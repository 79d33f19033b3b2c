"""The moment it is, and what the test has put on the timeline."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

from harness.clock._duration import describe
from harness.clock._real import real_lock
from harness.errors import HorizonExceededError, VirtualTimeError
from harness.model import NEVER, Nanos


class Agenda:
    """`now` and the actions to come. Time only moves forward; an action runs exactly at its moment."""

    def __init__(self, horizon: Nanos) -> None:
        self.now = Nanos(0)
        self.horizon = horizon
        self.is_acting = False
        self._order = itertools.count()
        self.actions: list[tuple[Nanos, int, Callable[[], object]]] = []
        self._mutex = real_lock()

    def next_order(self) -> int:
        """A number that grows: what was armed first goes first among equals."""
        return next(self._order)

    def add(self, at: Nanos, action: Callable[[], object]) -> None:
        """Put `action` on the timeline. A past moment means now: it runs before time moves on."""
        with self._mutex:
            heapq.heappush(self.actions, (Nanos(max(at, self.now)), self.next_order(), action))

    def next_at(self) -> Nanos:
        """When the next action is due; NEVER where there is none."""
        return self.actions[0][0] if self.actions else NEVER

    def moments(self) -> tuple[Nanos, ...]:
        """When there is something to do."""
        return tuple(sorted(at for at, _, _ in self.actions))

    def move_to(self, at: Nanos) -> None:
        """Let it be `at`, unless it is later already."""
        self.now = max(self.now, at)

    def run_next(self) -> None:
        """Move to the next action and do it."""
        with self._mutex:
            at, _, action = heapq.heappop(self.actions)
        self.move_to(at)
        self.is_acting = True
        try:
            action()
        finally:
            self.is_acting = False

    def run_due(self) -> None:
        """Do what is due already."""
        while self.next_at() <= self.now and not self.is_acting:
            self.run_next()

    def refuse_waiting(self) -> None:
        """An action that waits would hold up the time it waits for."""
        if self.is_acting:
            message = (
                "an action on the timeline must not wait: it runs between two moments\n"
                "  put the second half on the timeline too: clock.call_at(later, rest)"
            )
            raise VirtualTimeError(message)

    def exceeded(self, at: Nanos) -> HorizonExceededError | None:
        """The error to raise where `at` is past the horizon."""
        if at <= self.horizon:
            return None
        return HorizonExceededError(
            f"it is {describe(self.now)} and the next thing happens at {describe(at)}, past the horizon of "
            f"{describe(self.horizon)}: this would have taken longer than anyone waits\n"
            "  if that is meant, open the clock with a longer horizon=..."
        )
