"""The verbs of a backend, recorded: each in the colour that it has."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing
from typing import Any, Final

from harness.backends._heard_call import Kept
from harness.backends._playing import Playing
from harness.backends._recording_state import Recording
from harness.contract import ask, ask_later, tokens, tokens_later

CALLS: Final = frozenset({"generate", "complete", "acomplete"})
STREAMS: Final = frozenset({"stream_tokens", "astream_tokens"})
_OVER: Final = object()
"""The end of a stream. None is none: a backend may yield it where it has nothing to say."""


def recorded(recording: Recording, verb: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """`method`, which is the `verb` of the inner backend, and what it is asked and answers is kept."""
    plain = inspect.unwrap(method)  # a decorator that hides an `async def` says what it hides
    if verb == "is_available":
        make = _health_later if inspect.iscoroutinefunction(plain) else _health
        return functools.wraps(method)(make(recording, method))
    if verb in CALLS:
        make_call = _call_later if inspect.iscoroutinefunction(plain) else _call
        return functools.wraps(method)(make_call(recording, verb, method))
    is_async = verb == "astream_tokens" or inspect.isasyncgenfunction(plain)
    return functools.wraps(method)((_stream_later if is_async else _stream)(recording, verb, method))


def _call(recording: Recording, verb: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **options: Any) -> Any:
        begun = recording.begin(verb, method, args, options)
        if isinstance(begun, Playing):
            return ask(begun, begun.call)
        with recording.keeping(begun):
            with recording.listening(begun):
                result = method(*args, **options)
            begun.returned(result)
        return result

    return call


def _call_later(recording: Recording, verb: str, method: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any, **options: Any) -> Any:
        begun = recording.begin(verb, method, args, options)
        if isinstance(begun, Playing):
            return await ask_later(begun, begun.call)
        with recording.keeping(begun):
            with recording.listening(begun):
                result = await method(*args, **options)
            begun.returned(result)
        return result

    return call


def _stream(recording: Recording, verb: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def stream(*args: Any, **options: Any) -> Generator[str, None, None]:
        begun = recording.begin(verb, method, args, options)
        if isinstance(begun, Playing):
            yield from tokens(begun, begun.call)
            return
        with recording.keeping(begun):
            with recording.listening(begun):
                said = iter(method(*args, **options))
            try:
                while (token := _next(recording, begun, said)) is not _OVER:
                    begun.said(token)
                    yield token
            finally:
                getattr(said, "close", _nothing)()
            begun.ended(recording.finish_reason())

    return stream


def _next(recording: Recording, begun: Kept, said: Any) -> Any:
    with recording.listening(begun):
        return next(said, _OVER)


async def _anext(recording: Recording, begun: Kept, said: Any) -> Any:
    with recording.listening(begun):
        return await anext(said, _OVER)


def _stream_later(recording: Recording, verb: str, method: Callable[..., Any]) -> Callable[..., Any]:
    async def stream(*args: Any, **options: Any) -> AsyncGenerator[str, None]:
        begun = recording.begin(verb, method, args, options)
        if isinstance(begun, Playing):
            async with aclosing(tokens_later(begun, begun.call)) as played:
                async for recorded_token in played:
                    yield recorded_token
            return
        with recording.keeping(begun):
            said = aiter(method(*args, **options))
            try:
                while (token := await _anext(recording, begun, said)) is not _OVER:
                    begun.said(token)
                    yield token
            finally:
                if (close := getattr(said, "aclose", None)) is not None:
                    await close()
            begun.ended(recording.finish_reason())

    return stream


def _health(recording: Recording, method: Callable[..., Any]) -> Callable[..., Any]:
    def is_available(*args: Any, **options: Any) -> Any:
        known = recording.known_health()
        if known is not None:
            return known
        with recording.unseen():
            answer = method(*args, **options)
        return recording.healthy(answer)

    return is_available


def _health_later(recording: Recording, method: Callable[..., Any]) -> Callable[..., Any]:
    async def is_available(*args: Any, **options: Any) -> Any:
        known = recording.known_health()
        if known is not None:
            return known
        with recording.unseen():
            answer = await method(*args, **options)
        return recording.healthy(answer)

    return is_available


def _nothing() -> None:
    """An iterator that cannot be closed need not be."""
