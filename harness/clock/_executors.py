"""Thread pools that are older than the window: their workers wait in C code, outside of every window.

A job that a participant gives to such a pool takes part while it runs, and while it is on its way to a free worker,
time does not jump.
Pools made inside of the window need none of this: their queues and threads are virtual already.
"""

from __future__ import annotations

import queue
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import thread as _pool
from typing import TYPE_CHECKING, Any, Final

from harness.clock._active import mine
from harness.clock._real import in_real_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.clock._virtual import VirtualClock

_real_submit: Final = ThreadPoolExecutor.submit
_real_run: Final[Any] = _pool._WorkItem.run  # noqa: SLF001 - around it the result is set too
_C_QUEUE: Final = queue.SimpleQueue

_busy: Final[weakref.WeakKeyDictionary[ThreadPoolExecutor, int]] = weakref.WeakKeyDictionary()
"""How many workers of a pool run jobs of ours."""


class _Job:
    """A job on its way to a worker that does not take part."""

    def __init__(self, clock: VirtualClock, pool: ThreadPoolExecutor) -> None:
        self.clock = clock
        self.pool = pool
        clock.baton.expect(self, self.is_about_to_start)

    def is_about_to_start(self) -> bool:
        """True while a worker is free to take it: behind busy workers it waits for virtual time, like everybody."""
        return _busy.get(self.pool, 0) < self.pool._max_workers  # noqa: SLF001 - the pool does not say otherwise

    def run(self, item: Any, *args: Any) -> None:
        """Run as a participant, to the end of what the future's waiters are told."""
        with self.clock.taking_part():
            _busy[self.pool] = _busy.get(self.pool, 0) + 1
            self.clock.baton.arrived(self)
            try:
                _real_run(item, *args)
            finally:
                _busy[self.pool] -= 1


def is_idle(pool: ThreadPoolExecutor) -> bool:
    """True where every worker of `pool` waits for work and there is none."""
    idle, threads = pool._idle_semaphore, pool._threads  # noqa: SLF001 - the pool does not say otherwise
    return idle._value >= len(threads) and pool._work_queue.empty()  # noqa: SLF001


def submit(pool: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
    """In place of `ThreadPoolExecutor.submit`."""
    clock = mine()
    if clock is None or not isinstance(pool._work_queue, _C_QUEUE):  # noqa: SLF001 - tells the older from the younger
        return _real_submit(pool, function, *args, **kwargs)
    # Its workers are real threads, whenever they start.
    with in_real_time():
        return _real_submit(pool, _Named(_Job(clock, pool), function), *args, **kwargs)


class _Named:
    """A function that carries its job."""

    def __init__(self, job: _Job, function: Callable[..., Any]) -> None:
        self.job = job
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


def run(item: Any, *args: Any) -> None:
    """In place of the pool's work item's `run`."""
    named = getattr(item, "fn", None)
    if isinstance(named, _Named) and named.job.clock.baton.is_open:
        named.job.run(item, *args)
    else:
        _real_run(item, *args)
