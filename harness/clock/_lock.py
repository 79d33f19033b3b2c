"""The lock that `threading` hands out while a window is open.

Everything that blocks in Python's threading sits on it.
"""

from __future__ import annotations

from collections import deque
from types import TracebackType

from harness.clock._active import mine
from harness.clock._real import real_lock
from harness.clock._waiter import Waiter
from harness.model import NEVER, Nanos, seconds


class VirtualLock:
    """A `threading.Lock` whose waiting is virtual for participants, and real for everybody else."""

    __slots__ = ("__weakref__", "_inner", "_waiters")

    def __init__(self) -> None:
        self._inner = real_lock()
        self._waiters: deque[Waiter] = deque()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002 - threading's signature
        """As `threading.Lock.acquire`."""
        if not blocking or timeout == 0:
            return bool(self._inner.acquire(blocking, timeout))
        if self._inner.acquire(blocking=False):
            return True
        clock = mine()
        if clock is None:
            return bool(self._inner.acquire(timeout=timeout))
        if timeout < 0:
            return self._acquire_until(NEVER)
        return self._acquire_until(Nanos(clock.agenda.now + seconds(timeout)))

    def _acquire_until(self, deadline: Nanos) -> bool:
        while (clock := mine()) is not None:
            waiter = Waiter(deadline)
            self._waiters.append(waiter)
            # Once more, now that a release would find us: one from a foreign thread may have come in between.
            taken = self._inner.acquire(blocking=False)
            try:
                woken = taken or clock.baton.block(waiter)
            finally:
                self._forget(waiter)
            if taken or self._inner.acquire(blocking=False):
                return True
            if not woken and deadline < NEVER:
                return False
        return bool(self._inner.acquire(timeout=-1 if deadline >= NEVER else 0))

    def _forget(self, waiter: Waiter) -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)

    def release(self) -> None:
        """As `threading.Lock.release`; wakes the first one who waits."""
        self._inner.release()
        while self._waiters:
            waiter = self._waiters.popleft()
            if _wake(waiter):
                break

    def locked(self) -> bool:
        """As `threading.Lock.locked`."""
        return bool(self._inner.locked())

    def _at_fork_reinit(self) -> None:
        self._inner = real_lock()
        self._waiters.clear()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"<{'locked' if self.locked() else 'unlocked'} {type(self).__name__} at {id(self):#x}>"


def _wake(waiter: Waiter) -> bool:
    clock = mine()
    baton = clock.baton if clock is not None else waiter.baton
    if baton is not None:
        return baton.wake(waiter)
    # Not blocked yet: it takes a last look at the lock before it does.
    return False
