"""A thread in real time that looks after the baton: who holds it and does something real, without saying so?

A C lock that is older than the window, a socket, a debugger's prompt: whoever blocks there keeps the baton, and the
others, one of whom may hold that very lock, never run.
So after a while the monitor takes the baton away.
It costs nothing while only one thread takes part, and the order is lost only where a program waits for something real.
A machine that is busy with something else must not look like that: time in which this thread was kept waiting itself
does not count, and a thread that could run and does not get to is not stuck.
"""

from __future__ import annotations

import _thread
import os
import threading
import time
from dataclasses import dataclass, field
from typing import Final

from harness.clock._active import installed_clock
from harness.clock._baton import Baton
from harness.clock._real import real_lock, real_now, real_sleep
from harness.model import ZERO, Nanos, as_seconds

_TICK_S: Final = 0.01
_STUCK_S: Final = 0.1
"""This long without a turn and without processor time: it waits for something real."""
_BUSY_S: Final = 1.0
"""This long without a turn, working or not: a loop that waits for another thread by looking."""
_WORK_S: Final = 0.01
"""Less processor time than this is not work."""


@dataclass(slots=True)
class _Look:
    """What was seen of the holder when it got the baton."""

    turn: tuple[int, int] = (-1, -1)
    at: Nanos = ZERO
    waited_s: float = 0.0
    work_s: float = 0.0


@dataclass(slots=True)
class _Monitor:
    process: int = 0
    bell: _thread.LockType = field(default_factory=real_lock)


_monitor: Final = _Monitor()


def watch() -> None:
    """See to it that the open window is looked after. Cheap when it is already."""
    if _monitor.process != os.getpid():
        # The first window of this process; a fork has the variable and not the thread.
        _monitor.process, _monitor.bell = os.getpid(), real_lock()
        _thread.start_new_thread(_run, (_monitor.bell,))
    elif _monitor.bell.locked():
        _monitor.bell.release()


def _run(bell: _thread.LockType) -> None:
    while True:
        _look_after_window()
        bell.acquire()


def _look_after_window() -> None:
    last = _Look()
    while (clock := installed_clock()) is not None and clock.baton.is_crowded:
        last = look(clock.baton, last)
        real_sleep(_TICK_S)


def look(baton: Baton, last: _Look) -> _Look:
    """One look: jump where a jump is earned, take the baton where it is stuck."""
    turn = (baton.turns, baton.holder)
    if baton.is_idle:
        baton.earned()
        return _Look()
    now = real_now()
    if turn != last.turn:
        return _Look(turn, now, 0.0, _work_s(baton))
    waited_s = last.waited_s + min(as_seconds(Nanos(now - last.at)), 2 * _TICK_S)
    is_stuck = waited_s > _STUCK_S and _work_s(baton) - last.work_s < _WORK_S and not _could_run(baton.holder)
    if is_stuck or waited_s > _BUSY_S:
        baton.push_outside(turn[1], turn[0])
        return _Look()
    return _Look(turn, now, waited_s, last.work_s)


def _could_run(ident: int) -> bool:
    """True where the system says that this thread runs, or would if it got a processor.

    False where it does not tell.
    """
    # Not `threading.enumerate`: it takes a lock, and who holds that may be the one who is stuck.
    thread = threading._active.get(ident)  # type: ignore[attr-defined] # noqa: SLF001
    if thread is None:
        return False
    try:
        with open(f"/proc/self/task/{thread.native_id}/stat", "rb") as file:  # noqa: PTH123 - at most ten times a second
            return file.read().rpartition(b") ")[2][:1] in {b"R", b"D"}
    except OSError:
        return False


def _work_s(baton: Baton) -> float:
    """Processor time of the holder; zero where the system does not tell, so that only turns count there."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return 0.0
    return baton.ask_of_holder(lambda ident: time.clock_gettime(time.pthread_getcpuclockid(ident)))
