"""The table of programs that the clock was designed by, a test to each row: how much virtual time it takes, how it
ends, and that no real time passes.

What each of them is about in detail stands in the modules beside this one.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor, as_completed
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

import anyio
import anyio.to_thread
import pytest

from harness.clock import VirtualClock, real_monotonic, virtual_time
from harness.errors import HorizonExceededError, VirtualDeadlockError

REAL_S_MAX = 5.0
"""Each takes milliseconds; this only tells it from the thirty seconds and more that it would take."""

Program = Callable[[VirtualClock], Any]
ROWS: dict[str, Program] = {}


def row(name: str) -> Callable[[Program], Program]:
    """The program of the row `name`; what it returns is compared with what the table says."""

    def add(program: Program) -> Program:
        ROWS[name] = program
        return program

    return add


def _run(main: Callable[[VirtualClock], Coroutine[Any, Any, Any]], clock: VirtualClock) -> Any:
    return asyncio.run(main(clock))


@row("asyncio.timeout(30)")
def _timeout(clock: VirtualClock) -> None:
    async def main(clock: VirtualClock) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.Event().wait()
        assert clock.elapsed == 30.0

    _run(main, clock)


@row("wait_for(30)")
def _wait_for(clock: VirtualClock) -> None:
    async def main(clock: VirtualClock) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 30)
        assert clock.elapsed == 30.0

    _run(main, clock)


@row("asyncio.to_thread(time.sleep, 30)")
def _to_thread(clock: VirtualClock) -> None:
    async def main(clock: VirtualClock) -> None:
        await asyncio.to_thread(time.sleep, 30)
        assert clock.elapsed == 30.0

    _run(main, clock)


@row("anyio.to_thread.run_sync(time.sleep, 30)")
def _anyio_to_thread(clock: VirtualClock) -> None:
    async def main(clock: VirtualClock) -> None:
        await anyio.to_thread.run_sync(time.sleep, 30)
        assert clock.elapsed == 30.0

    _run(main, clock)


@row("timeout(10) around to_thread(sleep 30)")
def _timeout_around_thread(clock: VirtualClock) -> None:
    async def main(clock: VirtualClock) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await asyncio.to_thread(time.sleep, 30)
        assert clock.elapsed == 10.0

    _run(main, clock)


@row("429 countdown, cancelled by clock.call_at(12.5)")
def _countdown(clock: VirtualClock) -> None:
    cancel, waits = threading.Event(), 0
    clock.call_at(12.5, cancel.set)
    for _ in range(30):
        waits += 1
        if cancel.wait(1.0):
            break
    assert (clock.elapsed, waits) == (12.5, 13)


@row("429 countdown, cancelled from another thread at 7.25")
def _countdown_and_thread(clock: VirtualClock) -> None:
    cancel = threading.Event()
    threading.Thread(target=lambda: (time.sleep(7.25), cancel.set())).start()
    while not cancel.wait(1.0):
        assert clock.elapsed < 30
    assert clock.elapsed == 7.25


@row("queue.get(timeout=6) with a worker thread")
def _queue(clock: VirtualClock) -> None:
    items: queue.Queue[int] = queue.Queue()

    def work() -> None:
        for number in range(3):
            time.sleep(5)
            items.put(number)

    threading.Thread(target=work).start()
    times = []
    with pytest.raises(queue.Empty):
        while True:
            items.get(timeout=6)
            times.append(clock.elapsed)
    assert (times, clock.elapsed) == ([5.0, 10.0, 15.0], 21.0)


@row("ThreadPoolExecutor, as_completed, Future.result(timeout=30)")
def _pool(clock: VirtualClock) -> None:
    with ThreadPoolExecutor(5) as pool:
        jobs = {pool.submit(time.sleep, length): length for length in (10, 9, 8, 7)}
        assert [(jobs[done], clock.elapsed) for done in as_completed(jobs)] == [(n, float(n)) for n in (7, 8, 9, 10)]
        late = pool.submit(time.sleep, 100)
        with pytest.raises(FutureTimeoutError):
            late.result(timeout=30)
        assert clock.elapsed == 40.0


@row("Event().wait() for ever")
def _event(_: VirtualClock) -> None:
    with pytest.raises(VirtualDeadlockError, match=r"threading\.Event\(\)\.wait\(\)"):
        threading.Event().wait()


@row("unresolved future")
def _future(clock: VirtualClock) -> None:
    async def main(_: VirtualClock) -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(VirtualDeadlockError, match=r"in main: await asyncio.get_running_loop\(\).create_future\(\)"):
        _run(main, clock)


@row("while True: sleep(7) with horizon 120")
def _horizon(clock: VirtualClock) -> None:
    clock.agenda.horizon = type(clock.agenda.horizon)(120 * 10**9)
    with pytest.raises(HorizonExceededError, match="happens at 126s"):
        while True:
            time.sleep(7)


@row("A/B lock-order deadlock in 2 threads")
def _lock_order(_: VirtualClock) -> None:
    first, second = threading.Lock(), threading.Lock()

    def take(a: threading.Lock, b: threading.Lock) -> None:
        with a:
            time.sleep(1)
            with b:
                pass

    pairs = (first, second), (second, first)
    threads = [threading.Thread(target=take, args=pair, daemon=True) for pair in pairs]
    for thread in threads:
        thread.start()
    with pytest.raises(VirtualDeadlockError, match=r"(?s)in take: with b:.*in take: with b:"):
        threads[0].join()


@row("2 loops in 2 threads, the main thread, and a bridge between them")
def _bridge(clock: VirtualClock) -> None:
    log: list[tuple[str, float]] = []
    there: queue.Queue[asyncio.AbstractEventLoop] = queue.Queue()

    async def tick(name: str, every_s: float, stays_s: float) -> None:
        there.put(asyncio.get_running_loop())
        for _ in range(3):
            await asyncio.sleep(every_s)
            log.append((name, clock.elapsed))
        await asyncio.sleep(stays_s)

    async def late() -> None:
        await asyncio.sleep(30)
        log.append(("late", clock.elapsed))

    async def main_of_a() -> None:
        await tick("A", 2, 60)

    threads = [
        threading.Thread(target=asyncio.run, args=(main_of_a(),)),
        threading.Thread(target=asyncio.run, args=(tick("B", 3, 0),)),
    ]
    threads[0].start()
    loop = there.get()
    threads[1].start()
    time.sleep(5)
    log.append(("main", clock.elapsed))
    threads[1].join()
    bridge = asyncio.run_coroutine_threadsafe(late(), loop)
    with pytest.raises(FutureTimeoutError):
        bridge.result(10)
    log.append(("bridge", clock.elapsed))
    bridge.result()
    threads[0].join()
    ticks = [("A", 2.0), ("B", 3.0), ("A", 4.0), ("main", 5.0), ("B", 6.0), ("A", 6.0), ("B", 9.0)]
    assert log == [*ticks, ("bridge", 19.0), ("late", 39.0)]


@row("racy 5-thread program x 200")
def _race(_: VirtualClock) -> None:
    """A thousand of several kinds stand in test_races.py."""
    histories = {tuple(_racy()) for _ in range(200)}
    assert len(histories) == 1


def _racy() -> list[int]:
    shared, log = [0], list[int]()

    def run() -> None:
        for _ in range(2):
            seen = shared[0]
            time.sleep(1)
            shared[0] = seen + 1
            log.append(shared[0])

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return log


@pytest.mark.parametrize("name", ROWS)
def test_a_row_of_the_table(name: str) -> None:
    started = real_monotonic()
    with virtual_time() as clock:
        ROWS[name](clock)
    assert real_monotonic() - started < REAL_S_MAX
