"""What blocks in Python's threading, on virtual time. The cases of the clock's own measurements, one by one."""

from __future__ import annotations

import concurrent.futures
import queue
import threading
import time
from collections import deque
from collections.abc import Iterator

import pytest

from harness.clock import VirtualClock, real_sleep
from harness.clock._lock import VirtualLock
from harness.clock._waiter import Waiter
from harness.errors import HorizonExceededError, VirtualDeadlockError, VirtualTimeError
from harness.model import NEVER, seconds


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    clock = VirtualClock()
    with clock.installed():
        yield clock


def test_a_sleep_is_a_jump(clock: VirtualClock) -> None:
    before = time.monotonic(), time.time(), time.perf_counter(), time.monotonic_ns()
    time.sleep(30)
    assert clock.elapsed == 30.0
    after = time.monotonic(), time.time(), time.perf_counter(), time.monotonic_ns()
    assert [b - a for a, b in zip(before, after, strict=True)] == [30.0, 30.0, 30.0, 30_000_000_000]


def test_a_countdown_is_cancelled_by_an_action_in_the_very_moment(clock: VirtualClock) -> None:
    cancel, ticks = threading.Event(), 0
    clock.call_at(12.5, cancel.set)
    while not cancel.wait(1.0):
        ticks += 1
    assert (clock.elapsed, ticks) == (12.5, 12)


def test_a_countdown_is_cancelled_by_another_thread(clock: VirtualClock) -> None:
    cancel = threading.Event()

    def press() -> None:
        time.sleep(7.25)
        cancel.set()

    thread = threading.Thread(target=press)
    thread.start()
    while not cancel.wait(0.1):
        assert clock.elapsed < 30
    thread.join()
    assert clock.elapsed == 7.25


def test_a_queue_hands_over_at_the_moment_of_the_put(clock: VirtualClock) -> None:
    items: queue.Queue[int] = queue.Queue()

    def produce() -> None:
        for number in range(3):
            time.sleep(5)
            items.put(number)

    threading.Thread(target=produce).start()
    heard = [(items.get(timeout=6), clock.elapsed) for _ in range(3)]
    with pytest.raises(queue.Empty):
        items.get(timeout=6)
    assert heard == [(0, 5.0), (1, 10.0), (2, 15.0)]
    assert clock.elapsed == 21.0


def test_a_pool_finishes_in_the_order_of_time(clock: VirtualClock) -> None:
    def job(number: int) -> tuple[int, float]:
        time.sleep(10 - number)
        return number, clock.elapsed

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(job, number) for number in range(4)]
        order = [future.result() for future in concurrent.futures.as_completed(futures)]
    assert order == [(3, 7.0), (2, 8.0), (1, 9.0), (0, 10.0)]


def test_a_future_times_out_while_its_worker_goes_on(clock: VirtualClock) -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        future = pool.submit(time.sleep, 60)
        with pytest.raises(concurrent.futures.TimeoutError):
            future.result(timeout=30)
        assert clock.elapsed == 30.0
    assert clock.elapsed == 60.0


def test_an_event_that_nobody_sets_is_a_deadlock_that_names_the_line(clock: VirtualClock) -> None:
    with pytest.raises(VirtualDeadlockError, match=r"MainThread waits at .*test_threads\.py:\d+ in test_an_event"):
        threading.Event().wait()
    assert clock.elapsed == 0.0


def test_locks_taken_in_opposite_order_are_a_deadlock_that_names_all_three(clock: VirtualClock) -> None:
    first, second = threading.Lock(), threading.RLock()

    def forwards() -> None:
        with first:
            time.sleep(1)
            with second:
                pass

    def backwards() -> None:
        with second:
            time.sleep(1)
            with first:
                pass

    threads = [threading.Thread(target=f, name=f.__name__, daemon=True) for f in (forwards, backwards)]
    for thread in threads:
        thread.start()
    with pytest.raises(VirtualDeadlockError) as caught:
        threads[0].join()
    assert [name for name in ("MainThread", "forwards", "backwards") if f"  {name} waits at" in str(caught.value)] == [
        "MainThread",
        "forwards",
        "backwards",
    ]
    assert clock.elapsed == 1.0


def test_a_retry_for_ever_ends_at_the_horizon() -> None:
    clock = VirtualClock(horizon=120)
    with clock.installed(), pytest.raises(HorizonExceededError, match=r"119s .* 126s, past the horizon of 120s"):
        while True:
            time.sleep(7)


def test_a_wait_ends_early_at_the_moment_its_event_is_set_by_anybody(clock: VirtualClock) -> None:
    wake = threading.Event()
    clock.call_at("3s", wake.set)
    assert clock.wait_until(seconds(10), wake) is True
    assert clock.elapsed == 3.0
    wake.clear()

    def press() -> None:
        time.sleep(2)
        wake.set()
        time.sleep(2)

    threading.Thread(target=press).start()
    assert clock.wait_until(NEVER, wake) is True
    assert clock.elapsed == 5.0


def test_any_object_with_is_set_can_end_a_wait(clock: VirtualClock) -> None:
    class Flag:
        up = False

        def is_set(self) -> bool:
            return self.up

        def wait(self, timeout: float | None = None) -> bool:
            raise AssertionError(timeout)

    flag = Flag()
    clock.call_at(4.0, lambda: setattr(flag, "up", True))
    assert clock.wait_until(seconds(9), flag) is True
    assert clock.elapsed == 4.0


def test_a_wait_for_ever_is_told_in_the_waiting_thread_though_another_one_opened_the_window(
    clock: VirtualClock,
) -> None:
    told: list[str] = []

    def wait() -> None:
        try:
            clock.wait_until(NEVER)
        except VirtualDeadlockError as error:
            told.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join()
    assert "in wait" in told[0]


class SlowToEnd(threading.Thread):
    def _bootstrap_inner(self) -> None:
        super()._bootstrap_inner()  # type: ignore[misc]
        real_sleep(0.005)


def test_a_thread_that_ended_is_not_alive_one_instant_later(clock: VirtualClock) -> None:
    thread = SlowToEnd(target=time.sleep, args=(1,))
    thread.start()
    time.sleep(1.0)
    time.sleep(0)
    assert not thread.is_alive()


def test_a_semaphore_a_barrier_and_a_timer_wait_virtually(clock: VirtualClock) -> None:
    semaphore, barrier = threading.Semaphore(0), threading.Barrier(2)
    threading.Timer(5, semaphore.release).start()
    assert semaphore.acquire(timeout=10)
    assert clock.elapsed == 5.0
    threading.Timer(5, barrier.wait).start()
    barrier.wait(timeout=10)
    assert clock.elapsed == 10.0


def test_a_lock_held_across_a_sleep_is_waited_for_in_virtual_time(clock: VirtualClock) -> None:
    lock = threading.Lock()

    def hold() -> None:
        with lock:
            time.sleep(5)

    threading.Thread(target=hold).start()
    time.sleep(1)
    assert not lock.acquire(timeout=1)
    assert clock.elapsed == 2.0
    assert not lock.acquire(blocking=False)
    with lock:
        assert clock.elapsed == 5.0


def test_a_lock_that_a_stranger_releases_at_the_last_moment_is_taken(clock: VirtualClock) -> None:
    class Racing(deque[Waiter]):
        def append(self, waiter: Waiter) -> None:
            super().append(waiter)
            lock._inner.release()

    lock = VirtualLock()
    lock._waiters = Racing()
    lock.acquire()
    assert lock.acquire(timeout=5)
    assert clock.elapsed == 0.0


def test_a_condition_older_than_the_window_waits_virtually() -> None:
    condition, clock = threading.Condition(), VirtualClock()
    with clock.installed(), condition:
        assert not condition.wait(timeout=8)
    assert clock.elapsed == 8.0


def test_a_thread_left_behind_is_let_go_and_reported() -> None:
    clock = VirtualClock()
    seen: list[float] = []

    def linger() -> None:
        time.sleep(3600)
        seen.append(time.monotonic())

    with clock.installed():
        thread = threading.Thread(target=linger, name="lingering")
        thread.start()
        time.sleep(1)
    thread.join(5)
    assert not thread.is_alive()
    assert len(clock.leaked) == 1
    assert "lingering waits at" in clock.leaked[0]
    assert "in linger: time.sleep(3600)" in clock.leaked[0]


def test_nothing_is_reported_where_all_threads_ended(clock: VirtualClock) -> None:
    thread = threading.Thread(target=time.sleep, args=(1,))
    thread.start()
    thread.join()
    assert clock.baton.close() == ()
    clock.baton.open()


def test_a_pool_that_outlives_its_window_works_in_the_next_one() -> None:
    first, second = VirtualClock(), VirtualClock()
    with first.installed():
        pool = concurrent.futures.ThreadPoolExecutor(1)
        pool.submit(time.sleep, 5).result()
    with second.installed():
        pool.submit(time.sleep, 7).result(timeout=60)
        pool.shutdown()
    assert (first.elapsed, second.elapsed, second.leaked) == (5.0, 7.0, ())
    assert len(first.leaked) == 1


def test_an_action_must_not_wait(clock: VirtualClock) -> None:
    clock.call_at(1.0, lambda: time.sleep(1))
    with pytest.raises(VirtualTimeError, match="must not wait"):
        time.sleep(5)


def test_what_an_action_raises_is_raised_in_the_test(clock: VirtualClock) -> None:
    clock.call_at(1.0, lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        time.sleep(5)
    assert clock.elapsed == 1.0


def test_advance_does_in_order_what_falls_due_and_moves_the_horizon_along() -> None:
    clock, order = VirtualClock(horizon="10s"), []
    clock.call_at("20s", lambda: order.append(("b", clock.elapsed)))
    clock.call_at("5s", lambda: order.append(("a", clock.elapsed)))
    with clock.installed():
        clock.advance("1m")
        assert order == [("a", 5.0), ("b", 20.0)]
        time.sleep(10)
        with pytest.raises(HorizonExceededError):
            time.sleep(1)


def test_a_loop_that_waits_by_looking_at_the_clock_is_named(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.clock._virtual._READS_MAX", 1000)
    until = time.monotonic() + 5
    with pytest.raises(VirtualDeadlockError, match=r"put a sleep into the loop"):
        while time.monotonic() < until:
            pass
