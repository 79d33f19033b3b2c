"""How often a task gives up its loop: each await that suspends counts once, at once, and none that does not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from harness.clock import new_event_loop, on_suspension, running_task, virtual_time
from harness.errors import VirtualTimeError


async def _done() -> None: ...


async def _work(sleep: Callable[[float], Awaitable[object]], heard: list[int]) -> list[int]:
    """Four suspensions, and awaits that are none; how many had been heard after each."""
    stop = on_suspension(lambda: heard.append(len(heard) + 1))
    seen = []
    for length in (0, 1, 0, 30):
        await _done()
        await sleep(length)
        seen.append(len(heard))
    stop()
    await sleep(1)
    return seen


def _on_asyncio(heard: list[int]) -> list[int]:
    with virtual_time(), asyncio.Runner(loop_factory=new_event_loop) as runner:
        seen: list[int] = runner.run(_work(asyncio.sleep, heard))
        assert "call_soon" not in vars(runner.get_loop()), "nothing is left on the loop"
        return seen


def _on_a_foreign_loop(heard: list[int]) -> list[int]:
    async def short(_: float) -> None:
        await asyncio.sleep(0)

    return asyncio.run(_work(short, heard))


def _on_trio(heard: list[int]) -> list[int]:
    main = partial(_work, trio.sleep, heard)
    return trio.run(main, clock=MockClock(autojump_threshold=0))


@pytest.mark.parametrize("run", [_on_asyncio, _on_a_foreign_loop, _on_trio])
def test_every_suspension_counts_once(run: Callable[[list[int]], list[int]]) -> None:
    heard: list[int] = []
    assert run(heard) == [1, 2, 3, 4]
    assert heard == [1, 2, 3, 4]


def test_other_tasks_do_not_count() -> None:
    async def main() -> tuple[int, int]:
        heard: list[None] = []
        other = asyncio.create_task(_work(asyncio.sleep, []))
        stop = on_suspension(lambda: heard.append(None))
        await asyncio.sleep(100)
        await other
        stop()
        return len(heard), len(other.result())

    with virtual_time():
        assert asyncio.run(main()) == (1, 4)


def test_a_task_can_be_cancelled_at_its_suspension_from_a_thread_and_from_the_timeline() -> None:
    async def hang(cancel_by: Callable[[Any], object]) -> float:
        task = running_task()
        assert task is not None
        cancel_by(task)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(3600)
        return clock.elapsed

    ways: list[Callable[[Any], object]] = [
        lambda task: on_suspension(task.cancel),
        lambda task: threading.Thread(target=task.cancel).start(),
        lambda task: clock.call_at("0s", task.cancel),
    ]
    for way in ways:
        with virtual_time() as clock:
            assert asyncio.run(hang(way)) == 0.0


def test_a_thread_suspends_nothing() -> None:
    assert running_task() is None
    with pytest.raises(VirtualTimeError, match="no task runs here"):
        on_suspension(lambda: None)


def test_a_loop_in_c_says_so() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def main() -> None:
        with pytest.raises(VirtualTimeError, match="does not show what its tasks do"):
            on_suspension(lambda: None)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
