"""What is replaced while a window is open, and put back when it closes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import concurrent.futures.thread
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from harness.clock import _children, _executors, _threads
from harness.clock._active import mine
from harness.clock._lock import VirtualLock
from harness.clock._real import real_monotonic, real_rlock
from harness.clock._trampolines import TRAMPOLINES

Patch = tuple[Any, str, object]

_TRIO_DEPTH: Final = 5
"""Frames from the factory up to trio's own code: `threading.RLock` and an attrs `__init__` stand between."""


def _foreign_loop_time(_loop: object) -> float:
    # A loop of somebody else's keeps real time: with a frozen clock it would wait for its first timer for ever.
    return real_monotonic()


def _new_rlock(*args: object) -> object:
    # The Python RLock sits on `_allocate_lock`, so it waits virtually.
    # Trio insists on the C one, which a signal handler cannot tear.
    if mine() is None or _is_called_by_trio(sys._getframe()):  # noqa: SLF001 - the only way
        return real_rlock(*args)
    return threading._PyRLock(*args)  # type: ignore[attr-defined] # noqa: SLF001 - public as RLock where C has none


def _is_called_by_trio(frame: FrameType | None) -> bool:
    callers: list[str] = []
    while frame is not None and len(callers) < _TRIO_DEPTH:
        callers.append(frame.f_globals.get("__name__", ""))
        frame = frame.f_back
    return any(name.startswith("trio.") for name in callers)


def _new_event_loop() -> asyncio.AbstractEventLoop:
    # Imported here: the loop needs the window, and the window needs only this one name of the loop.
    from harness.clock._loop import new_event_loop  # noqa: PLC0415

    return new_event_loop()


_PATCHES: Final[tuple[Patch, ...]] = (
    *((time, name, trampoline) for name, trampoline in TRAMPOLINES.items()),
    # threading and queue copied `monotonic` before anybody could stand in for it.
    (threading, "_time", TRAMPOLINES["monotonic"]),
    (queue, "time", TRAMPOLINES["monotonic"]),
    # Condition, and with it Event, Semaphore, Barrier, Queue and Future, makes its waiter lock when it waits: so even
    # objects that are older than the window wait on a lock of ours.
    (threading, "_allocate_lock", VirtualLock),
    (threading, "Lock", VirtualLock),
    (threading, "_CRLock", _new_rlock),
    (queue, "SimpleQueue", queue._PySimpleQueue),  # type: ignore[attr-defined] # noqa: SLF001 - the C one blocks in C
    (threading.Thread, "start", _threads.start),
    (threading.Thread, "join", _threads.join),
    (concurrent.futures.ThreadPoolExecutor, "submit", _executors.submit),
    (concurrent.futures.thread._WorkItem, "run", _executors.run),  # noqa: SLF001 - see there
    (os, "waitpid", _children.waitpid),
    (subprocess.Popen, "wait", _children.wait),
    (subprocess.Popen, "communicate", _children.communicate),
    # For drivers that call asyncio.run themselves.
    (asyncio.events, "new_event_loop", _new_event_loop),
    (asyncio, "new_event_loop", _new_event_loop),
    (asyncio.base_events.BaseEventLoop, "time", _foreign_loop_time),
)


@contextmanager
def patched() -> Iterator[None]:
    """Everything replaced; put back in reverse, whatever happened."""
    saved: list[Patch] = []
    try:
        for owner, name, replacement in _PATCHES:
            saved.append((owner, name, owner.__dict__[name]))
            setattr(owner, name, replacement)
        yield
    finally:
        for owner, name, original in reversed(saved):
            setattr(owner, name, original)
