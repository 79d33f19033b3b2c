"""Family: httpx or httpx2. They do the same and reject each other's objects, so everything here is written once and
made anew for each, from its own classes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cache, cached_property, lru_cache, partial
from types import AsyncGeneratorType, GeneratorType, ModuleType
from typing import Any, cast

from harness.engine import Live, aplay, play
from harness.model import Event, Head, Headers, Patience, Request, Reset, TimedOut, seconds
from harness.transports._below import Below
from harness.transports._failures import failure
from harness.transports._heard import AsyncHeardBody, Ear, HeardBody
from harness.transports._lookup import OpenSession, live_call
from harness.transports._replayed import AsyncReplayedBody, ReplayedBody

FAMILIES = ("httpx", "httpx2")


class Family:
    """One family's way of asking and answering. Its requests, responses and streams are untyped here: which module's
    they are is known only at run time."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self._replayed = _of(ReplayedBody, module.SyncByteStream)
        self._replayed_async = _of(AsyncReplayedBody, module.AsyncByteStream)
        self._heard = _of(HeardBody, module.SyncByteStream)
        self._heard_async = _of(AsyncHeardBody, module.AsyncByteStream)
        self._fail = partial(failure, module, is_async=False)
        self._fail_async = partial(failure, module, is_async=True)

    def answer(self, session: OpenSession, request: Any, upstream: Callable[[Any], Any]) -> Any:
        """The response to `request`: replayed, or from `upstream` and heard. Raises as a live client does, or Miss."""
        opened = session.open(_asked(request, request.read()), _patience(request))
        if isinstance(opened, Live):
            return self._listened(session, opened, request, upstream)
        if opened.interaction.timeline.is_below_http:
            return self._below.answer(session, opened, request)
        events = cast("GeneratorType[Event, None, None]", play(opened, session.clock))
        head = self._head(next(events), self._fail)
        return self._response(head, self._replayed(session, opened, events, self._fail))

    async def aanswer(self, session: OpenSession, request: Any, upstream: Callable[[Any], Awaitable[Any]]) -> Any:
        """The same for tasks."""
        opened = session.open(_asked(request, await request.aread()), _patience(request))
        if isinstance(opened, Live):
            return await self._alistened(session, opened, request, upstream)
        if opened.interaction.timeline.is_below_http:
            return await self._below.aanswer(session, opened, request)
        events = cast("AsyncGeneratorType[Event, None]", aplay(opened, session.clock))
        head = self._head(await anext(events), self._fail_async)
        return self._response(head, self._replayed_async(session, opened, events, self._fail_async))

    @cached_property
    def _below(self) -> Below:
        """The lane that few answers need."""
        return Below(self.module)

    def _listened(self, session: OpenSession, live: Live, request: Any, upstream: Callable[[Any], Any]) -> Any:
        ear = Ear(session, live.take, self.module)
        try:
            with live_call():
                response = upstream(request)
        except BaseException as error:
            ear.failed(error)
            raise
        return _heard(response, ear, self._heard)

    async def _alistened(
        self, session: OpenSession, live: Live, request: Any, upstream: Callable[[Any], Awaitable[Any]]
    ) -> Any:
        ear = Ear(session, live.take, self.module)
        try:
            with live_call():
                response = await upstream(request)
        except BaseException as error:
            ear.failed(error)
            raise
        return _heard(response, ear, self._heard_async)

    def _head(self, event: Event, fail: Callable[[Reset | TimedOut], Exception]) -> Head:
        if isinstance(event, Reset | TimedOut):
            raise fail(event)
        assert isinstance(event, Head)
        return event

    def _response(self, head: Head, body: Any) -> Any:
        extensions = {"http_version": b"HTTP/1.1"}
        if head.reason:
            extensions["reason_phrase"] = head.reason.encode("ascii", "replace")
        headers = [(name.encode(), value.encode()) for name, value in head.headers]
        return self.module.Response(head.status, headers=headers, stream=body, extensions=extensions)


@cache
def family(module: ModuleType) -> Family:
    """The family whose public module is `module`."""
    return Family(module)


def _of(mixin: type, base: type) -> Callable[..., Any]:
    """`mixin` as a stream of the family: its clients check with isinstance."""
    return type(mixin.__name__, (mixin, base), {})


def _asked(request: Any, body: bytes) -> Request:
    return Request(request.method, str(request.url), Headers(_fields(request.headers)), body)


def _fields(headers: Any) -> tuple[tuple[str, str], ...]:
    """Header fields, names in lower case. Nearly all are ASCII, and need no family to find out how to decode them."""
    try:
        return tuple((name.decode("ascii").lower(), value.decode("ascii")) for name, value in headers.raw)
    except UnicodeDecodeError:
        return tuple(headers.multi_items())


def _patience(request: Any) -> Patience:
    timeout: Mapping[str, float | None] = request.extensions.get("timeout") or {}
    return _patience_of(timeout.get("connect"), timeout.get("read"), timeout.get("write"), timeout.get("pool"))


@lru_cache(maxsize=64)
def _patience_of(*timeouts_s: float | None) -> Patience:
    """Kept, because a client asks with the same four timeouts all its life."""
    return Patience(*(None if timeout_s is None else seconds(timeout_s) for timeout_s in timeouts_s))


def _heard(response: Any, ear: Ear, body: Callable[..., Any]) -> Any:
    """`response` with a stream that `ear` listens to."""
    pairs = tuple((name.decode("latin-1"), value) for (name, _), value in _header_pairs(response))
    ear.head(response.status_code, Headers(pairs), response.reason_phrase)
    response.stream = body(response.stream, ear)
    return response


def _header_pairs(response: Any) -> Any:
    """Names as they were on the wire, values as the family decodes them."""
    return zip(response.headers.raw, (value for _, value in response.headers.multi_items()), strict=True)
