"""What is replaced while a window is open, and put back when it closes."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from harness.clock import _threads
from harness.clock._lock import VirtualLock
from harness.clock._real import real_monotonic
from harness.clock._trampolines import TRAMPOLINES

Patch = tuple[Any, str, object]


def _foreign_loop_time(_loop: object) -> float:
    # A loop of somebody else's keeps real time: with a frozen clock it would wait for its first timer for ever.
    return real_monotonic()


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
    # Without the C implementation, RLock() makes the Python one, which sits on `_allocate_lock`.
    (threading, "_CRLock", None),
    (queue, "SimpleQueue", queue._PySimpleQueue),  # type: ignore[attr-defined] # noqa: SLF001 - the C one blocks in C
    (threading.Thread, "start", _threads.start),
    (threading.Thread, "join", _threads.join),
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
