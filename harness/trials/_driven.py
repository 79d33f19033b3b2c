"""Driven: the driver that a scenario names, as what a sweep runs."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, Callable
from typing import Any

from harness.session import Session
from harness.trials._context import Context
from harness.trials._driver import Driver


def driven(driver: Driver, case: str | None = None) -> Callable[[Session], Any]:
    """A function of the session that calls `driver` with a context of it and sees it through, as `harness run` does: an
    awaitable is awaited, an iterator read to its end, an object with `run` is run. It is a coroutine function where
    `driver` is one, an async generator or a class whose `run` is either, because only a task can be cancelled."""
    if not _is_async(driver):

        def run(session: Session) -> Any:
            context = Context(session, case)
            made = _made(driver, context)
            if inspect.isawaitable(made) or isinstance(made, AsyncIterable):
                return asyncio.run(_awaited(made, context))
            return _collected(made, context)

        return run

    async def arun(session: Session) -> Any:
        context = Context(session, case)
        return await _awaited(_made(driver, context), context)

    return arun


def _is_async(driver: Any) -> bool:
    called = driver if inspect.isroutine(driver) else getattr(driver, "run", None) or type(driver).__call__
    return inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called)


def _made(driver: Driver, context: Context) -> Any:
    made = driver(context)
    is_over = inspect.isawaitable(made) or inspect.isgenerator(made)
    return made if is_over or not callable(getattr(made, "run", None)) else made.run()


async def _awaited(made: Any, context: Context) -> Any:
    if isinstance(made, AsyncIterable):
        async for piece in made:
            context.emit(str(piece))
        return "".join(context.pieces)
    return _or_said(await made if inspect.isawaitable(made) else made, context)


def _collected(made: Any, context: Context) -> Any:
    if inspect.isgenerator(made):
        for piece in made:
            context.emit(str(piece))
        return "".join(context.pieces)
    return _or_said(made, context)


def _or_said(value: Any, context: Context) -> Any:
    """What it returned; where that is nothing, what it showed on the way."""
    return "".join(context.pieces) if value is None and context.pieces else value
