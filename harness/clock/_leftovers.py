"""Leftovers: what a program leaves behind, looked at when it has had its time to tidy up.

Looked at at once, a good program seems to leak: asyncio closes an async generator by a task of its own, which the
garbage collector starts. So the garbage is collected first, a virtual second passes, and then one looks.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from harness.clock._apart import old_set_apart
from harness.clock._stuck import innermost, line_of
from harness.clock._threads import started_at
from harness.clock._virtual import VirtualClock
from harness.model import PER_SECOND, Nanos

SETTLE: Final = Nanos(PER_SECOND)
_NEVER_AWAITED: Final = "was never awaited"


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What is still there: threads by name and the line that started them, tasks by name and the line they hang at,
    coroutines that nobody awaited by name. Sorted; none is nothing."""

    threads: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    coroutines: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """True where something is."""
        return bool(self.threads or self.tasks or self.coroutines)

    def __str__(self) -> str:
        """One line for each."""
        kinds = (("thread", self.threads), ("task", self.tasks), ("coroutine", self.coroutines))
        return "\n".join(f"{kind} {text}" for kind, texts in kinds for text in texts)


class Watch:
    """Knows what was there before, so that only what is new is left over."""

    def __init__(self, heard: list[warnings.WarningMessage]) -> None:
        self._threads = set(threading.enumerate())
        self._tasks = set(_tasks())
        self._heard = heard

    def settle(self, clock: VirtualClock) -> Leftovers:
        """For a thread: let a virtual second pass, and say what is left."""
        gc.collect()
        clock.wait_until(Nanos(clock.now() + SETTLE))
        return self.left()

    async def settle_in_task(self, clock: VirtualClock) -> Leftovers:
        """The same for a task."""
        gc.collect()
        await clock.sleep_until(Nanos(clock.now() + SETTLE))
        return self.left()

    def left(self) -> Leftovers:
        """What is there now and was not there before, the calling thread and task apart."""
        gc.collect()
        threads = [thread for thread in set(threading.enumerate()) - self._threads if thread.is_alive()]
        tasks = [task for task in _tasks() if task not in self._tasks and not task.done()]
        unawaited = [str(one.message).splitlines()[0] for one in self._heard if _NEVER_AWAITED in str(one.message)]
        return Leftovers(
            tuple(sorted(f"{thread.name}, started {started_at(thread)}" for thread in threads)),
            tuple(sorted(f"{task.get_name()} {line_of(innermost(task))}" for task in tasks)),
            tuple(sorted(unawaited)),
        )


@contextmanager
def watching_leftovers() -> Iterator[Watch]:
    """Watch from here on.

    Warnings of coroutines that nobody awaited are kept for `left`, all others go on at the end.
    """
    with old_set_apart(), warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", RuntimeWarning)
        yield Watch(heard)
    for one in heard:
        if _NEVER_AWAITED not in str(one.message):
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno, source=one.source)


def _tasks() -> list[asyncio.Task[Any]]:
    loop = asyncio._get_running_loop()  # noqa: SLF001 - documented for event loop authors; None where none runs
    return [task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task(loop)] if loop else []
