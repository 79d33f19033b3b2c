"""What a program leaves behind, and that a good one leaves nothing."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import AsyncIterator

import pytest

from harness.clock import Leftovers, VirtualClock, Watch, virtual_time, watching_leftovers


def test_a_thread_that_goes_on_is_named_with_the_line_that_started_it() -> None:
    stop = threading.Event()
    with virtual_time() as clock, watching_leftovers() as watch:
        threading.Thread(target=stop.wait, args=(3600,), name="poller").start()
        left = watch.settle(clock)
        assert clock.elapsed == 1.0
        stop.set()
    assert len(left.threads) == 1
    assert left.threads[0].startswith("poller, started at ")
    assert left.threads[0].endswith('threading.Thread(target=stop.wait, args=(3600,), name="poller").start()')
    assert str(left) == f"thread {left.threads[0]}"


def test_a_thread_that_ends_within_a_second_is_none() -> None:
    with virtual_time() as clock, watching_leftovers() as watch:
        threading.Thread(target=clock.sleep, args=(0.9,)).start()
        assert watch.left(), "looked at at once, it is there"
        assert watch.settle(clock) == Leftovers()


def test_what_was_there_before_is_not_looked_at_again_and_again() -> None:
    assert gc.get_freeze_count() < 1_000
    with watching_leftovers():
        assert gc.get_freeze_count() > 10_000
        with watching_leftovers():
            pass
        assert gc.get_freeze_count() > 10_000, "who began it ends it"
    assert gc.get_freeze_count() < 1_000


def _run(main: object) -> Leftovers:
    async def watched(clock: VirtualClock) -> Leftovers:
        with watching_leftovers() as watch:
            await main(watch)  # type: ignore[operator] # a coroutine function of the test
            return await watch.settle_in_task(clock)

    with virtual_time() as clock:
        return asyncio.run(watched(clock))


def test_a_task_that_hangs_is_named_with_its_line() -> None:
    async def hang() -> None:
        await asyncio.sleep(3600)

    tasks = []

    async def main(_: Watch) -> None:
        tasks.append(asyncio.create_task(hang(), name="ping"))

    left = _run(main)
    assert len(left.tasks) == 1
    assert left.tasks[0].startswith("ping at ")
    assert left.tasks[0].endswith("in hang: await asyncio.sleep(3600)")


def test_a_generator_that_was_left_needs_its_second_and_is_none() -> None:
    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0.5)

    seen: list[Leftovers] = []

    async def main(watch: Watch) -> None:
        async for _ in numbers():
            break
        await asyncio.sleep(0)
        seen.append(watch.left())

    assert not _run(main)
    assert seen[0].tasks, "without the second it would be a false alarm"


def test_a_coroutine_that_nobody_awaits_is_named_and_other_warnings_go_on() -> None:
    async def forgotten() -> None: ...

    async def main(_: Watch) -> None:
        forgotten()  # type: ignore[unused-coroutine] # which is what this is about
        warnings.warn("something else", RuntimeWarning, stacklevel=1)

    with pytest.warns(RuntimeWarning, match="something else") as heard:
        left = _run(main)
    assert [line.partition("'")[2] for line in left.coroutines] == [
        "test_a_coroutine_that_nobody_awaits_is_named_and_other_warnings_go_on.<locals>.forgotten' was never awaited"
    ]
    assert len(heard) == 1
