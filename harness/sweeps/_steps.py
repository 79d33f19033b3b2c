"""Steps: a coroutine that is watched while it runs, to know when a cancellation reached it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import Any


class Steps:
    """An awaitable over `coroutine` that calls `on_thrown` when an exception of the loop's, such as a cancellation, is
    about to be thrown into it."""

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, Any],
        on_thrown: Callable[[], object],
    ) -> None:
        self._coroutine = coroutine
        self._on_thrown = on_thrown

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self._coroutine.__await__()
        step: Callable[[], Any] = lambda: next(inner)  # noqa: E731 - rebound in the loop below
        while True:
            try:
                waited_for = step()
            except StopIteration as stop:
                return stop.value
            try:
                value = yield waited_for
            except GeneratorExit:
                inner.close()
                raise
            except BaseException as thrown:  # noqa: BLE001 - it is passed on, whatever it is
                self._on_thrown()
                step = _thrower(inner, thrown)
            else:
                step = _sender(inner, value)


def _thrower(inner: Generator[Any, Any, Any], thrown: BaseException) -> Callable[[], Any]:
    return lambda: inner.throw(thrown)


def _sender(inner: Generator[Any, Any, Any], value: Any) -> Callable[[], Any]:
    return lambda: inner.send(value)
