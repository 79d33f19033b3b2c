"""aiohttp, as vcrpy's stub for it sees it.

The stub asks its cassette in plain calls, and an answer of ours may have to be waited for. So a request is made in
rounds: a round goes as far as the answers that are there, and starts anew when the next one has been awaited. All but
the last round of a replay end before anything has happened. A redirect is one more answer.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Never

import aiohttp
from vcr.stubs.aiohttp_stubs import MockStream, vcr_request
from yarl import URL

from harness.engine import Exchange, Live, aplay
from harness.errors import Miss
from harness.model import End, Event, Headers, Left, Patience, Request, Reset, TimedOut, seconds
from harness.transports._failures import departure
from harness.transports._lookup import OpenSession, live_call
from harness.transports._whole import Whole, WholeEar, whole

Original = Callable[..., Any]


def place(client: Any, url: Any) -> tuple[str, int | None]:
    """Host and port that `client` would go to for `url`."""
    target = client._build_url(url)  # noqa: SLF001 - a base URL is known only to the client
    return target.host or "", target.port


async def answer(
    session: OpenSession, original: Original, client: Any, method: str, url: Any, options: dict[str, Any]
) -> Any:
    """What answers a request of `client`: replayed, or from `original` and heard. Raises as aiohttp does, or Miss."""
    cassette = _Cassette(session, await _body(client, options), _patience(client, options))
    target = client._build_url(url)  # noqa: SLF001 - as the real request would
    # The stub knows no base URL, and the real request must not be given one twice.
    asked = vcr_request(cassette, _listening(cassette, original, url))
    while True:
        try:
            response = await asked(client, method.upper(), target, **options)  # as aiohttp does, and the stub does not
        except _AwaitedError as missing:
            events = [event async for event in aplay(missing.exchange, session.clock)]
            cassette.known.append(whole(events))
            cassette.played = 0
            options = {**options, "data": None, "json": None}  # the question is known by now
        else:
            return _broken(response, cassette.last) if cassette.last is not None else response


class _AwaitedError(BaseException):
    """No error: vcrpy's stub is left, because what it wants to play has to be awaited first."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self.exchange = exchange


class _Cassette:
    """What vcrpy's stub takes for its cassette, for one request and the redirects that it leads to."""

    write_protected = False

    def __init__(self, session: OpenSession, body: bytes | None, patience: Patience) -> None:
        self.session = session
        self.known: list[Whole] = []
        self.played = 0
        self.live: Live | None = None
        self._body = body
        self._patience = patience

    @property
    def last(self) -> Whole | None:
        """The answer that was played last."""
        return self.known[self.played - 1] if self.played else None

    def can_play_response_for(self, request: Any) -> bool:
        """True where the answer is there; leaves the stub where it has to be awaited first."""
        if self.played < len(self.known):
            return True
        body = _seen(request.body) if self._body is None else self._body
        opened = self.session.open(_asked(request, body), self._patience)
        if isinstance(opened, Exchange):
            raise _AwaitedError(opened)
        self.live = opened
        return False

    def play_response(self, request: Any) -> dict[str, Any]:
        """The next answer: the one that was found for the request itself, then one for every redirect."""
        if self.played == len(self.known):
            self._redirected(request)
        found = self.known[self.played]
        self.played += 1
        if found.head is None:
            raise _failure(found.broken, request.url)
        return found.as_vcr()

    def _redirected(self, request: Any) -> Never:
        opened = self.session.open(_asked(request, b""), self._patience)
        if isinstance(opened, Exchange):
            raise _AwaitedError(opened)
        miss = Miss(
            f"a recorded redirect leads to {request.uri}, which is not recorded.\n"
            "  next: record the call anew, with the redirect and where it leads"
        )
        self.session.missed(miss)
        raise miss

    def find_requests_with_most_matches(self, _: Any) -> list[Any]:
        """Nothing: where a redirect leads is asked like any other request."""
        return []

    def filter_request(self, _: Any) -> None:
        """Nothing is for the stub to record: it would read the answer as a whole and lose how it broke."""


def _listening(cassette: _Cassette, original: Original, url: Any) -> Original:
    """The real request for `url`, heard."""

    async def listened(client: Any, method: str, _: Any, **options: Any) -> Any:
        assert cassette.live is not None, "a stub that goes live was told that there is nothing to play"
        ear = WholeEar(cassette.session, cassette.live.take)
        try:
            with live_call():
                response = await original(client, method, url, **options)
        except BaseException as error:
            _failed(ear, error)
            raise
        for step in [*response.history[1:], response] if response.history else ():
            ear.head(*_head(response.history[0]), decoded=False)
            ear.hear(End())
            opened = cassette.session.open(_followed(step), Patience())
            if not isinstance(opened, Live):
                return response
            ear = WholeEar(cassette.session, opened.take)
        return await _listened(response, ear)

    return listened


async def _listened(response: Any, ear: WholeEar) -> Any:
    """`response` with its body heard, and there to be read once more."""
    ear.head(*_head(response), decoded="content-encoding" in response.headers)
    try:
        with live_call():
            async for data in response.content.iter_any():
                ear.chunk(data)
    except BaseException as error:
        if not _failed(ear, error):
            raise
        response.content = _BrokenStream(ear.heard.body, error)
        return response
    ear.hear(End())
    if ear.heard.body:
        response.content = MockStream(ear.heard.body)
    return response


def _head(response: Any) -> tuple[int, Any, str]:
    return response.status, response.headers.items(), response.reason or ""


def _followed(response: Any) -> Request:
    asked = response.request_info
    return Request(asked.method, str(asked.url), Headers.of(asked.headers.items()))


def _failed(ear: WholeEar, error: BaseException) -> bool:
    """Tell `ear` of `error`. True where the wire did it, and not whoever asked."""
    match _heard_as(error):
        case str(how):
            ear.left(how)
            return False
        case event:
            ear.hear(event)
            return True


# --- what is asked ---------------------------------------------------------------------------------------------------


def _asked(request: Any, body: bytes) -> Request:
    return Request(request.method, request.uri, Headers.of(request.headers.items()), body)


async def _body(client: Any, options: dict[str, Any]) -> bytes | None:
    """The bytes that aiohttp would send; None for an async iterable, which vcrpy's stub reads and puts back."""
    data, value = options.get("data"), options.get("json")
    if value is not None:
        dumps = getattr(client, "_json_serialize_bytes", None) or client.json_serialize
        return _bytes(dumps(value))
    if data is None:
        return b""
    if isinstance(data, bytes | bytearray | memoryview | str):
        return _bytes(data)
    if hasattr(data, "__aiter__"):
        return None
    if hasattr(data, "read"):
        return _rewound(data)
    form = data if isinstance(data, aiohttp.Payload) else (data if callable(data) else aiohttp.FormData(data))()
    return bytes(await form.as_bytes())


def _bytes(data: Any) -> bytes:
    return data.encode() if isinstance(data, str) else bytes(data)


def _rewound(file: Any) -> bytes:
    position = file.tell()
    data = _bytes(file.read())
    file.seek(position)
    return data


def _seen(body: Any) -> bytes:
    """What vcrpy's stub has read: bytes, or the pieces."""
    return _bytes(body or b"") if isinstance(body, bytes | str | None) else b"".join(_bytes(piece) for piece in body)


def _patience(client: Any, options: dict[str, Any]) -> Patience:
    timeout = options.get("timeout")
    chosen = timeout if isinstance(timeout, aiohttp.ClientTimeout) else client.timeout
    connect, read, total = (
        None if limit is None else seconds(limit)
        for limit in (chosen.sock_connect or chosen.connect, chosen.sock_read, chosen.total)
    )
    return Patience(connect=connect, read=read, total=total)


# --- what went wrong -------------------------------------------------------------------------------------------------


class _BrokenStream(MockStream):  # type: ignore[misc] # vcrpy is not annotated
    """A body that breaks after its last byte."""

    def __init__(self, body: bytes, error: BaseException) -> None:
        super().__init__(body)
        self._eof = False
        self._error = error

    async def _wait(self, _: str) -> Never:
        raise self._error


def _broken(response: Any, played: Whole) -> Any:
    """`response`, and where the answer was cut short, a body that ends so."""
    if played.broken is not None:
        error = _body_failure(played.broken)

        async def read(*_: Any, **__: Any) -> Never:
            raise error

        response.content = _BrokenStream(response._body, error)  # noqa: SLF001 - vcrpy put it there
        response.read = response.text = response.json = read
    return response


def _failure(event: Event | None, url: str) -> Any:
    """What aiohttp raises before an answer begins."""
    match event:
        case TimedOut(phase="connect"):
            return aiohttp.ConnectionTimeoutError(f"Connection timeout to host {url}")
        case TimedOut():
            return aiohttp.SocketTimeoutError("Timeout on reading data from socket")
        case Reset(error="ConnectError" | "gaierror" | "ConnectionRefusedError", message=message):
            target = URL(url)
            key = SimpleNamespace(host=target.host, port=target.port, is_ssl=target.scheme == "https", ssl=True)
            refused = OSError(errno.ECONNREFUSED, message or "Connection refused")
            return aiohttp.ClientConnectorError(key, refused)
        case Reset(error="RemoteProtocolError"):
            return aiohttp.ServerDisconnectedError()
        case _:
            return aiohttp.ClientOSError(errno.ECONNRESET, "Connection reset by peer")


def _body_failure(event: Reset | TimedOut) -> Any:
    if isinstance(event, TimedOut):
        return aiohttp.SocketTimeoutError("Timeout on reading data from socket")
    return aiohttp.ClientPayloadError("Response payload is not completed")


def _heard_as(error: BaseException) -> Reset | TimedOut | Left:
    match error:
        case aiohttp.ConnectionTimeoutError():
            return TimedOut("connect")
        case TimeoutError():
            return TimedOut("read")
        case aiohttp.ClientConnectorError():
            return Reset("ConnectError", str(error.os_error))
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            return Reset("RemoteProtocolError", str(error))
        case aiohttp.ClientError() | OSError():
            return Reset("ReadError", str(error))
        case _:
            return departure(error)
