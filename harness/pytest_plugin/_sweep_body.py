"""Body: the call of a swept test, from the inside: what it came to, what it left, and whether it works once more.

All of this happens where pytest calls the test, and not around it, so that its output, its warnings and its log are
captured as those of any test are. Rules:

1. A run is over, and its history told, when the test function is. Fixtures are still open then, as the objects of a
   program are that goes on: what they hold was there before, and a run without faults shows what it looks like.
2. Leaks are looked for after that, when the garbage is collected and a virtual second has passed. Where time is not
   virtual they are not: what is still tidying up looks like one.
3. Then the model is well again, and the function is called once more with the same fixtures.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import wraps
from typing import Any, Final

import pytest

from harness.clock import Leftovers, VirtualClock, Watch, watching_leftovers
from harness.contract import GenerationCancelled
from harness.model import Nanos
from harness.pytest_plugin._calls import open_sessions
from harness.pytest_plugin._run import Run
from harness.pytest_plugin._swept import Swept
from harness.sweeps import Outcome, let_go, unnumbered

LEAKS: Final = "no-leaks"
_OF_THE_LOOP: Final = re.compile(r"asyncio_\d+|AnyIO worker thread")
"""Threads that wait for the loop's next job, and end with it."""


@contextmanager
def bodied(item: pytest.Item, swept: Swept, run: Run) -> Iterator[None]:
    """Within the block the call of `item` is watched for `swept`."""
    body = _Body(item, swept, run)
    function = getattr(item, "obj", None) if isinstance(item, pytest.Function) else None
    if function is not None and body.is_async:
        item.obj = body.settling(swept.watched(function))  # type: ignore[attr-defined] # it is a Function
    item.runtest = body  # type: ignore[method-assign] # of this one item
    try:
        yield
    finally:
        del item.runtest
        if function is not None and body.is_async:
            item.obj = function  # type: ignore[attr-defined] # as above


def error_kept_by(item: pytest.Item) -> BaseException | None:
    """The error that unittest keeps to itself, to report it later. From now on it does not."""
    kept: list[pytest.ExceptionInfo[BaseException]] = getattr(item, "_excinfo", None) or []
    error = kept[0].value if kept else None
    kept.clear()
    return error


class _Body:
    """What is called in place of `item.runtest`."""

    def __init__(self, item: pytest.Item, swept: Swept, run: Run) -> None:
        self.is_async = inspect.iscoroutinefunction(getattr(item, "obj", None))
        self._item = item
        self._swept = swept
        self._run = run
        self._call: Callable[[], object] = item.runtest

    def __call__(self) -> None:
        swept = self._swept
        looks = LEAKS in swept.asks and not self.is_async
        with watching_leftovers() if looks else nullcontext() as watch:
            error = self._called()
            self._over(error)
            if watch is not None and (clock := self._clock()) is not None:
                self._left(watch.settle(clock))
        if swept.outcome is not None:
            swept.outcome = replace(swept.outcome, leaks=swept.leaks, twin=self._twin(swept.outcome))
            if swept.is_tried_again and _can_be_tried(swept.outcome):
                swept.outcome = replace(swept.outcome, again=self._again())
        if error is not None:
            raise error

    def _called(self) -> BaseException | None:
        try:
            self._call()
        except (KeyboardInterrupt, pytest.exit.Exception, pytest.skip.Exception):
            raise
        except BaseException as raised:  # noqa: BLE001 - what comes out is what is judged
            return raised
        return error_kept_by(self._item)

    def settling(self, test: Callable[..., Any]) -> Callable[..., Any]:
        """`test`, a coroutine function, which is over in its own loop and leaves there what it leaves."""

        @wraps(test)
        async def run(**fixtures: Any) -> Any:
            if self._swept.outcome is not None:  # it is tried again
                return await test(**fixtures)
            with watching_leftovers() if LEAKS in self._swept.asks else nullcontext() as watch:
                error, result = await _ended(test(**fixtures))
                self._over(error)
                if watch is not None and (clock := self._clock()) is not None:
                    await self._settled(watch, clock)
            if error is not None:
                raise error
            return result

        return run

    async def _settled(self, watch: Watch, clock: VirtualClock) -> None:
        left = await watch.settle_in_task(clock)
        loop = asyncio._get_running_loop()  # noqa: SLF001 - documented for event loop authors; None where none runs
        keeps_time = getattr(loop, "is_virtual", False)
        self._left(left if keeps_time else replace(left, tasks=()))  # no second has passed for them

    def _over(self, error: BaseException | None) -> None:
        swept = self._swept
        if swept.outcome is None:
            swept.outcome = swept.tell(error)
            swept.trace = self._trace(swept.outcome)
            if LEAKS in swept.asks:
                let_go(error)

    def _clock(self) -> VirtualClock | None:
        opening = self._swept.opening
        clock = opening.session.clock if opening is not None else None
        return clock if isinstance(clock, VirtualClock) else None

    def _left(self, left: Leftovers) -> None:
        opening = self._swept.opening
        history = opening.session.history if opening is not None else ()
        open_answers = [
            f"answer to call {entry.call} attempt {entry.attempt} left open"
            for entry in history
            if entry.answered is not None and entry.outcome == "open"
        ]
        threads = [f"thread {_unnumbered(one, ', started')}" for one in left.threads if not _OF_THE_LOOP.match(one)]
        tasks = [f"task {_unnumbered(one, ' at ')}" for one in left.tasks]
        self._swept.leaks = (*tasks, *threads, *open_answers, *left.coroutines)

    def _again(self) -> Outcome | None:
        """What comes of the test when the model is well again. None where it was told to stop and still is: what the
        test's own function pressed nobody can release."""
        swept = self._swept
        opening = swept.opening
        assert opening is not None, "it has an outcome"
        session, asked = opening.session, len(opening.session.history)
        known = [miss for one in open_sessions(self._run) for miss in one.misses]
        swept.heal()
        error = self._called()
        result, left = swept.came_to(error)
        if swept.press is not None and isinstance(error, GenerationCancelled):
            return None
        missed = [miss for one in open_sessions(self._run) for miss in one.misses if not _is_in(miss, known)]
        self._run.fresh(missed)  # told here, and not once more at the end
        return Outcome(
            result=result,
            error=left,
            ended_at=Nanos(session.clock.now() - session.engine.opened_at),
            history=tuple(session.history[asked:]),
            missed=tuple(str(miss) for miss in missed),
            terms=swept.terms or Outcome().terms,
        )

    def _twin(self, outcome: Outcome) -> str:
        """The digest of the same case run before; of two that are the same, this one's."""
        twin = self._swept.twin
        if twin is None:
            return ""
        return outcome.digest if twin.trace == self._swept.trace else twin.digest

    def _trace(self, outcome: Outcome | None) -> tuple[str, ...]:
        """What it did, without the folder that is another one in each run."""
        folders = [str(given) for name, given in _fixtures(self._item) if name in {"tmp_path", "tmpdir"}]
        lines = outcome.trace if outcome is not None else []
        for folder in folders:
            lines = [line.replace(folder, "tmp_path") for line in lines]
        return tuple(lines)


def _can_be_tried(outcome: Outcome) -> bool:
    """False where it would say nothing: it hung, it left its recording, or nothing was broken."""
    return not outcome.stuck and not outcome.missed and (outcome.case is None or bool(outcome.struck))


async def _ended(test: Any) -> tuple[BaseException | None, Any]:
    """How the coroutine ended. A cancel that reached it was meant for it, and not for what comes after."""
    task = _task()
    asked = task.cancelling() if task is not None else 0
    try:
        return None, await test
    except (KeyboardInterrupt, pytest.exit.Exception, pytest.skip.Exception):
        raise
    except BaseException as raised:  # noqa: BLE001 - what comes out is what is judged
        while task is not None and task.cancelling() > asked:
            task.uncancel()
        return raised, None


def _task() -> asyncio.Task[Any] | None:
    loop = asyncio._get_running_loop()  # noqa: SLF001 - documented for event loop authors; None where none runs
    return asyncio.current_task(loop) if loop is not None else None


def _fixtures(item: pytest.Item) -> Sequence[tuple[str, Any]]:
    return list(getattr(item, "funcargs", {}).items())


def _unnumbered(text: str, after: str) -> str:
    name, found, rest = text.partition(after)
    return f"{unnumbered(name)}{found}{rest}"


def _is_in(one: object, those: Sequence[object]) -> bool:
    return any(one is other for other in those)
