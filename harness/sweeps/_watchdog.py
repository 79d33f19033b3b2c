"""Watchdog: no case runs for ever in real time.

What waits on the virtual clock meets the horizon. What does not, a loop that never waits or a wait in C code, would
hang for real. So each run has a limit in real time, after which RealTimeOver is raised in its threads, and again
every second for as long as they go on. Rules:

1. One thread of this process watches over all runs. It is real: it is started before any window of virtual time. It is
   nobody's: started in a context of its own, it keeps no session, which it outlives.
2. An exception for a thread arrives with its next line of Python. What the main thread waits for in C ends by a signal,
   SIGURG, which nobody uses and which does nothing to a process that does not listen.
3. Threads that came up during the run are struck too: the run may be waiting for one of them.
4. A run that ended in time is never struck: leaving takes the lock and takes back what is on its way.
"""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Any, Final

from harness.clock import line_of, real_lock, real_monotonic, real_sleep
from harness.errors import RealTimeOver

_LOOK_EVERY_S: Final = 0.2
_AGAIN_AFTER_S: Final = 1.0
_SIGNAL: Final = getattr(signal, "SIGURG", None)


class Watched:
    """One run under watch. `over` says where it was when its time was over; empty while that has not come."""

    def __init__(self, name: str, limit_s: float) -> None:
        self.over = ""
        self._name = name
        self._limit_s = limit_s
        self._ident = threading.get_ident()
        self._before = frozenset(sys._current_frames())  # noqa: SLF001 - all threads, also those nobody registered
        self._at = real_monotonic() + limit_s

    def look(self, now: float) -> None:
        """Strike, where it is time."""
        if now < self._at:
            return
        self._at = now + _AGAIN_AFTER_S
        frames = sys._current_frames()  # noqa: SLF001 - the only way to where another thread is
        if not self.over:
            where = line_of(frames.get(self._ident))
            self.over = f"{self._name} went on for {self._limit_s:g}s of real time, {where}"
        for ident in frames:
            if ident == self._ident or (ident not in self._before and ident != threading.get_ident()):
                _raise_in(ident, RealTimeOver)
        if self._ident == threading.main_thread().ident and _SIGNAL is not None:
            signal.pthread_kill(self._ident, _SIGNAL)

    def take_back(self) -> None:
        """What is on its way and has not arrived."""
        if self.over:
            _raise_in(self._ident, None)

    def heard(self, *_: Any) -> None:
        """The signal: what was on its way is raised here, so that the wait ends with it instead of going on."""
        self.take_back()
        raise RealTimeOver(self.over)


class _Watchdog:
    """The thread and what it watches."""

    def __init__(self) -> None:
        self._lock = real_lock()
        self._open: list[Watched] = []
        self._bell = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, watched: Watched) -> None:
        with self._lock:
            self._open.append(watched)
        self._bell.set()
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._watch, name="harness sweep watchdog", daemon=True)
            Context().run(self._thread.start)

    def remove(self, watched: Watched) -> None:
        with self._lock:
            self._open.remove(watched)
            watched.take_back()

    def _watch(self) -> None:
        while True:
            self._bell.wait()
            real_sleep(_LOOK_EVERY_S)
            with self._lock:
                if not self._open:
                    self._bell.clear()
                for watched in self._open:
                    watched.look(real_monotonic())


_WATCHDOG: Final = _Watchdog()


@contextmanager
def watching(name: str, limit_s: float | None) -> Iterator[Watched]:
    """Watch over the block; None is no limit. To be entered before a window of virtual time is opened."""
    watched = Watched(name, limit_s if limit_s is not None else float("inf"))
    if limit_s is None:
        yield watched
        return
    with _listening(watched):
        _WATCHDOG.add(watched)
        try:
            yield watched
        finally:
            _WATCHDOG.remove(watched)


@contextmanager
def _listening(watched: Watched) -> Iterator[None]:
    """Within the block the signal is heard, where nobody else wants it and this is the thread that hears signals."""
    is_main = threading.current_thread() is threading.main_thread()
    if _SIGNAL is None or not is_main or signal.getsignal(_SIGNAL) not in {signal.SIG_DFL, signal.SIG_IGN}:
        yield
        return
    before = signal.signal(_SIGNAL, watched.heard)
    try:
        yield
    finally:
        signal.signal(_SIGNAL, before)


def _raise_in(ident: int, kind: type[BaseException] | None) -> None:
    error = ctypes.py_object(kind) if kind is not None else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), error)
