"""Real time, at any rate."""

from __future__ import annotations

import asyncio
import threading

import pytest

from harness.clock import VirtualClock, WallClock, new_event_loop, real_monotonic
from harness.errors import VirtualDeadlockError, VirtualTimeError
from harness.model import NEVER, milliseconds, seconds
from harness.spec import Clock


def test_it_is_a_clock() -> None:
    assert isinstance(WallClock(), Clock)


def test_it_waits_for_real() -> None:
    clock, started = WallClock(), real_monotonic()
    assert clock.wait_until(milliseconds(2)) is False
    assert clock.now() >= milliseconds(2)
    assert real_monotonic() - started >= 0.0019


def test_a_rate_of_a_thousand_plays_a_second_in_a_millisecond() -> None:
    clock, started = WallClock(rate=1000), real_monotonic()
    clock.wait_until(seconds(2))
    assert 0.0019 < real_monotonic() - started < 1
    assert clock.now() >= seconds(2)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_a_rate_that_does_not_run_forward_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="a clock runs forward"):
        WallClock(rate=rate)


def test_an_event_ends_the_wait() -> None:
    wake = threading.Event()
    timer = threading.Timer(0.002, wake.set)
    timer.start()
    assert WallClock().wait_until(seconds(60), wake) is True
    wake.clear()
    assert WallClock().wait_until(milliseconds(1), wake) is False
    timer.join()


def test_a_wait_for_ever_that_nothing_can_end_is_a_deadlock() -> None:
    with pytest.raises(VirtualDeadlockError, match=r"test_wall_clock\.py"):
        WallClock().wait_until(NEVER)


def test_a_task_sleeps_for_real_and_for_ever_until_it_is_cancelled() -> None:
    async def main() -> None:
        clock = WallClock()
        await clock.sleep_until(milliseconds(1))
        assert clock.now() >= milliseconds(1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await clock.sleep_until(NEVER)

    asyncio.run(main())


def test_it_stays_real_inside_of_a_window() -> None:
    virtual, clock, wake = VirtualClock(), WallClock(), threading.Event()
    with virtual.installed():
        started = real_monotonic()
        clock.wait_until(milliseconds(1))
        clock.wait_until(milliseconds(2), wake)
        assert real_monotonic() - started >= 0.001
    assert virtual.elapsed == 0.0


def test_it_cannot_wait_on_a_virtual_loop() -> None:
    async def main() -> None:
        with pytest.raises(VirtualTimeError):
            await WallClock().sleep_until(seconds(1))

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main())
