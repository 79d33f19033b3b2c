"""Who waits, who is ready, and who comes next. Decides nothing about time, and waits for nobody."""

from __future__ import annotations

import heapq
from collections import deque

from harness.clock._waiter import State, Waiter
from harness.model import NEVER, Nanos


class Queue:
    """The waits of one clock. The ready leave in the order in which they came; the timed by deadline, then by order."""

    def __init__(self) -> None:
        self.ready: deque[Waiter] = deque()
        self._blocked: dict[Waiter, None] = {}
        self._timed: list[tuple[Nanos, int, int, Waiter]] = []

    def add(self, waiter: Waiter, arrival: int) -> None:
        """It waits. `arrival` grows from one to the next."""
        waiter.state = State.BLOCKED
        self._blocked[waiter] = None
        if waiter.deadline < NEVER:
            order = arrival if waiter.order is None else waiter.order
            heapq.heappush(self._timed, (waiter.deadline, order, arrival, waiter))

    def end(self, waiter: Waiter, state: State) -> None:
        """Its wait is over, and it is ready to run."""
        waiter.state = state
        self._blocked.pop(waiter, None)
        self.ready.append(waiter)

    def drop(self, waiter: Waiter) -> None:
        """It waits no longer and does not come back."""
        waiter.state = State.FAILED
        self._blocked.pop(waiter, None)

    def blocked(self) -> tuple[Waiter, ...]:
        """Everybody who waits, the longest first."""
        return tuple(self._blocked)

    def next_deadline(self) -> Nanos:
        """When the first wait times out; NEVER where none does."""
        while self._timed and self._timed[0][-1].state is not State.BLOCKED:
            heapq.heappop(self._timed)
        return self._timed[0][0] if self._timed else NEVER

    def first_timed(self) -> Waiter:
        """The wait whose deadline `next_deadline` is."""
        return self._timed[0][-1]

    def clear(self) -> tuple[list[Waiter], list[Waiter]]:
        """Empty it: who was ready, and who waited."""
        left = list(self.ready), list(self._blocked)
        self.ready.clear()
        self._blocked.clear()
        self._timed.clear()
        return left
