"""One participant that waits: until when, how it is woken, and where in the program it stands."""

from __future__ import annotations

import _thread
import enum
from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.clock._real import real_lock
from harness.clock._stuck import thread_line
from harness.model import NEVER, Nanos

if TYPE_CHECKING:
    from harness.clock._turn import Turn


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
        self.baton: Turn | None = None

    @property
    def was_woken(self) -> bool:
        """True where the wait was ended, and not by its deadline."""
        return self.state is State.WOKEN

    def where(self) -> str:
        """Who waits and at which line, for a message."""
        return thread_line(self.ident, self.describe() if self.describe is not None else "")
