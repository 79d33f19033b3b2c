"""The lane below the HTTP parser: the client's own HTTP code reads the bytes that a timeline puts on a connection.

Faults under HTTP (a bad chunk size, bytes that are no HTTP, a header too large) have no form above a parser.
For an answer that holds one, the real connection pool of the family is built over a connection of ours, so that its
errors, their words and their causes are its own.
It costs a pool for each request, so every other answer takes the fast way.

Only public names of httpcore and httpcore2 are used: `ConnectionPool(network_backend=...)` and its twin.
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from importlib import import_module
from types import AsyncGeneratorType, GeneratorType, ModuleType
from typing import Any, Final, cast

from harness.engine import Entry, Exchange, aplay, play
from harness.model import Event, Reset, TimedOut
from harness.transports._failures import core_failure, core_name, departure
from harness.transports._lookup import OpenSession
from harness.transports._replayed import closed_while_read
from harness.wire import Close, Send, Writer

Fail = Callable[[Reset | TimedOut], Exception]
_CONNECTING: Final = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})


class Below:
    """The lane of one family, `module`."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.core: Any = import_module(core_name(module))
        self._stream = type("ScriptedStream", (_Stream, self.core.NetworkStream), {})
        self._backend = type("ScriptedBackend", (_Backend, self.core.NetworkBackend), {})
        self._astream = type("AsyncScriptedStream", (_AsyncStream, self.core.AsyncNetworkStream), {})
        self._abackend = type("AsyncScriptedBackend", (_AsyncBackend, self.core.AsyncNetworkBackend), {})
        self._body = type("ParsedBody", (_Body, module.SyncByteStream), {})
        self._abody = type("AsyncParsedBody", (_AsyncBody, module.AsyncByteStream), {})

    def answer(self, session: OpenSession, exchange: Exchange, request: Any) -> Any:
        """The response as the family's own parser reads it. Raises what the family raises, or Miss."""
        script = _Script(session, exchange, lambda event: core_failure(self.core, event, is_async=False))
        stream = self._stream(script, cast("GeneratorType[Event, None, None]", play(exchange, session.clock)))
        pool = self.core.ConnectionPool(network_backend=self._backend(stream), ssl_context=_no_certificates())
        mapping = self._mapped(exchange)
        with mapping:
            answered = pool.handle_request(self._asked(request))
        return self._response(answered, self._body(answered.stream, pool, mapping))

    async def aanswer(self, session: OpenSession, exchange: Exchange, request: Any) -> Any:
        """The same for tasks."""
        script = _Script(session, exchange, lambda event: core_failure(self.core, event, is_async=True))
        stream = self._astream(script, cast("AsyncGeneratorType[Event, None]", aplay(exchange, session.clock)))
        pool = self.core.AsyncConnectionPool(network_backend=self._abackend(stream), ssl_context=_no_certificates())
        mapping = self._mapped(exchange)
        with mapping:
            answered = await pool.handle_async_request(self._asked(request))
        return self._response(answered, self._abody(answered.stream, pool, mapping))

    def _asked(self, request: Any) -> Any:
        url = request.url
        target = self.core.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        return self.core.Request(
            method=request.method,
            url=target,
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )

    def _response(self, answered: Any, body: Any) -> Any:
        return self.module.Response(
            answered.status, headers=answered.headers, stream=body, extensions=answered.extensions
        )

    def _mapped(self, exchange: Exchange) -> _Mapping:
        return _Mapping(self.module, self.core, exchange.entry)


class _Mapping:
    """Turns the errors of the pool into those of its family, as the family's own transport does: the same name."""

    def __init__(self, module: ModuleType, core: Any, entry: Entry) -> None:
        self._module = module
        self._core = core
        self._entry = entry

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is not None and kind.__module__.partition(".")[0] == self._core.__name__:
            mapped = getattr(self._module, kind.__name__, None)
            if isinstance(mapped, type) and issubclass(mapped, self._module.RequestError):
                self._entry.broke = Reset(kind.__name__, str(error))
                raise mapped(str(error)) from error


class _Script:
    """One answer as a connection gives it: bytes as its events come, then how the connection ends."""

    def __init__(self, session: OpenSession, exchange: Exchange, fail: Callable[[Reset | TimedOut], Exception]) -> None:
        self._session = session
        self.clock = session.clock
        self.exchange = exchange
        self.fail = fail
        self._writer = Writer(exchange.interaction.request)
        self._waiting = bytearray()
        self.is_over = False

    @property
    def refuses(self) -> bool:
        """True where there is no connection at all."""
        events = self.exchange.interaction.timeline.events
        match events[0][1] if events else None:
            case Reset(error=error):
                return error in _CONNECTING
            case TimedOut(phase=phase):
                return phase in {"connect", "pool"}
        return False

    def hear(self, event: Event) -> None:
        """`event` is here. Raises what a connection raises at it."""
        if self._session.closed:
            raise closed_while_read(self._session)
        if isinstance(event, TimedOut):
            raise self.fail(event)
        for step in self._writer.write(event):
            match step:
                case Send(data=data):
                    self._waiting += data
                case Close(how="fin"):
                    self.is_over = True
                case _:
                    assert isinstance(event, Reset)
                    raise self.fail(event)

    def take(self, most: int) -> bytes:
        """Up to `most` bytes of what has come; empty where nothing has."""
        taken = bytes(self._waiting[:most])
        del self._waiting[:most]
        return taken


class _Stream:
    """A connection on which the script speaks. What is written to it is not looked at: the request is known."""

    def __init__(self, script: _Script, events: GeneratorType[Event, None, None]) -> None:
        self._script = script
        self._events = events

    def connect(self) -> Any:
        if self._script.refuses:
            self._script.hear(next(self._events))
        return self

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the exchange keeps patience
        while not (taken := self._script.take(max_bytes)) and not self._script.is_over:
            event = next(self._events, None)
            if event is None:
                return b""
            self._script.hear(event)
        return taken

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        pass

    def start_tls(self, *_: Any, **__: Any) -> Any:
        return self

    def get_extra_info(self, info: str) -> Any:
        return False if info == "is_readable" else None

    def close(self) -> None:
        if not self._events.gi_running:
            self._events.close()


class _AsyncStream:
    def __init__(self, script: _Script, events: AsyncGeneratorType[Event, None]) -> None:
        self._script = script
        self._events = events

    async def connect(self) -> Any:
        if self._script.refuses:
            self._script.hear(await anext(self._events))
        return self

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002, ASYNC109 - see above
        while not (taken := self._script.take(max_bytes)) and not self._script.is_over:
            event = await anext(self._events, None)
            if event is None:
                return b""
            self._script.hear(event)
        return taken

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        pass

    async def start_tls(self, *_: Any, **__: Any) -> Any:
        return self

    def get_extra_info(self, info: str) -> Any:
        return False if info == "is_readable" else None

    async def aclose(self) -> None:
        if departure(sys.exception()) == "cancelled":
            self._script.exchange.left(self._script.clock.now(), "cancelled")
        if not self._events.ag_running:
            await self._events.aclose()


class _Backend:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def connect_tcp(self, *_: Any, **__: Any) -> Any:
        return self._stream.connect()


class _AsyncBackend:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def connect_tcp(self, *_: Any, **__: Any) -> Any:
        return await self._stream.connect()


class _Body:
    """The parsed body; the pool goes with it."""

    def __init__(self, parts: Any, pool: Any, mapping: _Mapping) -> None:
        self._parts = parts
        self._pool = pool
        self._mapping = mapping

    def __iter__(self) -> Iterator[bytes]:
        with self._mapping:
            yield from self._parts

    def close(self) -> None:
        self._parts.close()
        self._pool.close()


class _AsyncBody:
    def __init__(self, parts: Any, pool: Any, mapping: _Mapping) -> None:
        self._parts = parts
        self._pool = pool
        self._mapping = mapping

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with self._mapping:
            async for part in self._parts:
                yield part

    async def aclose(self) -> None:
        await self._parts.aclose()
        await self._pool.aclose()


def _no_certificates() -> ssl.SSLContext:
    """Nothing is encrypted on a connection of ours, and loading the certificates of the machine takes 15 ms."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
