"""A thousand runs of programs whose order is nobody's on a real clock: on this one each has one history."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed

import anyio
import anyio.to_thread
import pytest
import trio
from trio.testing import MockClock

from harness.clock import VirtualClock

RUNS = 200
Log = list[tuple[str, float]]
Program = Callable[[VirtualClock, Log], None]


def threads(clock: VirtualClock, log: Log) -> None:
    """Five threads that wake at the same instants, and read and write what they share without a lock."""
    shared = [0]

    def run(name: str) -> None:
        for _ in range(3):
            seen = shared[0]
            time.sleep(1)
            shared[0] = seen + 1
            log.append((f"{name} {shared[0]}", clock.elapsed))

    workers = [threading.Thread(target=run, args=(name,)) for name in "abcde"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def contended(clock: VirtualClock, log: Log) -> None:
    """Who gets the lock, who takes the item: producers and consumers that all come at once."""
    items: queue.Queue[str] = queue.Queue(maxsize=1)
    lock = threading.Lock()

    def produce(name: str) -> None:
        for number in range(2):
            items.put(f"{name}{number}")

    def consume(name: str) -> None:
        for _ in range(2):
            item = items.get(timeout=5)
            with lock:
                time.sleep(0.5)
                log.append((f"{name} got {item}", clock.elapsed))

    workers = [threading.Thread(target=produce, args=(name,)) for name in "pqr"]
    workers += [threading.Thread(target=consume, args=(name,)) for name in "xyz"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def loops(clock: VirtualClock, log: Log) -> None:
    """Two loops in two threads, whose timers fall due in the same instants as a third thread's sleep."""

    async def tick(name: str, every_s: float) -> None:
        for _ in range(3):
            await asyncio.sleep(every_s)
            log.append((name, clock.elapsed))

    async def both(name: str) -> None:
        await asyncio.gather(tick(f"{name}1", 1), tick(f"{name}2", 1.5))

    workers = [threading.Thread(target=asyncio.run, args=(both(name),)) for name in "AB"]
    for worker in workers:
        worker.start()
    time.sleep(3)
    log.append(("main", clock.elapsed))
    for worker in workers:
        worker.join()


def mixed(clock: VirtualClock, log: Log) -> None:
    """A loop, its executor, anyio's threads and a pool, all of which end at three seconds."""

    def work(name: str) -> None:
        time.sleep(3)
        log.append((name, clock.elapsed))

    async def main() -> None:
        jobs = [asyncio.to_thread(work, f"to_thread {number}") for number in range(2)]
        others = [anyio.to_thread.run_sync(work, f"anyio {number}") for number in range(2)]
        await asyncio.gather(*jobs, *others, asyncio.sleep(3))
        log.append(("loop", clock.elapsed))

    with ThreadPoolExecutor(2) as pool:
        futures = {pool.submit(work, f"pool {number}"): number for number in range(2)}
        # The first of them: those that have ended by then come in the order of a set, which is that of their addresses.
        log.append((f"of {len(futures)} pooled", clock.elapsed if next(as_completed(futures)) else 0))
        asyncio.run(main())


def cancelled(clock: VirtualClock, log: Log) -> None:
    """A task, a thread and an action that all want to end the same wait in the same instant."""

    async def main() -> None:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        clock.call_at("2s", lambda: log.append(("action", clock.elapsed)))
        presser = threading.Thread(target=lambda: (time.sleep(2), loop.call_soon_threadsafe(task.cancel)))
        presser.start()
        try:
            async with asyncio.timeout(2):
                await asyncio.sleep(2)
            log.append(("slept", clock.elapsed))
        except (TimeoutError, asyncio.CancelledError) as error:
            log.append((type(error).__name__, clock.elapsed))
        presser.join()

    try:
        asyncio.run(main())
    except asyncio.CancelledError:
        log.append(("cancelled late", clock.elapsed))


def test_there_are_a_thousand_runs() -> None:
    assert RUNS * len(PROGRAMS) == 1000


PROGRAMS: list[Program] = [threads, contended, loops, mixed, cancelled]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_every_run_has_the_same_history(program: Program) -> None:
    histories = set()
    for _ in range(RUNS):
        log: Log = []
        clock = VirtualClock()
        with clock.installed():
            program(clock, log)
        histories.add(tuple(log))
        assert clock.leaked == ()
    assert len(histories) == 1
    assert len(histories.pop()) >= 2, "the program did something"


def test_tasks_of_trio_have_no_order_and_their_times_are_the_same() -> None:
    """Trio shuffles its tasks on purpose: what can be the same in every run is when things happen."""

    async def main(clock: VirtualClock, log: Log) -> None:
        async def tick(name: str) -> None:
            for _ in range(3):
                await trio.sleep(1)
                log.append((name, clock.elapsed))

        async with trio.open_nursery() as nursery:
            for name in "abc":
                nursery.start_soon(tick, name)

    histories = set()
    for _ in range(20):
        log: Log = []
        clock = VirtualClock()
        with clock.installed():
            trio.run(main, clock, log, clock=MockClock(autojump_threshold=0))
        histories.add(tuple(sorted(log)))
    assert histories == {tuple(sorted((name, at) for name in "abc" for at in (1.0, 2.0, 3.0)))}
