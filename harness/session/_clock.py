"""Which clock a session runs on, and for how long it is installed."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack
from types import TracebackType
from typing import Final, Literal, Self

from harness.clock import VirtualClock, VirtualTimeLoop, WallClock, installed_clock, why_counting
from harness.errors import VirtualTimeError
from harness.session._words import checked_word
from harness.spec import Clock

_VIRTUAL: Final = "virtual"
ClockChoice = Literal["virtual", "wall"] | Clock | None


class Ticking:
    """A clock and its window. `word` is what the transcript says of it.

    Virtual is the default: a window that is open already (a fixture, a loop of ours) is joined, else one is opened,
    which stays for as long as any session needs it.
    Inside a foreign running loop the clock counts and nothing else is virtual; asking for `virtual` there in so many
    words raises VirtualTimeError.
    `installs` False counts only, which is what a recording needs for the answers that it has already.
    """

    def __init__(self, choice: ClockChoice = None, *, installs: bool = True) -> None:
        self.word = _VIRTUAL
        self.clock: Clock
        self._choice = choice
        self._is_open_to_choice = False
        self._window: _Window | None = None
        if isinstance(choice, str) and checked_word("clock", choice, ("virtual", "wall")) == "wall":
            self.clock, self.word = WallClock(), "wall clock"
        elif choice is not None and not isinstance(choice, str):
            self.clock = _checked(choice)
            self.word = _VIRTUAL if isinstance(choice, VirtualClock) else "wall clock"
        elif not installs:
            self.clock = VirtualClock()
        else:
            self._is_open_to_choice = True
            self.clock = VirtualClock()

    def __enter__(self) -> Self:
        """Decided here and not before: what is open when the session begins is what counts."""
        if not self._is_open_to_choice:
            return self
        loop = asyncio._get_running_loop()  # noqa: SLF001 - documented for event loop authors; None where none runs
        joined = loop.clock if isinstance(loop, VirtualTimeLoop) else installed_clock()
        if joined is not None:
            self.clock = joined
            self._window = _windows.get(joined)
        elif loop is not None or why_counting(VirtualClock()):
            self._count_only()
        elif _in_trio():
            self.clock, self.word = VirtualClock(), "virtual, by trio's MockClock"
        else:
            self.clock = VirtualClock()
            self._window = _Window(self.clock)
        if self._window is not None:
            self._window.enter()
        return self

    def _count_only(self) -> None:
        if self._choice == "virtual":
            message = (
                "this event loop was running before the session, and its waits cannot be made virtual.\n"
                "  next: open the session before the loop, use the fixture virtual_time, or run the loop with "
                "asyncio.Runner(loop_factory=harness.clock.new_event_loop)"
            )
            raise VirtualTimeError(message)
        self.word = "virtual, counting only: this event loop was running before the session"

    def asked(self) -> None:
        """Somebody asks, here: where the clock does nothing but count for him, `word` says so from now on."""
        if self.word == _VIRTUAL and isinstance(self.clock, VirtualClock) and (why := why_counting(self.clock)):
            self.word = f"{_VIRTUAL}, counting only: {why}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._window is not None:
            self._window.leave()
            self._window = None


def _checked(choice: Clock) -> Clock:
    """Raises ValueError for what cannot tell the time, which a replay would find out in its middle."""
    given: object = choice
    if not isinstance(given, Clock):
        message = f"clock is one of virtual, wall, or a clock of your own (harness.spec.Clock), not {given!r}"
        raise ValueError(message)  # noqa: TRY004 - as every keyword that says what cannot be meant
    return given


class _Window:
    """An installed clock that sessions share: the first opens its window, the last closes it, in whatever order."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self._users = 0
        self._stack = ExitStack()

    def enter(self) -> None:
        if not self._users:
            self._stack.enter_context(self.clock.installed())
            _windows[self.clock] = self
        self._users += 1

    def leave(self) -> None:
        self._users -= 1
        if not self._users:
            del _windows[self.clock]
            self._stack.close()


_windows: dict[VirtualClock, _Window] = {}


def _in_trio() -> bool:
    """True inside a trio run; trio is not imported to find out."""
    trio = sys.modules.get("trio")
    return trio is not None and trio.lowlevel.in_trio_run()
