"""Which clock a session runs on, and for how long it is installed."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack
from types import TracebackType
from typing import Literal, Self

from harness.clock import VirtualClock, VirtualTimeLoop, WallClock, installed_clock
from harness.spec import Clock

ClockChoice = Literal["virtual", "wall"] | Clock | None


class Ticking:
    """A clock and its window. `word` is what the transcript says of it.

    Virtual is the default: a window that is open already (a fixture, a loop of ours) is joined, else one is opened for
    as long as the session; inside a foreign running loop the clock counts and nothing else is virtual. `installs` False
    counts only, which is what a recording needs for the answers that it has already.
    """

    def __init__(self, choice: ClockChoice = None, *, installs: bool = True) -> None:
        self._stack = ExitStack()
        self._own: VirtualClock | None = None
        self.word = "virtual"
        self.clock: Clock
        if choice == "wall":
            self.clock, self.word = WallClock(), "wall clock"
        elif choice is None or choice == "virtual":
            self.clock = self._virtual(installs=installs)
        else:
            self.clock = choice
            self.word = "virtual" if isinstance(choice, VirtualClock) else "wall clock"

    def _virtual(self, *, installs: bool) -> VirtualClock:
        if not installs:
            return VirtualClock()
        loop = asyncio._get_running_loop()  # noqa: SLF001 - documented for event loop authors; None where none runs
        if isinstance(loop, VirtualTimeLoop):
            return loop.clock
        joined = installed_clock()
        if joined is not None:
            return joined
        clock = VirtualClock()
        if loop is None and not _in_trio():
            self._own = clock
        else:
            self.word = "virtual, counting only: this event loop was running before the session"
        return clock

    def __enter__(self) -> Self:
        if self._own is not None:
            self._stack.enter_context(self._own.installed())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _in_trio() -> bool:
    """True inside a trio run; trio is not imported to find out."""
    trio = sys.modules.get("trio")
    return trio is not None and trio.lowlevel.in_trio_run()
