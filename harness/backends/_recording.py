"""RecordingBackend: whatever a backend is asked and answers, written down in the `native` dialect."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from os import PathLike
from typing import Any, Final, Self

from harness.backends._heard_call import Kept, call_of
from harness.backends._notebook import Notebook
from harness.contract import resolve
from harness.spec import Clock

_CALLS: Final = frozenset({"generate", "complete", "acomplete"})
_STREAMS: Final = frozenset({"stream_tokens", "astream_tokens"})
_OWN: Final = frozenset({"on_status"})


class RecordingBackend:
    """`inner` as it is, and everything that is asked of it and answered in the cassette at the path `cassette`.

    Calls with their parameters, tokens with their times, exceptions by kind, progress, health answers and cancellations
    are written, redacted (`redact` as in `harness.record`), after every call; inside of `with`, once at its end. A
    cassette that was there before is replaced. `contract` is the module whose exceptions `inner` raises; `clock` tells
    the time, by default the one that is running.

    It passes for an instance of the type of `inner`; what it does not know, methods and attributes alike, is of that
    one.
    Calls that `inner` makes of itself are not recorded. Raises CassetteWriteError where the file cannot be written.
    """

    def __init__(
        self,
        inner: Any,
        cassette: str | PathLike[str],
        *,
        contract: Any = None,
        redact: Iterable[Mapping[str, str]] = (),
        clock: Clock | None = None,
    ) -> None:
        notebook = Notebook(cassette, redact, clock)
        vars(self).update(_inner=inner, _notebook=notebook, _types=resolve(contract))
        if hasattr(inner, "on_status"):
            notebook.listener = inner.on_status
            inner.on_status = notebook.told

    @property  # type: ignore[misc]  # `isinstance` asks for `__class__`, and that is all that is wanted here
    def __class__(self) -> type:
        """The type of `inner`."""
        return type(self._inner)

    def __getattr__(self, name: str) -> Any:
        if name == "_inner":  # asked before `__init__` by copy and pickle: there is nothing to pass it on to
            raise AttributeError(name)
        value = getattr(self._inner, name)
        if name in _CALLS and callable(value):
            return self._acalling(name, value) if inspect.iscoroutinefunction(value) else self._calling(name, value)
        if name in _STREAMS and callable(value):
            return self._astreaming(name, value) if inspect.isasyncgenfunction(value) else self._streaming(name, value)
        return self._asking_health(value) if name == "is_available" else value

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            self._notebook.listener = value
        else:
            setattr(self._inner, name, value)

    def __enter__(self) -> Self:
        self._notebook.holds_back = True
        return self

    def __exit__(self, *error: object) -> None:
        self._notebook.save()

    @property
    def on_status(self) -> Callable[[str], None] | None:
        """Who hears of progress."""
        listener: Callable[[str], None] | None = self._notebook.listener
        return listener

    def _calling(self, verb: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def recorded(*args: Any, **options: Any) -> Any:
            with self._kept(verb, method, args, options) as kept:
                with self._notebook.hearing(kept):
                    result = method(*args, **options)
                kept.returned(result)
            return result

        return recorded

    def _acalling(self, verb: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def recorded(*args: Any, **options: Any) -> Any:
            with self._kept(verb, method, args, options) as kept:
                with self._notebook.hearing(kept):
                    result = await method(*args, **options)
                kept.returned(result)
            return result

        return recorded

    def _streaming(self, verb: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def recorded(*args: Any, **options: Any) -> Generator[str, None, None]:
            with self._kept(verb, method, args, options) as kept:
                stream = iter(method(*args, **options))
                try:
                    while (token := self._next(stream, kept)) is not None:
                        kept.said(token)
                        yield token
                finally:
                    getattr(stream, "close", lambda: None)()
                kept.ended(getattr(self._inner, "last_finish_reason", None))

        return recorded

    def _next(self, stream: Any, kept: Kept) -> str | None:
        with self._notebook.hearing(kept):
            token: str | None = next(stream, None)
            return token

    def _astreaming(self, verb: str, method: Callable[..., Any]) -> Callable[..., Any]:
        async def recorded(*args: Any, **options: Any) -> AsyncGenerator[str, None]:
            with self._kept(verb, method, args, options) as kept:
                stream = method(*args, **options)
                try:
                    while (token := await self._anext(stream, kept)) is not None:
                        kept.said(token)
                        yield token
                finally:
                    await stream.aclose()
                kept.ended(getattr(self._inner, "last_finish_reason", None))

        return recorded

    async def _anext(self, stream: Any, kept: Kept) -> str | None:
        with self._notebook.hearing(kept):
            token: str | None = await anext(stream, None)
            return token

    def _asking_health(self, method: Callable[[], bool]) -> Callable[[], bool]:
        def recorded() -> bool:
            answer = method()
            self._notebook.health(answer)
            return answer

        return recorded

    @contextmanager
    def _kept(
        self, verb: str, method: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any]
    ) -> Generator[Kept, None, None]:
        """What is asked now; how it fails, if it does; and then it is written."""
        call = call_of(verb, method, args, options, getattr(self._inner, "model", ""))
        kept = self._notebook.begin(call)
        try:
            yield kept
        except GeneratorExit:
            kept.left("closed")
            raise
        except BaseException as error:
            kept.failed(error, self._types)
            raise
        finally:
            self._notebook.finished()
