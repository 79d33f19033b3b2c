"""Which clock a session runs on, and for how long it is installed."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Literal, Self

from harness.clock import VirtualClock, WallClock, active_clock, in_foreign_loop
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
        joined = active_clock() if installs else None
        if joined is not None:
            return joined
        clock = VirtualClock()
        if installs and not in_foreign_loop():
            self._own = clock
        elif installs:
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
