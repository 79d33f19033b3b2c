"""Writer: one answer, event by event, as what a connection does.

Rules:

1. One event is at most one Send, so that the bytes of a chunk and the moment of a chunk stay together.
2. How a body is framed is what its Head says: `transfer-encoding: chunked`, else `content-length`, else where it says
   `connection: close` all bytes up to the end of the connection. Where it says none of these, chunked is added; for a
   client of HTTP/1.0, which cannot read chunks, `connection: close`.
3. A HEAD request, and the statuses 1xx, 204 and 304, have no body, whatever the timeline holds.
4. Raw bytes go out as they stand. What they mean to a parser nobody here knows, so the connection is not used again.
5. RemoteProtocolError is what clients say when the peer closes too early, so it is a FIN; every other error is a reset.
   Where nothing was connected there is nothing to reset, and it is a Refuse. A body that goes up to the end of the
   connection is ended by a FIN: no client can tell whether that was too early.
6. A `content-length` that is not true is sent all the same, and the connection is closed at the end: what is missing
   never comes, and what is too much is not read as the next answer.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, Literal

from harness.model import Chunk, End, Event, Head, Raw, Request, Reset, TimedOut
from harness.wire._fields import field_lines
from harness.wire._steps import Close, Refuse, Send, Silence, Step

Framing = Literal["chunked", "length", "close", "none", "unknown"]

_CONNECTING: Final = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})
_LAST_CHUNK: Final = b"0\r\n\r\n"
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}


class Writer:
    """What a connection does to answer `request`. One answer each, in order; not reusable.

    `http10`: the client speaks HTTP/1.0. `closes`: the connection ends with this answer, because the client asked for
    it or the server is stopping.
    Raises ValueError for a header that would become another header or the body (line breaks), and for a body without a
    head.
    """

    def __init__(self, request: Request, *, http10: bool = False, closes: bool = False) -> None:
        self._is_head = request.method.upper() == "HEAD"
        self._http10 = http10
        self._closes = closes or http10
        self._framing: Framing = "unknown"
        self._owed = 0
        self._touched = False
        self._clean = False

    @property
    def keeps_alive(self) -> bool:
        """True once the answer has ended in a way that leaves the connection ready for the next request."""
        return self._clean and not self._closes

    def write(self, event: Event) -> tuple[Step, ...]:
        """What the connection does at `event`; nothing where the event has no bytes."""
        match event:
            case Head():
                return self._sent(self._head(event))
            case Chunk(data=data):
                return self._sent(self._chunk(data))
            case Raw(data=data):
                self._closes = True
                return self._sent(data)
            case End():
                return self._end()
            case Reset(error=error, message=message):
                return self._broken(error, message)
            case TimedOut(phase=phase, message=message):
                connects = phase in {"connect", "pool"} and not self._touched
                return (Refuse(f"{phase.capitalize()}Timeout", message),) if connects else (Silence(),)

    def _sent(self, data: bytes) -> tuple[Step, ...]:
        self._touched = self._touched or bool(data)
        return (Send(data),) if data else ()

    def _head(self, head: Head) -> bytes:
        self._framing, added = self._framed(head)
        reason = head.reason or _REASONS.get(head.status, "")
        if self._closes and "connection" not in head.headers:
            added = (*added, ("connection", "close"))
        dropped = _contradicted(self._framing, self._http10)
        lines = field_lines([*head.headers.without(dropped), *added], reason)
        return f"HTTP/1.1 {head.status} ".encode() + lines

    def _framed(self, head: Head) -> tuple[Framing, tuple[tuple[str, str], ...]]:
        """How the body is framed, and the headers that have to be added for it."""
        headers = head.headers
        says_close = any("close" in value.lower() for value in headers.get_all("connection"))
        self._closes = self._closes or says_close
        if self._is_head or head.status < HTTPStatus.OK or head.status in {204, 304}:
            return "none", ()
        is_chunked = any("chunked" in value.lower() for value in headers.get_all("transfer-encoding"))
        if is_chunked and not self._http10:
            return "chunked", ()
        length = headers.get("content-length").strip()
        if length.isascii() and length.isdigit() and not is_chunked:
            self._owed = int(length)
            return "length", ()
        if says_close or self._http10:
            return "close", ()
        return "chunked", (("transfer-encoding", "chunked"),)

    def _chunk(self, data: bytes) -> bytes:
        if self._framing == "unknown" and not self._touched:
            message = "a chunk came before any head"
            raise ValueError(message)
        if self._framing == "chunked":
            return b"%x\r\n%b\r\n" % (len(data), data)
        self._owed -= len(data)
        return b"" if self._framing == "none" else data

    def _end(self) -> tuple[Step, ...]:
        self._clean = self._framing in {"chunked", "none"} or (self._framing == "length" and not self._owed)
        last = self._sent(_LAST_CHUNK) if self._framing == "chunked" else ()
        return last if self.keeps_alive else (*last, Close("fin"))

    def _broken(self, error: str, message: str) -> tuple[Step, ...]:
        if error in _CONNECTING and not self._touched:
            return (Refuse(error, message),)
        return (Close("fin" if error == "RemoteProtocolError" else "rst"),)


def _contradicted(framing: Framing, http10: bool) -> tuple[str, ...]:  # noqa: FBT001 - private, and named at its call
    """The fields that a head must not carry beside the framing that was chosen (RFC 9112 section 6)."""
    if framing == "chunked":
        return ("content-length",)
    return ("transfer-encoding",) if http10 or framing in {"length", "close"} else ()
