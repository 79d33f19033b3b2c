"""What is real inside of a window: child processes, locks and pools that are older. Time never runs past it."""

from __future__ import annotations

import asyncio
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError

import pytest

from harness.clock import VirtualClock, real_lock, real_monotonic

SLOW_AND_LONG = "import time; time.sleep(0.04); print('x' * 200_000)"
"""Later than the grace that a loop gives to real descriptors, and more than a pipe holds."""
NOTHING = [sys.executable, "-S", "-c", "pass"]


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    clock = VirtualClock()
    with clock.installed():
        yield clock


@pytest.fixture
def old_pool() -> Iterator[ThreadPoolExecutor]:
    """A pool whose workers wait in C code, as a driver's module-level one."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(abs, range(2)))
        yield pool


def test_jobs_in_a_pool_older_than_the_window_take_part(old_pool: ThreadPoolExecutor, clock: VirtualClock) -> None:
    def job() -> float:
        time.sleep(10)
        return clock.elapsed

    futures = [old_pool.submit(job) for _ in range(3)]
    assert [future.result(timeout=60) for future in futures] == [10.0, 10.0, 20.0]


def test_a_job_in_an_old_pool_is_given_up_at_its_time(old_pool: ThreadPoolExecutor, clock: VirtualClock) -> None:
    future = old_pool.submit(time.sleep, 30)
    with pytest.raises(LateError):
        future.result(timeout=10)
    assert clock.elapsed == 10.0
    assert future.result() is None
    assert clock.elapsed == 30.0


def test_a_loop_awaits_an_old_pool(old_pool: ThreadPoolExecutor, clock: VirtualClock) -> None:
    async def main() -> None:
        async with asyncio.timeout(6):
            await asyncio.get_running_loop().run_in_executor(old_pool, time.sleep, 5)

    asyncio.run(main())
    assert clock.elapsed == 5.0


def test_an_old_lock_held_across_a_sleep_holds_nobody_up_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.clock._monitor._STUCK_S", 0.02)
    lock, clock, order = threading.Lock(), VirtualClock(), list[str]()

    def hold() -> None:
        with lock:
            time.sleep(0.02)
            order.append("held")

    with clock.installed():
        thread = threading.Thread(target=hold)
        thread.start()
        time.sleep(0)
        with lock:
            order.append("taken")
        thread.join()
    assert order == ["held", "taken"]
    assert clock.elapsed == 0.02


def test_an_old_c_queue_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.clock._monitor._STUCK_S", 0.02)
    items, clock = queue.SimpleQueue[int](), VirtualClock()

    def produce() -> None:
        time.sleep(0.01)
        items.put(1)

    with clock.installed():
        threading.Thread(target=produce).start()
        assert items.get() == 1


def test_a_child_process_takes_no_virtual_time(clock: VirtualClock) -> None:
    ran = subprocess.run([*NOTHING[:-1], "print(1)"], capture_output=True, timeout=30, check=True)
    assert ran.stdout.split() == [b"1"]
    assert clock.elapsed == 0.0


def test_time_does_not_run_past_a_child_that_a_thread_waits_for(clock: VirtualClock) -> None:
    thread = threading.Thread(target=subprocess.run, args=(NOTHING,))
    thread.start()
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert clock.elapsed == 0.0


def test_a_childs_timeout_is_counted_for_real_and_moves_the_clock(clock: VirtualClock) -> None:
    child = subprocess.Popen([*NOTHING[:-1], "input()"], stdin=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(timeout=0.01)
    assert clock.elapsed == 0.01
    child.kill()
    child.communicate()


def test_a_loop_does_not_jump_while_its_child_runs(clock: VirtualClock) -> None:
    async def main() -> bytes:
        child = await asyncio.create_subprocess_exec(*NOTHING[:-1], SLOW_AND_LONG, stdout=subprocess.PIPE)
        async with asyncio.timeout(30):
            return (await child.communicate())[0]

    assert len(asyncio.run(main())) == 200_001
    assert clock.elapsed == 0.0


def test_a_loops_timeout_on_its_child_strikes_at_exactly_its_time(clock: VirtualClock) -> None:
    async def main() -> float:
        child = await asyncio.create_subprocess_exec(*NOTHING[:-1], "input()", stdin=subprocess.PIPE)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(child.wait(), 0.05)
        child.kill()
        await child.wait()
        return clock.elapsed

    assert asyncio.run(main()) == 0.05


def test_a_thread_older_than_the_window_is_joined_in_real_time() -> None:
    gate, clock = real_lock(), VirtualClock()
    gate.acquire()
    stranger = threading.Thread(target=gate.acquire)
    stranger.start()
    with clock.installed():
        threading.Timer(5, gate.release).start()
        time.sleep(6)
        stranger.join(timeout=30)
    assert not stranger.is_alive()
    assert clock.elapsed == 6.0


def test_a_stranger_has_a_moment_to_wake_somebody_before_a_deadlock_is_called_one() -> None:
    event, go, clock = threading.Event(), real_lock(), VirtualClock()
    go.acquire()

    def set_it() -> None:
        go.acquire()
        event.set()

    stranger = threading.Thread(target=set_it)
    stranger.start()
    with clock.installed():
        go.release()
        assert event.wait()
    stranger.join()


def test_a_real_lock_stays_real(clock: VirtualClock) -> None:
    lock, started = real_lock(), real_monotonic()
    lock.acquire()
    assert not lock.acquire(timeout=0.001)
    assert real_monotonic() - started >= 0.001
    assert clock.elapsed == 0.0
