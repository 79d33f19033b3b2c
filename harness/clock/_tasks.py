"""The task that runs: how to cancel it from outside, and how often it gives up its loop.

Both work on a task that runs already, under asyncio and trio, and cost nothing where nobody asks.
A loop in C (uvloop) shows nothing of its tasks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from harness.clock._trio import running_trio
from harness.errors import VirtualTimeError

Hear = Callable[[], object]


@dataclass(frozen=True, slots=True)
class RunningTask:
    """A task, asyncio's or trio's. `cancel` cancels it, from any thread and from an action on the timeline.

    In trio, which cancels scopes and not tasks, that is the innermost scope the task is in when it is asked for.
    """

    task: Any
    cancel: Callable[[], object] = field(repr=False)


def running_task() -> RunningTask | None:
    """The task that runs here; None in a plain thread."""
    trio = running_trio()
    if trio is not None:
        task = trio.lowlevel.current_task()
        scope = _scope_of(task)  # now, because a sleep is a scope of its own
        return RunningTask(task, lambda: _cancel_in_trio(task, scope))
    loop = asyncio._get_running_loop()  # noqa: SLF001 - documented for event loop authors; None where none runs
    current = asyncio.current_task(loop) if loop is not None else None
    if loop is None or current is None:
        return None
    return RunningTask(current, lambda: _cancel_in_loop(loop, current))


async def give_turn() -> None:
    """Let other tasks run, and hear of a cancel; time stands still."""
    trio = running_trio()
    await (trio.lowlevel.checkpoint() if trio is not None else asyncio.sleep(0))


def _cancel_in_loop(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
    if task.done():
        return
    if asyncio._get_running_loop() is loop and asyncio.current_task(loop) is task:  # noqa: SLF001 - as above
        task.cancel()
    else:  # also from an action on the timeline: the loop has to be woken, or time runs on
        loop.call_soon_threadsafe(task.cancel)


def _scope_of(task: Any) -> Any:
    # The nursery's scope is public, and cancels the siblings too. The innermost one is what `CancelScope` around the
    # reading is, which is how trio's users stop a stream; its name is private, and has been the same since trio 0.12.
    return getattr(getattr(task, "_cancel_status", None), "_scope", None)


def _cancel_in_trio(task: Any, scope: Any) -> None:
    if getattr(scope, "_cancel_status", None) is None and task.parent_nursery is not None:  # left since
        scope = task.parent_nursery.cancel_scope
    if scope is not None:
        scope.cancel()


# --- how often it gives up its loop ----------------------------------------------------------------------------------


def on_suspension(hear: Hear) -> Callable[[], None]:
    """Call `hear` each time the running task gives up its loop from now on, right after it did. Returns what ends that.

    Raises VirtualTimeError where no task runs, and in a loop whose insides cannot be seen.
    """
    trio, found = running_trio(), running_task()
    if found is None:
        message = "no task runs here: a thread does not await"
        raise VirtualTimeError(message)
    if trio is not None:
        return _in_trio(trio, found.task, hear)
    return _in_loop(asyncio.get_running_loop(), found.task, hear)


def _in_trio(trio: Any, task: Any, hear: Hear) -> Callable[[], None]:
    class Steps(trio.abc.Instrument):  # type: ignore[misc] # trio is not imported before somebody uses it
        def after_task_step(self, stepped: Any) -> None:
            if stepped is task:
                hear()

        def task_exited(self, ended: Any) -> None:
            if ended is task:
                stop()

    steps = Steps()

    def stop() -> None:
        try:
            trio.lowlevel.remove_instrument(steps)
        except (KeyError, RuntimeError):  # removed already, or the run is over
            return

    trio.lowlevel.add_instrument(steps)
    return stop


def _in_loop(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any], hear: Hear) -> Callable[[], None]:
    steps = getattr(loop, _STEPS, None)
    if steps is None:
        try:
            steps = _Steps(loop)
            setattr(loop, _STEPS, steps)
            loop.call_soon = steps.call_soon  # type: ignore[assignment] # asyncio's tasks look it up at each step
        except AttributeError:
            message = f"{type(loop).__name__} does not show what its tasks do: run on a VirtualTimeLoop"
            raise VirtualTimeError(message) from None
    steps.listen(task, hear)
    return lambda: steps.ignore(task, hear)


_STEPS: Final = "_harness_steps"


class _Steps:
    """In place of a loop's `call_soon`, while somebody listens: every step of a task comes by it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._call_soon = loop.call_soon
        self._heard: dict[asyncio.Task[Any], list[Hear]] = {}

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> asyncio.Handle:
        """As asyncio's."""
        task = getattr(callback, "__self__", None)
        if isinstance(task, asyncio.Task) and task in self._heard:
            return self._call_soon(self._step, task, callback, *args, context=context)
        return self._call_soon(callback, *args, context=context)

    def _step(self, task: asyncio.Task[Any], callback: Callable[..., object], *args: Any) -> None:
        callback(*args)
        self._tell(task)

    def _tell(self, task: asyncio.Task[Any]) -> None:
        if task.done():
            self._heard.pop(task, None)
            self._rest()
            return
        for hear in tuple(self._heard.get(task, ())):
            hear()

    def listen(self, task: asyncio.Task[Any], hear: Hear) -> None:
        """The step that runs now did not come by us: what is called next comes right after its end."""
        if task not in self._heard:
            self._call_soon(self._tell, task)
        self._heard.setdefault(task, []).append(hear)

    def ignore(self, task: asyncio.Task[Any], hear: Hear) -> None:
        """Listen no more."""
        listening = self._heard.get(task, [])
        if hear in listening:
            listening.remove(hear)
        if not listening:
            self._heard.pop(task, None)
        self._rest()

    def _rest(self) -> None:
        if not self._heard and vars(self._loop).get(_STEPS) is self:
            del self._loop.call_soon, self._loop._harness_steps  # noqa: SLF001 - ours
