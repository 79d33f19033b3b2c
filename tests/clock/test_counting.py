"""A virtual clock that is not installed counts time only."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from harness.clock import VirtualClock, real_monotonic
from harness.errors import HorizonExceededError, VirtualDeadlockError, VirtualTimeError
from harness.model import NEVER, Nanos, seconds
from harness.spec import Clock


def test_it_is_a_clock() -> None:
    assert isinstance(VirtualClock(), Clock)


def test_a_wait_moves_now_and_returns() -> None:
    clock, started = VirtualClock(), time.monotonic()
    assert clock.wait_until(seconds(3600)) is False
    assert clock.now() == seconds(3600)
    assert time.monotonic() - started < 60


def test_a_past_moment_returns_at_once() -> None:
    clock = VirtualClock()
    clock.wait_until(seconds(5))
    assert clock.wait_until(seconds(3)) is False
    assert clock.now() == seconds(5)


def test_actions_happen_on_the_way_in_order_and_end_a_wait_at_their_moment() -> None:
    clock, wake, order = VirtualClock(), threading.Event(), list[float]()
    clock.call_at("4s", lambda: order.append(clock.elapsed))
    clock.call_at(2.5, lambda: order.append(clock.elapsed))
    clock.call_at(Nanos(6), lambda: order.append(clock.elapsed))
    clock.call_at("6s", wake.set)
    clock.call_at("7s", lambda: order.append(clock.elapsed))
    assert clock.wait_until(seconds(10), wake) is True
    assert clock.elapsed == 6.0
    assert order == [6e-9, 2.5, 4.0]


def test_an_event_that_is_set_already_ends_a_wait_before_it_begins() -> None:
    clock, wake = VirtualClock(), threading.Event()
    wake.set()
    assert clock.wait_until(NEVER, wake) is True
    assert clock.now() == 0


def test_a_wait_for_ever_is_a_deadlock_at_once_and_names_the_line() -> None:
    with pytest.raises(VirtualDeadlockError, match=r"test_counting\.py:\d+ in test_a_wait_for_ever"):
        VirtualClock().wait_until(NEVER)
    with pytest.raises(VirtualDeadlockError):
        VirtualClock().wait_until(NEVER, threading.Event())


def test_a_wait_for_ever_does_first_what_is_on_the_timeline() -> None:
    clock, wake = VirtualClock(), threading.Event()
    clock.call_at("6s", wake.set)
    assert clock.wait_until(NEVER, wake) is True
    assert clock.elapsed == 6.0


def test_a_real_thread_has_a_moment_to_set_what_is_waited_for() -> None:
    clock, wake = VirtualClock(), threading.Event()
    thread = threading.Timer(0.005, wake.set)
    thread.start()
    assert clock.wait_until(NEVER, wake) is True
    thread.join()


def test_the_horizon_holds_here_too() -> None:
    with pytest.raises(HorizonExceededError):
        VirtualClock(horizon="1m").wait_until(seconds(61))


def test_an_action_must_not_wait_here_either() -> None:
    clock = VirtualClock()
    clock.call_at("1s", lambda: clock.wait_until(seconds(5)))
    with pytest.raises(VirtualTimeError, match="must not wait"):
        clock.wait_until(seconds(2))


def test_in_a_foreign_loop_a_sleep_moves_now_and_gives_the_loop_a_turn() -> None:
    async def main() -> tuple[float, bool]:
        clock, seen = VirtualClock(), list[float]()
        loop = asyncio.get_running_loop()
        loop.call_later(60, seen.append, 0.0)
        loop.call_soon(lambda: seen.append(clock.elapsed))
        started = real_monotonic()
        await clock.sleep_until(seconds(30))
        assert seen == [30.0]
        return clock.elapsed, real_monotonic() - started < 10

    assert asyncio.run(main()) == (30.0, True)


def test_in_a_foreign_loop_with_nothing_left_a_wait_for_ever_is_a_deadlock() -> None:
    async def main() -> None:
        clock = VirtualClock()
        with pytest.raises(VirtualDeadlockError, match=r"test_counting\.py:\d+ in main"):
            await clock.sleep_until(NEVER)

    asyncio.run(main())


def test_in_a_foreign_loop_two_waits_for_ever_do_not_keep_each_other_waiting() -> None:
    async def main() -> list[BaseException | None]:
        clock = VirtualClock()
        waits = (clock.sleep_until(NEVER) for _ in range(2))
        return await asyncio.gather(*waits, return_exceptions=True)

    assert [type(error) for error in asyncio.run(main())] == [VirtualDeadlockError] * 2


def test_in_a_foreign_loop_a_wait_for_ever_ends_by_a_real_timer_that_is_armed() -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.005):
                await VirtualClock().sleep_until(NEVER)

    asyncio.run(main())


def test_in_a_foreign_loop_a_wait_for_ever_ends_by_another_task_that_has_something_to_do() -> None:
    async def main() -> None:
        waiting = asyncio.ensure_future(VirtualClock().sleep_until(NEVER))
        await asyncio.sleep(0.005)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
