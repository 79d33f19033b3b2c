"""Real time, or real time at another rate: for real sockets, which virtual time cannot cross."""

from __future__ import annotations

import asyncio
import math

from harness.clock._real import in_real_time, real_now, real_sleep
from harness.clock._stuck import deadlock, this_line
from harness.clock._tasks import give_turn
from harness.clock._trio import mock_clock, running_trio
from harness.errors import VirtualTimeError
from harness.model import NEVER, PER_SECOND, Nanos
from harness.spec import CancelEvent


class WallClock:
    """Monotonic nanoseconds since the clock was made, times `rate`. A rate of 60 plays a minute in a second."""

    def __init__(self, rate: float = 1.0) -> None:
        """Raises ValueError for a rate that is not a positive number."""
        if not (rate > 0 and math.isfinite(rate)):
            message = f"rate={rate!r}: a clock runs forward; 1 is real time, 60 plays a minute in a second"
            raise ValueError(message)
        self.rate = rate
        self._origin = real_now()

    def now(self) -> Nanos:
        """Nanoseconds since the clock was made, at its rate."""
        return Nanos(int((real_now() - self._origin) * self.rate))

    def wait_until(self, at: Nanos, wake: CancelEvent | None = None) -> bool:
        """Block this thread for real until `at` or until `wake` is set; True where it is set.

        Raises VirtualDeadlockError where `at` is NEVER and there is no `wake`: that would hang for ever.
        """
        if at >= NEVER and wake is None:
            raise deadlock(self.now(), [this_line()])
        with in_real_time():
            while (wake is None or not wake.is_set()) and self.now() < at:
                if wake is None:
                    real_sleep(self._real_seconds_to(at))
                else:
                    wake.wait(None if at >= NEVER else self._real_seconds_to(at))
        return wake is not None and wake.is_set()

    async def sleep_until(self, at: Nanos) -> None:
        """The same for a task, under asyncio and trio. NEVER waits for cancellation."""
        _refuse_virtual_loop()
        while self.now() < at:
            await _sleep(None if at >= NEVER else self._real_seconds_to(at))

    async def turn(self) -> None:
        """Let other tasks run, and hear of a cancel."""
        await give_turn()

    def _real_seconds_to(self, at: Nanos) -> float:
        return max(0, at - self.now()) / self.rate / PER_SECOND


async def _sleep(duration_s: float | None) -> None:
    trio = running_trio()
    if trio is not None:
        await (trio.sleep_forever() if duration_s is None else trio.sleep(duration_s))
    elif duration_s is None:
        await asyncio.get_running_loop().create_future()
    else:
        await asyncio.sleep(duration_s)


def _refuse_virtual_loop() -> None:
    loop = asyncio._get_running_loop()  # noqa: SLF001 - documented for event loop authors; None where none runs
    trio = running_trio()
    if getattr(loop, "is_virtual", False) or (trio is not None and mock_clock(trio) is not None):
        message = "a WallClock cannot wait where time is virtual: no real time passes there"
        raise VirtualTimeError(message)
