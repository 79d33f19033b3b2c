"""The driver that a scenario names: found, called, and run to its end, sync or async."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import AsyncIterable, Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.clock import Leftovers, VirtualClock, Watch, watching_leftovers
from harness.model import ZERO
from harness.trials._context import Context

Driver = Callable[[Context], Any]


def driver_of(name: str) -> Driver:
    """The function that `package.module:name` names, imported as from the working directory. Raises ImportError and
    AttributeError, and TypeError where it is none that takes the context."""
    module, _, attribute = name.partition(":")
    with importing_from_here():
        found: Any = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    if not callable(found):
        message = f"{name} is a {type(found).__name__}; a driver is a function of the context, driver(ctx)"
        raise TypeError(message)
    made: Driver = found
    return made


@contextmanager
def importing_from_here() -> Iterator[None]:
    """`python -m` looks in the working directory, and so do we: a command on the path does not by itself."""
    here = str(Path.cwd())
    known = here in sys.path or "" in sys.path
    if not known:
        sys.path.insert(0, here)
    try:
        yield
    finally:
        if not known and here in sys.path:
            sys.path.remove(here)


class Drive:
    """One run of a driver: `value` or `error`, when it ended by the context's clock, and what it left behind."""

    def __init__(self, *, looks_for_leaks: bool = False) -> None:
        self._looks = looks_for_leaks  # which takes a collection of all garbage, and is for those who ask
        self.value: Any = None
        self.error: BaseException | None = None
        self.leftovers: Leftovers | None = None
        self.ended_at = ZERO
        self._loop_ended = False

    def run(self, driver: Driver, context: Context) -> None:
        """Call `driver` with `context` and see it through: a coroutine is awaited on the virtual loop, an iterator read
        to its end, an object with `run` is run."""
        with watching_leftovers() as watch:
            try:
                self._see_through(driver(context), context, watch)
            except SystemExit:
                raise
            except BaseException as error:  # noqa: BLE001 - whatever comes is what is judged
                self.error = error
            if self._loop_ended:
                return
            self.ended_at = context.clock.now()
            if self._looks:
                self.leftovers = _settled(context, watch)

    def _see_through(self, made: Any, context: Context, watch: Watch) -> None:
        if _has_run(made):
            made = made.run()
        if inspect.isawaitable(made) or isinstance(made, AsyncIterable):
            asyncio.run(self._later(made, context, watch))
        elif inspect.isgenerator(made):
            for piece in made:
                context.emit(str(piece))
            self.value = context.partial
        else:
            self.value = made

    async def _later(self, made: Awaitable[Any] | AsyncIterable[Any], context: Context, watch: Watch) -> None:
        try:
            if isinstance(made, AsyncIterable):
                async for piece in made:
                    context.emit(str(piece))
                self.value = context.partial
            else:
                self.value = await made
        except BaseException as error:  # noqa: BLE001 - as above; the loop is left in order either way
            self.error = error
            task = asyncio.current_task()
            if task is not None and isinstance(error, asyncio.CancelledError):
                task.uncancel()
        self.ended_at = context.clock.now()  # before the loop shuts down and what was left behind is looked at
        self._loop_ended = True
        if self._looks and isinstance(context.clock, VirtualClock):
            self.leftovers = await watch.settle_in_task(context.clock)


def _has_run(made: Any) -> bool:
    return callable(getattr(made, "run", None)) and not inspect.isawaitable(made) and not inspect.isgenerator(made)


def _settled(context: Context, watch: Watch) -> Leftovers:
    return watch.settle(context.clock) if isinstance(context.clock, VirtualClock) else watch.left()
