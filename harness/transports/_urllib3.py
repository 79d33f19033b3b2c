"""urllib3, and with it requests and botocore: vcrpy's stub of a connection, in front of the pool's own real one.

The pool keeps its real connections, unconnected while a session answers.
So nothing has to be put back afterwards, and a connection that is older than the session is intercepted like any other.
"""

from __future__ import annotations

import errno
import http.client
import io
from collections.abc import Iterator, Mapping
from typing import Any

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)
from vcr.request import Request as VcrRequest
from vcr.stubs import VCRConnection, VCRFakeSocket, VCRHTTPResponse

from harness.engine import Live, play
from harness.model import End, Event, Headers, Left, Patience, Request, Reset, TimedOut, seconds
from harness.transports._failures import departure
from harness.transports._lookup import OpenSession, live_call
from harness.transports._whole import Whole, WholeEar, whole

_PIECE = 65536


class StubConnection(VCRConnection):  # type: ignore[misc] # vcrpy is not annotated
    """One request on `real`, a connection of `pool`, which `session` answers or hears."""

    is_verified = True  # so says vcrpy: nothing has been sent that a certificate could have protected

    def __init__(self, real: Any, pool: Any, session: OpenSession) -> None:
        # Not by assignment: vcrpy's stub hands every attribute on to the real connection, and that is the pool's.
        self.__dict__.update(
            real_connection=real, _sock=None, _pool=pool, _session=session, _protocol=pool.scheme, _connect_s=None
        )

    @property
    def is_closed(self) -> bool:
        """True until something is asked: then urllib3 sets the timeout for reading."""
        return self._sock is None

    def connect(self, *args: Any, **kwargs: Any) -> None:
        """Not before it is known whether the answer is live; sending connects."""

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
        """Remember what is asked; it is sent, if at all, when the answer is wanted."""
        options.pop("decode_content", None)
        self.__dict__.update(
            _vcr_request=VcrRequest(method, self._uri(url), body, dict(headers or {})),
            _url=url,
            _preloads=options.pop("preload_content", False),
            _options=options,
            _connect_s=self.timeout,
            _sock=VCRFakeSocket(),
        )

    def request_chunked(self, method: str, url: str, body: Any = None, headers: Any = None) -> None:
        """The same, by the name that urllib3 1.26 has for it."""
        self.request(method, url, body, headers)

    def getresponse(self, *_: Any, **__: Any) -> Any:
        """The answer, as vcrpy's stub of a response. Raises as a live connection does, or Miss."""
        opened = self._session.open(_asked(self._vcr_request), self._patience())
        answer = self._listened(opened) if isinstance(opened, Live) else whole(play(opened, self._session.clock))
        if answer.broken is not None and (answer.head is None or self._preloads):
            raise _failure(answer.broken, self)
        response = _Response(answer.as_vcr(), self._vcr_request.uri)
        response.headers = urllib3.HTTPHeaderDict(response.getheaders())
        if answer.broken is not None:
            response._content = _Broken(response._content.getvalue(), _body_failure(answer.broken, self))  # noqa: SLF001
        return response

    def _patience(self) -> Patience:
        return Patience(connect=_nanos(self._connect_s), read=_nanos(self.timeout))

    def _listened(self, live: Live) -> Whole:
        ear = WholeEar(self._session, live.take)
        try:
            with live_call():
                self._hear(ear)
        except BaseException as error:
            self.real_connection.close()
            event = _heard_as(error)
            if not isinstance(event, Reset | TimedOut):
                ear.left(event)
                raise
            ear.hear(event)
            if ear.heard.head is None:
                raise
        return ear.heard

    def _hear(self, ear: WholeEar) -> None:
        real, asked = self.real_connection, self._vcr_request
        # urllib3 1.26 knows neither option, and its connections read nothing ahead anyway.
        lazily = {"preload_content": False} if "enforce_content_length" in self._options else {}
        real.request(asked.method, self._url, body=asked.body_bytes, headers=asked.headers, **self._options, **lazily)
        response = real.getresponse()
        codings = [coding.strip().lower() for coding in (response.headers.get("content-encoding") or "").split(",")]
        is_decoded = hasattr(response, "stream") and set(codings) <= set(urllib3.HTTPResponse.CONTENT_DECODERS)
        ear.head(response.status, response.headers.items(), response.reason or "", decoded=is_decoded)
        for piece in _pieces(response):
            ear.chunk(piece)
        ear.hear(End())


def _pieces(response: Any) -> Iterator[bytes]:
    if hasattr(response, "stream"):
        yield from response.stream(_PIECE, decode_content=True)
    else:
        yield response.read()


def _asked(request: Any) -> Request:
    headers = Headers.of((str(name), _text(value)) for name, value in request.headers.items())
    return Request(request.method, request.uri, headers, request.body_bytes or b"")


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _nanos(timeout_s: Any) -> Any:
    return seconds(timeout_s) if isinstance(timeout_s, int | float) else None


class _Response(VCRHTTPResponse):  # type: ignore[misc] # vcrpy is not annotated
    """vcrpy's response with urllib3's own keywords, and without an empty piece at the end of a stream."""

    def read(self, amt: int | None = None, decode_content: bool | None = None, cache_content: bool = False) -> Any:  # noqa: FBT001, FBT002 - urllib3's signature
        """Up to `amt` bytes, or all. The body is stored decoded, so the two flags change nothing."""
        del decode_content, cache_content
        return super().read(amt)

    def stream(self, amt: int | None = _PIECE, decode_content: bool | None = None) -> Iterator[bytes]:  # noqa: FBT001 - urllib3's signature
        """The body in pieces of `amt` bytes."""
        del decode_content
        while data := self.read(amt):
            yield data


class _Broken(io.BytesIO):
    """A body that breaks after its last byte."""

    def __init__(self, data: bytes, error: Exception) -> None:
        super().__init__(data)
        self._error = error

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if not data or size is None or size < 0:
            raise self._error
        return data


# What live connections raise, measured with urllib3 2.8 over loopback. Before the answer begins these are the errors of
# the socket, which urllib3 itself then turns into its own; in a body nobody is there to do so.

_LEVELS: Mapping[str, tuple[int, str]] = {
    "ReadError": (errno.ECONNRESET, "Connection reset by peer"),
    "WriteError": (errno.EPIPE, "Broken pipe"),
}


def _failure(event: Event, conn: StubConnection) -> Any:
    match event:
        case TimedOut(phase="connect"):
            return ConnectTimeoutError(conn, f"Connection to {conn.host} timed out.")
        case TimedOut():
            return TimeoutError("timed out")
        case Reset(error="ConnectError" | "gaierror" | "ConnectionRefusedError", message=message):
            return NewConnectionError(conn, f"Failed to establish a new connection: {message}")
        case Reset(error="RemoteProtocolError"):
            return http.client.RemoteDisconnected("Remote end closed connection without response")
        case _:
            return _reset(event)


def _body_failure(event: Event, conn: StubConnection) -> Any:
    if isinstance(event, TimedOut):
        return ReadTimeoutError(conn._pool, conn._url, "Read timed out.")  # noqa: SLF001 - our own stub
    cause = http.client.IncompleteRead(b"") if getattr(event, "error", "") == "RemoteProtocolError" else _reset(event)
    return ProtocolError(f"Connection broken: {cause!r}", cause)


def _reset(event: Event) -> OSError:
    number, words = _LEVELS.get(getattr(event, "error", ""), _LEVELS["ReadError"])
    return OSError(number, words)  # Python makes it a ConnectionResetError or a BrokenPipeError by the number


def _heard_as(error: BaseException) -> Reset | TimedOut | Left:
    text = str(error.__cause__ or error)
    match error:
        case NewConnectionError():
            return Reset("ConnectError", text)
        case ConnectTimeoutError():
            return TimedOut("connect")
        case ReadTimeoutError() | TimeoutError():
            return TimedOut("read")
        case ConnectionError() if not isinstance(error, http.client.RemoteDisconnected):
            return Reset("ReadError", text)
        case HTTPError() | http.client.HTTPException():
            return Reset("RemoteProtocolError", text)
        case OSError():
            return Reset("ConnectError", text)
        case _:
            return departure(error)
