"""Real time and real locks, taken before anybody replaces them.

Whoever must know the real time, or must lock for real while a window of virtual time is open (the engine's lock, the
recorder), takes it from here.
"""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from harness.model import Nanos

real_sleep: Final = time.sleep
real_monotonic: Final = time.monotonic
real_time: Final = time.time
real_perf_counter: Final = time.perf_counter
real_monotonic_ns: Final = time.monotonic_ns
real_time_ns: Final = time.time_ns
real_perf_counter_ns: Final = time.perf_counter_ns
real_rlock: Final = _thread.RLock
real_thread_start: Final = threading.Thread.start
real_thread_join: Final = threading.Thread.join

_allocate: Final = _thread.allocate_lock


def real_lock() -> Any:
    """A lock of the interpreter, even while `threading.Lock` makes virtual ones."""
    return _allocate()


def real_now() -> Nanos:
    """Real monotonic time in nanoseconds."""
    return Nanos(real_monotonic_ns())


class _Depth(threading.local):
    """How many `in_real_time` blocks this thread is in."""

    value = 0


_depth: Final = _Depth()


@contextmanager
def in_real_time() -> Iterator[None]:
    """Within the block this thread's sleeps, waits and locks are real, whatever window is open.

    It keeps its turn meanwhile: for something long, `Baton.outside` lets the others run.
    """
    _depth.value += 1
    try:
        yield
    finally:
        _depth.value -= 1


def is_in_real_time() -> bool:
    """True inside `in_real_time`."""
    return _depth.value > 0
