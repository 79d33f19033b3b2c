"""Trio has a virtual clock of its own, `trio.testing.MockClock(autojump_threshold=0)`: ours keeps in step with it.

In a run on a MockClock, `now` follows `trio.current_time()` and our waits are trio's sleeps.
In a run on a real clock our clock counts time only, and `time.*` stays real.
Threads of a trio run are real ones: trio waits for them in its selector, where nobody can hand over a baton.
MockClock would jump over them (openai asks one for its platform, and whatever has a deadline then would time out), so
it is held while one works, for a second of real time at most: longer is a thread that waits for something.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

from harness.clock._agenda import Agenda
from harness.clock._real import in_real_time, real_now, real_sleep
from harness.clock._stuck import deadlock, this_line
from harness.model import NEVER, Nanos, as_seconds, seconds

_LOOK_AGAIN_S = 0.05
_HOLD_S = 0.0005
_HOLD_S_MAX = 1.0


_asks: Callable[[], bool] | None = None
"""`trio.lowlevel.in_trio_run`, once trio is there: every look at the time asks it."""


def running_trio() -> Any | None:
    """The module trio where the calling code is inside a trio run, else None. Never imports trio."""
    global _asks  # noqa: PLW0603 - found once per process
    if _asks is None:
        if "trio" not in sys.modules:
            return None
        # While trio itself is being imported there is no lowlevel yet.
        _asks = getattr(getattr(sys.modules.get("trio"), "lowlevel", None), "in_trio_run", None)
        if _asks is None:
            return None
    return sys.modules["trio"] if _asks() else None


def mock_clock(trio: Any) -> Any | None:
    """The run's MockClock, or None where it runs on another clock."""
    testing = sys.modules.get("trio.testing")
    clock = trio.lowlevel.current_clock()
    return clock if testing is not None and isinstance(clock, testing.MockClock) else None


def is_in_real_run() -> bool:
    """True inside a trio run whose time is real."""
    trio = running_trio()
    return trio is not None and mock_clock(trio) is None


class Steps:
    """How one of our clocks keeps in step with the trio run it is asked in."""

    def __init__(self, agenda: Agenda) -> None:
        """A clock that is made inside of a run begins there; one that is older takes the run's zero for its own now."""
        self._agenda = agenda
        self._run: Any = None
        self._unarmed: tuple[Nanos, ...] = ()
        self._offset = Nanos(0)
        trio = running_trio()
        if trio is not None and (clock := mock_clock(trio)) is not None:
            self._run, self._offset = clock, Nanos(-_time_of(clock))
            _hold_for_threads(trio, clock)

    def follow(self) -> bool:
        """Move our clock to trio's; False outside of a run on a MockClock."""
        trio = running_trio()
        clock = mock_clock(trio) if trio is not None else None
        if clock is None:
            return False
        if clock is not self._run:
            self._run, self._offset = clock, self._agenda.now
            _hold_for_threads(trio, clock)
            self._unarmed = self._agenda.moments()
        if self._unarmed and _has_begun(trio):
            moments, self._unarmed = self._unarmed, ()
            for at in moments:
                self._arm(trio, at)
        self._agenda.move_to(Nanos(self._offset + _time_of(clock)))
        return True

    def arm(self, at: Nanos) -> None:
        """An action was put on the agenda: in a run, a task of trio's has to come by at its moment."""
        trio = running_trio()
        if trio is not None and self.follow():
            if _has_begun(trio):
                self._arm(trio, at)
            else:
                self._unarmed = (*self._unarmed, at)

    def _arm(self, trio: Any, at: Nanos) -> None:
        trio.lowlevel.spawn_system_task(self._act_at, at, name="harness.clock action")

    async def _act_at(self, at: Nanos) -> None:
        await self._sleep(at)
        self._agenda.run_due()

    async def _sleep(self, at: Nanos) -> None:
        try:
            await sys.modules["trio"].sleep_until(as_seconds(Nanos(at - self._offset)))
            self._agenda.move_to(at)
        finally:
            self.follow()

    def jumped(self) -> None:
        """Our clock moved within one task's step: trio's has to follow."""
        behind = self._agenda.now - self._offset - _time_of(self._run)
        if behind > 0:
            with in_real_time():
                self._run.jump(as_seconds(Nanos(behind)))

    async def sleep_until(self, at: Nanos) -> None:
        """A sleep in a run on a MockClock."""
        if at >= NEVER:
            await until_cancelled(self._agenda.now)
        if (exceeded := self._agenda.exceeded(at)) is not None:
            raise exceeded
        await self._sleep(at)


def _has_begun(trio: Any) -> bool:
    """True once the run has tasks of its own. It asks its clock before that, and can spawn nothing then."""
    try:
        return trio.lowlevel.current_task() is not trio.lowlevel.current_root_task()
    except RuntimeError:
        return False


def _hold_for_threads(trio: Any, clock: Any) -> None:
    """Let `clock` jump only where no thread of its run works, or those that do have had their time."""
    if "_autojump" in vars(clock):
        return
    jump, waited = clock._autojump, _Waited()  # noqa: SLF001 - what the run calls where it has nothing to do

    def autojump() -> None:
        working = trio.to_thread.current_default_thread_limiter().statistics().borrowers
        if working and waited.is_short(working):
            with in_real_time():
                real_sleep(_HOLD_S)
        else:
            jump()

    clock._autojump = autojump  # noqa: SLF001


class _Waited:
    """How long, in real time, the same threads have been at work."""

    def __init__(self) -> None:
        self._working: Sequence[object] = ()
        self._since = Nanos(0)

    def is_short(self, working: Sequence[object]) -> bool:
        """True within the first second."""
        if working != self._working:
            self._working, self._since = working, real_now()
        return real_now() - self._since < seconds(_HOLD_S_MAX)


def _time_of(clock: Any) -> Nanos:
    # A MockClock made in a window holds our `perf_counter`, which asks this: in real time the circle ends.
    with in_real_time():
        return seconds(clock.current_time())


async def until_cancelled(now: Nanos) -> None:
    """Wait for cancellation.

    Raises VirtualDeadlockError where the run has no task, no deadline, no descriptor and no thread left to bring it.
    """
    import trio  # noqa: PLC0415 - only ever called inside of a trio run
    import trio.testing  # noqa: PLC0415

    line = this_line()
    while True:
        await trio.testing.wait_all_tasks_blocked()
        run = trio.lowlevel.current_statistics()
        if run.seconds_to_next_deadline < math.inf:
            await trio.sleep(run.seconds_to_next_deadline)
        elif _has_real_work(trio, run):
            await trio.to_thread.run_sync(real_sleep, _LOOK_AGAIN_S, limiter=trio.CapacityLimiter(1))
        else:
            raise deadlock(now, [line])


def _has_real_work(trio: Any, run: Any) -> bool:
    io = run.io_statistics
    waiting = getattr(io, "tasks_waiting_read", 0) + getattr(io, "tasks_waiting_write", 0)
    # One of them is trio's own, for being woken by other threads.
    return waiting > 1 or trio.to_thread.current_default_thread_limiter().borrowed_tokens > 0
