"""In step with trio's own virtual clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from harness.clock import VirtualClock, WallClock, real_monotonic, real_sleep, virtual_time
from harness.errors import HorizonExceededError, VirtualDeadlockError, VirtualTimeError
from harness.model import NEVER, seconds

Main = Callable[[VirtualClock], Awaitable[Any]]


def run(main: Main, clock: VirtualClock) -> Any:
    return trio.run(main, clock, clock=MockClock(autojump_threshold=0))


@pytest.fixture(params=["installed", "counting"])
def run_with(request: pytest.FixtureRequest) -> Callable[[Main], Any]:
    """The same behaviour in a window and without one, as far as the clock's own methods go."""

    def run_main(main: Main) -> Any:
        clock = VirtualClock()
        if request.param == "counting":
            return run(main, clock)
        with clock.installed():
            return run(main, clock)

    return run_main


def test_now_follows_trio(run_with: Callable[[Main], Any]) -> None:
    async def main(clock: VirtualClock) -> tuple[float, float]:
        assert clock.elapsed == 0.0
        await trio.sleep(5)
        assert clock.elapsed == 5.0
        await clock.sleep_until(seconds(7.3))
        return clock.elapsed, trio.current_time()

    assert run_with(main) == (7.3, 7.3)


def test_a_blocking_wait_moves_trio_along(run_with: Callable[[Main], Any]) -> None:
    async def main(clock: VirtualClock) -> tuple[float, float]:
        clock.wait_until(seconds(3))
        await trio.sleep(1)
        return clock.elapsed, trio.current_time()

    assert run_with(main) == (4.0, 4.0)


def test_an_action_happens_at_its_moment_though_only_trio_sleeps(run_with: Callable[[Main], Any]) -> None:
    async def main(clock: VirtualClock) -> float:
        event = trio.Event()
        clock.call_at("6s", event.set)
        await event.wait()
        return trio.current_time()

    assert run_with(main) == 6.0


def test_an_action_from_before_the_run_happens_in_it(run_with: Callable[[Main], Any]) -> None:
    cancel = threading.Event()

    async def main(clock: VirtualClock) -> tuple[bool, bool]:
        clock.call_at("4s", cancel.set)
        await trio.sleep(3.9)
        before = cancel.is_set()
        await trio.sleep(0.2)
        return before, cancel.is_set()

    assert run_with(main) == (False, True)


def test_a_trio_timeout_ends_a_sleep_on_our_clock(run_with: Callable[[Main], Any]) -> None:
    async def main(clock: VirtualClock) -> float:
        with trio.move_on_after(4):
            await clock.sleep_until(seconds(9))
        return clock.elapsed

    assert run_with(main) == 4.0


def test_a_wait_for_ever_lasts_until_a_deadline_of_trios(run_with: Callable[[Main], Any]) -> None:
    async def main(clock: VirtualClock) -> float:
        with trio.move_on_after(4):
            await clock.sleep_until(NEVER)
        return clock.elapsed

    assert run_with(main) == 4.0


def test_a_wait_for_ever_with_nothing_left_is_a_deadlock(run_with: Callable[[Main], Any]) -> None:
    async def main(clock: VirtualClock) -> str:
        with pytest.raises(VirtualDeadlockError) as caught:
            await clock.sleep_until(NEVER)
        return str(caught.value)

    assert "test_trio.py" in run_with(main)


def test_the_horizon_holds(run_with: Callable[[Main], Any]) -> None:
    async def main(clock: VirtualClock) -> None:
        with pytest.raises(HorizonExceededError):
            await clock.sleep_until(seconds(10**6))

    run_with(main)


def test_in_the_window_the_programs_time_is_trios() -> None:
    clock = VirtualClock()

    async def main(_: VirtualClock) -> float:
        started = time.monotonic()
        await trio.sleep(5)
        time.sleep(2)  # noqa: ASYNC251 - a driver that blocks its loop is the subject
        await trio.sleep(1)
        return time.monotonic() - started

    with clock.installed():
        assert run(main, clock) == 8.0


def test_a_session_that_opens_in_the_middle_of_a_run_begins_at_zero() -> None:
    async def main(_: VirtualClock) -> float:
        await trio.sleep(5)
        clock = VirtualClock()
        await trio.sleep(2)
        return clock.elapsed

    assert run(main, VirtualClock()) == 2.0


def test_a_thread_of_trios_that_starts_does_not_bring_forward_what_is_on_the_timeline() -> None:
    async def main(clock: VirtualClock) -> float:
        await trio.to_thread.run_sync(lambda: None)
        return clock.elapsed

    happened: list[float] = []
    with virtual_time() as clock:
        clock.call_at("6s", lambda: happened.append(clock.elapsed))
        assert trio.run(main, clock, clock=MockClock(autojump_threshold=0)) == 0.0
    assert happened == []


def test_threads_of_trio_stay_real_and_come_back() -> None:
    async def main(_: VirtualClock) -> int:
        return await trio.to_thread.run_sync(lambda: 7)

    clock = VirtualClock()
    with clock.installed():
        assert run(main, clock) == 7


def test_trio_does_not_jump_over_a_thread_that_works() -> None:
    async def main(_: VirtualClock) -> float:
        with trio.fail_after(10):
            await trio.to_thread.run_sync(real_sleep, 0.02)
        return trio.current_time()

    with virtual_time() as clock:
        assert trio.run(main, clock, clock=MockClock(autojump_threshold=0)) == 0.0


def test_a_thread_that_does_not_come_back_is_jumped_over_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.clock._trio._HOLD_S_MAX", 0.01)
    comes_back = threading.Event()

    async def main(_: VirtualClock) -> float:
        with trio.move_on_after(10):
            await trio.to_thread.run_sync(comes_back.wait, abandon_on_cancel=True)
        with trio.move_on_after(20):
            await trio.sleep_forever()
        return trio.current_time()

    with virtual_time() as clock:
        assert trio.run(main, clock, clock=MockClock(autojump_threshold=0)) == 30.0
        comes_back.set()


def test_on_trios_real_clock_time_is_counted_only() -> None:
    async def main() -> float:
        clock, started = VirtualClock(), real_monotonic()
        await clock.sleep_until(seconds(3600))
        await trio.sleep(0.001)
        assert 0.001 <= real_monotonic() - started < 60
        with pytest.raises(VirtualDeadlockError):
            await clock.sleep_until(NEVER)
        return clock.elapsed

    assert trio.run(main) == 3600.0
    with virtual_time():
        assert trio.run(main) == 3600.0


def test_a_window_inside_of_a_real_run_is_refused() -> None:
    async def main() -> None:
        with pytest.raises(VirtualTimeError, match="MockClock"), VirtualClock().installed():
            pass

    trio.run(main)


def test_a_wall_clock_sleeps_in_trio_for_real() -> None:
    async def main() -> None:
        clock = WallClock(rate=1000)
        await clock.sleep_until(seconds(1))
        assert clock.now() >= seconds(1)
        with trio.move_on_after(0.001) as scope:
            await clock.sleep_until(NEVER)
        assert scope.cancelled_caught

    trio.run(main)
