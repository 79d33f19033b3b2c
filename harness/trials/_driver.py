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


class DriverError(Exception):
    """A driver that cannot be had. Whoever named it is told where he did."""


def driver_of(name: str) -> Driver:
    """The function that `package.module:name` names, imported as from the working directory. Raises DriverError where
    it cannot be had: no such module or name, an exception in its import, or nothing that takes the context."""
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        message = f"{name!r} names no function: write package.module:function"
        raise DriverError(message)
    try:
        with importing_from_here():
            found: Any = import_module(module)
            for part in attribute.split("."):
                found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise DriverError(str(error)) from error
    except Exception as error:
        message = f"importing {module} raised {type(error).__name__}: {error}"
        raise DriverError(message) from error
    if not callable(found) or not _takes_context(found):
        what = type(found).__name__ if not callable(found) else f"{attribute}{inspect.signature(found)}"
        message = f"{name} is {what}; a driver is a function of the context, driver(ctx)"
        raise DriverError(message)
    made: Driver = found
    return made


def _takes_context(found: Callable[..., Any]) -> bool:
    try:
        inspect.signature(found).bind(None)
    except TypeError:
        return False
    except ValueError:  # written in C, and says nothing of what it takes
        return True
    return True


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
            except BaseException as error:
                if _is_from_outside(error, context):
                    raise
                self.error = error  # whatever comes is what is judged
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
        except BaseException as error:
            if _is_from_outside(error, context):
                raise
            self.error = error  # as above; the loop is left in order either way
            task = asyncio.current_task()
            if task is not None and isinstance(error, asyncio.CancelledError):
                task.uncancel()
        self.ended_at = context.clock.now()  # before the loop shuts down and what was left behind is looked at
        self._loop_ended = True
        if self._looks and isinstance(context.clock, VirtualClock):
            self.leftovers = await watch.settle_in_task(context.clock)


def _is_from_outside(error: BaseException, context: Context) -> bool:
    """True for a Ctrl-C that no scenario pressed: somebody wants this to end."""
    pressed = any(cancel.via == "signal" and cancel.is_reached for cancel in context.session.cancels)
    return isinstance(error, KeyboardInterrupt) and not pressed


def _has_run(made: Any) -> bool:
    return callable(getattr(made, "run", None)) and not inspect.isawaitable(made) and not inspect.isgenerator(made)


def _settled(context: Context, watch: Watch) -> Leftovers:
    return watch.settle(context.clock) if isinstance(context.clock, VirtualClock) else watch.left()
