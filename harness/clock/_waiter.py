"""One participant that waits: until when, how it is woken, and where in the program it stands."""

from __future__ import annotations

import _thread
import enum
import linecache
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Final

from harness.clock._real import real_lock
from harness.model import NEVER, Nanos

if TYPE_CHECKING:
    from harness.clock._baton import Baton


class State(enum.Enum):
    """Where a waiter is in its short life."""

    NEW = enum.auto()
    BLOCKED = enum.auto()
    WOKEN = enum.auto()
    TIMED_OUT = enum.auto()
    FAILED = enum.auto()


class Waiter:
    """A wait of the thread that makes it. The gate is a real lock: it opens when the thread may run on."""

    __slots__ = ("baton", "deadline", "describe", "error", "gate", "ident", "order", "poll", "state", "wants_error")

    def __init__(
        self,
        deadline: Nanos = NEVER,
        *,
        poll: Callable[[], bool] | None = None,
        describe: Callable[[], str] | None = None,
        wants_error: bool = False,
        order: int | None = None,
    ) -> None:
        """`poll` is asked before time moves on: True ends the wait.
        `wants_error`: where nothing can end this wait, this is the thread that hears of it first.
        `order` places it among waits due at the same instant; without it, by arrival.
        """
        self.gate = real_lock()
        self.gate.acquire()
        self.deadline = deadline
        self.poll = poll
        self.describe = describe
        self.wants_error = wants_error
        self.order = order
        self.state = State.NEW
        self.error: BaseException | None = None
        self.ident = _thread.get_ident()
        self.baton: Baton | None = None

    def where(self) -> str:
        """Who waits and at which line, for a message."""
        thread = next((t for t in threading.enumerate() if t.ident == self.ident), None)
        name = thread.name if thread is not None else f"thread {self.ident}"
        detail = self.describe() if self.describe is not None else ""
        return f"{name} waits {detail or line_of(sys._current_frames().get(self.ident))}"  # noqa: SLF001 - only way


_OURS: Final = ("harness.clock",)
_PLUMBING: Final = (*_OURS, "threading", "queue", "concurrent.futures", "asyncio", "selectors", "contextlib")


def line_of(frame: FrameType | None) -> str:
    """`at file:line in function: source` of the innermost frame that is the program's own, else the library's."""
    found = _outside_of(_PLUMBING, frame) or _outside_of(_OURS, frame) or frame
    if found is None:
        return "in a thread that is gone"
    file, line = found.f_code.co_filename, found.f_lineno
    source = linecache.getline(file, line).strip()
    return f"at {file}:{line} in {found.f_code.co_name}" + (f": {source}" if source else "")


def _outside_of(modules: tuple[str, ...], frame: FrameType | None) -> FrameType | None:
    while frame is not None and _is_in(modules, frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    return frame


def _is_in(modules: tuple[str, ...], module: str) -> bool:
    return any(module == name or module.startswith(name + ".") for name in modules)
