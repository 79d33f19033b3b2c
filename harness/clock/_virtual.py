"""A clock that never waits: time jumps to whatever happens next.

Not installed, it counts: a wait moves `now` and returns. Installed, it is the time of every thread that takes part.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Final

from harness.clock import _counting
from harness.clock._active import installed_clock, mine, set_installed
from harness.clock._agenda import Agenda
from harness.clock._baton import Baton
from harness.clock._duration import parse_duration, point
from harness.clock._leap import Leap, in_task, in_thread, quiet_until
from harness.clock._monitor import watch
from harness.clock._patches import patched
from harness.clock._refusal import refuse_foreign_loop
from harness.clock._stuck import line_of
from harness.clock._tasks import give_turn
from harness.clock._trio import Steps, running_trio
from harness.clock._waiter import Waiter
from harness.errors import VirtualDeadlockError, VirtualTimeError
from harness.model import NEVER, PER_SECOND, Nanos, as_seconds, seconds
from harness.spec import CancelEvent

BOOT: Final = Nanos(100_000 * PER_SECOND)
"""What `time.monotonic` says when a clock begins: a machine that booted yesterday.
Not zero, because a rate limiter that starts with `last = 0.0` must see that as long ago, as it does on a real machine.
Not more, because a float of seconds has to hold whole nanoseconds."""

EPOCH: Final = 1_767_225_600.0
"""What `time.time` says when a clock begins: 2026-01-01T00:00:00Z, so that HTTP dates come out alike in every run."""

HORIZON: Final = "1d"

_READS_MAX: Final = 1_000_000
"""So often the time may be read at one and the same instant; more is a loop that waits by looking at the clock."""


class VirtualClock:
    """Virtual time for threads and event loops. `now` counts from the clock's own beginning, in nanoseconds."""

    def __init__(self, horizon: str | float | None = HORIZON, *, start: datetime | float = EPOCH) -> None:
        """`horizon`: how late it may get before a wait raises HorizonExceededError (`1d` unless said; None: for ever).
        `start`: what `time.time` says at the beginning, a date with a time zone or seconds since 1970.
        """
        self.agenda = Agenda(parse_duration(horizon))
        self.baton = Baton(self.agenda)
        self.baton.on_crowd = watch
        self.steps = Steps(self.agenda)
        self.leaked: tuple[str, ...] = ()
        self._epoch = seconds(_timestamp(start))
        self._reads = (Nanos(0), 0)

    # --- the Clock of harness.spec ------------------------------------------------------------------------------

    def now(self) -> Nanos:
        """Virtual nanoseconds since the clock began."""
        if "trio" in sys.modules and running_trio() is not None:  # the first half is all of it in nearly every process
            self.steps.follow()
        return self.agenda.now

    def wait_until(self, at: Nanos, wake: CancelEvent | None = None) -> bool:
        """Wait until `at` or until `wake` is set, whoever sets it; True where it is set.

        Returns at exactly the virtual moment in which `wake` was set.
        Raises VirtualDeadlockError, with the line, where nothing can end the wait.
        Raises HorizonExceededError where that is past the horizon.
        """
        if wake is not None and wake.is_set():
            return True
        if at <= self.now():
            self.agenda.run_due()
            return wake is not None and wake.is_set()
        if self._counts:
            return self._count_until(at, wake)
        self._block(Waiter(at, poll=wake.is_set if wake is not None else None, wants_error=at >= NEVER))
        return wake is not None and wake.is_set()

    async def sleep_until(self, at: Nanos) -> None:
        """The same for a task, under asyncio or trio. Ends early by cancellation.

        On a VirtualTimeLoop of this clock, and in a trio run on a MockClock, it is a timer among all others.
        In a loop that is not ours it counts time only: `now` moves, and the loop gets one turn.
        """
        if at > self.now():
            await _counting.sleep_until(self, at)

    async def turn(self) -> None:
        """Let other tasks run, and hear of a cancel; time stands still."""
        await give_turn()

    async def lapse(self, length: Nanos) -> None:
        """In a loop that is not ours: strike the timer that would be due about now, had `length` passed for real.

        For the answer of a recording whose caller was cancelled so long after its request. On a loop of ours all timers
        strike by themselves.
        """
        await _counting.lapse(self, length)

    def leaping(self) -> Leap:
        """For a thread that replays: moves to a moment before which nobody else can act, and says what time it is then.
        None where one has to wait."""
        return in_thread(self.agenda, self.baton)

    def leaping_in_task(self) -> Leap:
        """The same for a task."""
        return in_task(self, self.agenda, self.baton)

    def quiet_until(self) -> Nanos:
        """When somebody else than the task that runs may act next; now, where that cannot be known."""
        return quiet_until(self, self.agenda, self.baton)

    # --- for tests ----------------------------------------------------------------------------------------------

    @property
    def elapsed(self) -> float:
        """Virtual seconds since the clock began."""
        return as_seconds(self.now())

    def call_at(self, at: str | float, action: Callable[[], object]) -> None:
        """Do `action` at `at`, with no thread: `call_at("6s", event.set)`.

        `at` counts from the clock's beginning: text as in a scenario, a float in seconds, an int in nanoseconds.
        The action runs between two moments and must not wait.
        What it raises is raised in the thread that opened the window, or in the one that waits.
        """
        moment = point(at)
        self.agenda.add(moment, action)
        self.steps.arm(moment)

    def advance(self, by: str | float) -> None:
        """Let `by` pass, doing in order what falls due. The horizon moves along: this wait was asked for."""
        length = parse_duration(by)
        self.agenda.horizon = Nanos(self.agenda.horizon + length)
        self.wait_until(Nanos(self.now() + length))

    def begin(self, *, start: datetime | float | None = None, horizon: str | float | None = None) -> None:
        """From now on, and from this moment on: it is `start`, and a wait may last until `horizon` from now.

        What is left out stays as it is. For whoever joins a clock that others began, as a scenario in a test does.
        """
        if start is not None:
            self._epoch = Nanos(seconds(_timestamp(start)) - self.agenda.now)
        if horizon is not None:
            self.agenda.horizon = Nanos(min(NEVER, self.agenda.now + parse_duration(horizon)))

    # --- what stands in for the functions of `time` -------------------------------------------------------------

    def monotonic(self) -> float:
        """`time.monotonic` of this clock, in seconds."""
        return as_seconds(Nanos(BOOT + self._read()))

    def monotonic_ns(self) -> Nanos:
        """`time.monotonic_ns` of this clock."""
        return Nanos(BOOT + self._read())

    def time(self) -> float:
        """`time.time` of this clock."""
        return as_seconds(self.time_ns())

    def time_ns(self) -> Nanos:
        """`time.time_ns` of this clock."""
        return Nanos(self._epoch + self._read())

    def sleep(self, duration_s: float) -> None:
        """`time.sleep` of this clock. A sleep of zero lets the others run."""
        if duration_s < 0:
            message = "sleep length must be non-negative"
            raise ValueError(message)
        at = Nanos(self.now() + seconds(duration_s))
        if self._counts:
            self._count_until(at, None)
            return
        self._block(Waiter(at))

    def _block(self, waiter: Waiter) -> None:
        if mine() is self:
            self.baton.block(waiter)
            return
        with self.taking_part():
            self.baton.block(waiter)

    @property
    def _counts(self) -> bool:
        return not self.baton.is_open or running_trio() is not None

    def _count_until(self, at: Nanos, wake: CancelEvent | None) -> bool:
        woken = _counting.wait_until(self.agenda, at, wake)
        if self.steps.follow():
            self.steps.jumped()
        return woken

    def _read(self) -> Nanos:
        now = self.now()
        at, count = self._reads
        self._reads = (now, count + 1 if at == now else 1)
        if count >= _READS_MAX:
            self._reads = (now, 0)
            message = (
                f"the time was read {_READS_MAX:,} times at one instant: a loop that waits by looking at the clock\n"
                f"  {line_of(sys._getframe())}\n"  # noqa: SLF001 - the only way to one's own line
                "  virtual time moves when somebody waits: put a sleep into the loop"
            )
            raise VirtualDeadlockError(message)
        return now

    # --- the window ---------------------------------------------------------------------------------------------

    @contextmanager
    def installed(self) -> Iterator[VirtualClock]:
        """A window in which this is the time, for this thread and every thread it starts.

        `time.*`, the locks and threads of `threading`, thread pools and new event loops are virtual in it.

        Entering it again inside of itself changes nothing.
        At the end everything is put back, and threads that are still there are let go and listed in `leaked`.
        Raises VirtualTimeError where another clock is installed, or inside a running event loop that is not ours.
        """
        current = installed_clock()
        if current is self and mine() is self:
            yield self
            return
        if current is not None:
            message = (
                "a clock is installed already, and `time` is one per process\n"
                "  take that one: harness.clock.installed_clock()"
            )
            raise VirtualTimeError(message)
        refuse_foreign_loop()
        with patched():
            self.baton.open()
            set_installed(self)
            try:
                yield self
            finally:
                set_installed(None)
                self.leaked = self.baton.close()

    @contextmanager
    def taking_part(self) -> Iterator[None]:
        """Within the block the calling thread takes part in this clock: it opens the window, or joins the open one."""
        with ExitStack() as stack:
            if installed_clock() is not self:
                stack.enter_context(self.installed())
            elif mine() is not self:
                self.baton.invite_and_wait()
                stack.callback(self.baton.leave)
            yield


def _timestamp(start: datetime | float) -> float:
    if not isinstance(start, datetime):
        return start
    if start.tzinfo is None:
        message = (
            f"start={start!r} has no time zone, and would mean another moment on another machine\n"
            "  write datetime(2026, 1, 1, tzinfo=timezone.utc)"
        )
        raise VirtualTimeError(message)
    return start.timestamp()


@contextmanager
def virtual_time(
    horizon: str | float | None = HORIZON, *, seed: int = 0, start: datetime | float = EPOCH
) -> Iterator[VirtualClock]:
    """A window of virtual time on a fresh clock: sleeps, timeouts, waits and backoff take no time, in exact order.

    `horizon`, `start`: as VirtualClock has them.
    `seed`: `random` is seeded with it and put back at the end, because the SDKs draw the jitter of their backoff there.
    Raises VirtualTimeError inside of another window, or inside a running event loop that is not ours.
    """
    clock = VirtualClock(horizon, start=start)
    state = random.getstate()
    with clock.installed():
        random.seed(seed)
        try:
            yield clock
        finally:
            random.setstate(state)
