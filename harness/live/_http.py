"""One HTTP request to a live model as a wire, over httpx2, in both colours: failures are events, and a cap is a cap.

A client's read timeout is measured between reads, so a body that drips never meets it. The cap of a generation is kept
from outside: a task is cancelled at the deadline; for a thread a watch shuts the socket down, which ends the read
that it
is in. The client's own timeout comes first where nothing arrives at all, so that a recording says "timed out".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import cache
from ssl import SSLContext
from typing import Any, Final, cast, get_args

import anyio
import httpx2

from harness.contract import sleep_until
from harness.live._watch import Watch
from harness.model import (
    NEVER,
    Chunk,
    End,
    Event,
    Head,
    Headers,
    Nanos,
    Phase,
    Request,
    Reset,
    TimedOut,
    milliseconds,
    seconds,
)
from harness.spec import CancelEvent, Clock, Decoder, Dialect

_GRACE: Final = milliseconds(250)
_FAILURES: Final = (httpx2.HTTPError, httpx2.InvalidURL, OSError)


class _Sending:
    """What both colours share: the request, and how long it may take."""

    def __init__(
        self, request: Request, dialect: Dialect, clock: Clock, timeout_s: float | None, cancel: CancelEvent | None
    ) -> None:
        self._request = request
        self._dialect = dialect
        self._clock = clock
        self._timeout_s = timeout_s
        self._cancel = cancel
        self._deadline = NEVER if timeout_s is None else Nanos(clock.now() + seconds(timeout_s))

    def decoder(self, head: Head) -> Decoder:
        """The decoder of the dialect that was spoken: an answer in another one is malformed."""
        return self._dialect.decoder(self._request, head)

    def _arguments(self) -> dict[str, Any]:
        return {
            "method": self._request.method,
            "url": self._request.url,
            "headers": list(self._request.headers),
            "content": self._request.body,
        }

    def _capped(self, event: Event) -> Event:
        """`event`, unless the cap has passed meanwhile."""
        return TimedOut() if self._clock.now() >= self._deadline and not isinstance(event, End) else event

    def _is_cancelled(self) -> bool:
        return self._cancel is not None and self._cancel.is_set()


class HttpWire(_Sending):
    """One request of a thread."""

    _client: httpx2.Client | None = None
    _response: httpx2.Response | None = None
    _body: Iterator[bytes] | None = None
    _watch: Watch | None = None

    def hear(self) -> Event | None:
        """The head, then each chunk as it arrives, then the end. None where `cancel` was set meanwhile."""
        try:
            event = self._next()
        except _FAILURES as error:
            event = failure(error)
        if self._is_cancelled():
            return None
        return TimedOut() if self._watch is not None and self._watch.fired else self._capped(event)

    def _next(self) -> Event:
        if self._body is None:
            response = self._send()
            self._body = response.iter_bytes()
            return head_of(response)
        data = next((data for data in self._body if data), None)
        return End() if data is None else Chunk(data)

    def _send(self) -> httpx2.Response:
        self._watch = Watch(self._clock, Nanos(self._deadline + _GRACE), self._cancel)
        self._client = httpx2.Client(verify=tls(), timeout=self._timeout_s, follow_redirects=True)
        request = self._client.build_request(**self._arguments(), extensions={"trace": self._watch.trace})
        self._response = self._client.send(request, stream=True)
        return self._response

    def leave(self) -> None:
        """Close the connection; the server sees at once that nobody listens."""
        if self._response is not None:
            self._response.close()
        if self._client is not None:
            self._client.close()
        if self._watch is not None:
            self._watch.over()


class AsyncHttpWire(_Sending):
    """One request of a task."""

    _client: httpx2.AsyncClient | None = None
    _response: httpx2.Response | None = None
    _body: AsyncIterator[bytes] | None = None

    async def hear(self) -> Event | None:
        """As HttpWire."""
        heard: list[Event] = []
        async with anyio.create_task_group() as group:
            group.start_soon(self._stop, group.cancel_scope)
            heard.append(await self._next_or_failure())
            group.cancel_scope.cancel()
        if self._is_cancelled():
            return None
        return self._capped(heard[0]) if heard else TimedOut()

    async def _stop(self, scope: anyio.CancelScope) -> None:
        """End what `scope` waits for, at the cap or when the caller wants to stop."""
        await sleep_until(min(NEVER, Nanos(self._deadline + _GRACE)), self._clock, self._cancel)
        scope.cancel()

    async def _next_or_failure(self) -> Event:
        try:
            return await self._next()
        except _FAILURES as error:
            return failure(error)

    async def _next(self) -> Event:
        if self._body is None:
            response = await self._send()
            self._body = response.aiter_bytes()
            return head_of(response)
        async for data in self._body:
            if data:
                return Chunk(data)
        return End()

    async def _send(self) -> httpx2.Response:
        self._client = httpx2.AsyncClient(verify=tls(), timeout=self._timeout_s, follow_redirects=True)
        self._response = await self._client.send(self._client.build_request(**self._arguments()), stream=True)
        return self._response

    async def leave(self) -> None:
        """Close the connection, even in a task that is being cancelled."""
        with anyio.CancelScope(shield=True):
            if self._response is not None:
                await self._response.aclose()
            if self._client is not None:
                await self._client.aclose()


@cache
def tls() -> SSLContext:
    """One TLS context for all requests: making one costs more than a local model takes to answer."""
    return httpx2.create_ssl_context()


def head_of(response: httpx2.Response) -> Head:
    """The head of `response`, headers in wire order."""
    pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
    return Head(response.status_code, Headers.of(pairs), response.reason_phrase)


def failure(error: Exception) -> Event:
    """What a client's exception is on the wire."""
    if isinstance(error, httpx2.TimeoutException):
        phase = type(error).__name__.removesuffix("Timeout").lower()
        return TimedOut(cast("Phase", phase) if phase in get_args(Phase) else "read", str(error))
    return Reset(type(error).__name__, str(error))
