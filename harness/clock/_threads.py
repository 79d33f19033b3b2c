"""Starting and joining threads while a window is open: a participant's threads take part too."""

from __future__ import annotations

import _thread
import sys
import threading
import weakref
from concurrent.futures import thread as _pool
from typing import Final

from harness.clock._active import installed_clock, mine
from harness.clock._baton import Baton
from harness.clock._lock import VirtualLock
from harness.clock._real import in_real_time, real_lock, real_thread_join, real_thread_start
from harness.clock._stuck import line_of
from harness.clock._trio import running_trio
from harness.clock._turn import end_parked
from harness.clock._waiter import Waiter

_running: Final[weakref.WeakKeyDictionary[threading.Thread, VirtualLock]] = weakref.WeakKeyDictionary()
"""Held by each participating thread until it ends: what `join` waits for."""


_started_at: Final[weakref.WeakKeyDictionary[threading.Thread, str]] = weakref.WeakKeyDictionary()


def started_at(thread: threading.Thread) -> str:
    """`at file:line in function` of who started `thread`, where that was a participant of a window."""
    return _started_at.get(thread, "outside of a window")


def start(thread: threading.Thread) -> None:
    """In place of `threading.Thread.start`."""
    clock = mine()
    if clock is None:
        real_thread_start(thread)
        return
    if running_trio() is not None:
        # Trio's threads are real. The starter waits for the thread to be there, and that wait must not be a turn: it
        # would do what is next on the timeline.
        with in_real_time():
            real_thread_start(thread)
        return
    _started_at[thread] = line_of(sys._getframe())  # noqa: SLF001 - the only way to the caller's line
    entry, is_here = Waiter(), real_lock()
    is_here.acquire()
    done = VirtualLock()
    done.acquire()
    original = thread.run

    def run() -> None:
        entry.ident = _thread.get_ident()
        is_here.release()
        entry.gate.acquire()
        try:
            original()
        finally:
            done.release()
            _leave(thread)

    thread.run = run  # type: ignore[method-assign] # the only step of a thread's life that is ours to wrap
    try:
        # The starter waits for the thread to be there. That wait is real: it is short, and it must not be a turn.
        with in_real_time():
            real_thread_start(thread)
            is_here.acquire()
    finally:
        del thread.run
    _running[thread] = done
    clock.baton.invite(entry)


def _end_abandoned() -> None:
    # Workers of pools are spared: the pools tell them to stop, a moment after this.
    end_parked({thread.ident for thread in _pool._threads_queues if thread.ident is not None})  # noqa: SLF001


# The only hook before the interpreter joins threads that nobody else will end; concurrent.futures takes the same one.
threading._register_atexit(_end_abandoned)  # type: ignore[attr-defined] # noqa: SLF001


def _leave(thread: threading.Thread) -> None:
    # Of the window that is open now: a thread parked by an earlier one may have been woken into it.
    clock = installed_clock()
    if clock is not None:
        clock.baton.leave(thread)


def join(thread: threading.Thread, timeout: float | None = None) -> None:
    """In place of `threading.Thread.join`."""
    clock, done = mine(), _running.get(thread)
    if clock is None or thread is threading.current_thread():
        real_thread_join(thread, timeout)
    elif done is not None:
        _join_participant(thread, done, timeout)
    else:
        _join_stranger(clock.baton, thread, timeout)


def _join_participant(thread: threading.Thread, done: VirtualLock, timeout: float | None) -> None:
    if done.acquire(timeout=-1 if timeout is None else max(timeout, 0)):
        done.release()
        with in_real_time():
            real_thread_join(thread)


def _join_stranger(baton: Baton, thread: threading.Thread, timeout: float | None) -> None:
    if not thread.is_alive():
        real_thread_join(thread, timeout)
        return
    with baton.outside():
        real_thread_join(thread, timeout)
