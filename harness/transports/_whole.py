"""Whole answers: what vcrpy's stubs can hand out, which take an answer in one piece and know no chunk times.

Recorded, an answer keeps the chunks in which it was heard.
Replayed to such a client, it comes when its last one is due.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from harness.engine import Take
from harness.model import Chunk, End, Event, Head, Headers, Left, Raw, Reset, TimedOut
from harness.transports._decoding import ENCODED
from harness.transports._lookup import OpenSession


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer in one piece. `broken` is what cut it short; without a `head`, before anything came."""

    head: Head | None
    body: bytes = b""
    broken: Reset | TimedOut | None = None

    def as_vcr(self) -> dict[str, Any]:
        """The answer as vcrpy's stubs take it: names to lists of values, the body as bytes without its encoding."""
        assert self.head is not None, "an answer that never began is a failure, and raised as one"
        body, headers = _decoded(self.body, self.head.headers)
        named: dict[str, list[str]] = {}
        for name, value in headers:
            named.setdefault(name, []).append(value)
        status = {"code": self.head.status, "message": self.head.reason or _reason(self.head.status)}
        return {"status": status, "headers": named, "body": {"string": body}}


def whole(events: Iterable[Event]) -> Whole:
    """What `events`, up to their end, come to."""
    head: Head | None = None
    pieces: list[bytes] = []
    broken: Reset | TimedOut | None = None
    for event in events:
        match event:
            case Head():
                head = event
            case Chunk(data=data):
                pieces.append(data)
            case Reset() | TimedOut():
                broken = event
            case Raw():  # these stubs have no parser of ours below them: it is no HTTP, and breaks the connection
                broken = Reset("RemoteProtocolError")
                break
            case End():
                pass
    return Whole(head, b"".join(pieces), broken)


class WholeEar:
    """Tells a take what one live answer does, and keeps it. Deaf once the session is closed."""

    def __init__(self, session: OpenSession, take: Take) -> None:
        self._session = session
        self._take = take
        self._events: list[Event] = []
        take.sent(session.wall.now())

    def hear(self, event: Event) -> None:
        """`event` arrived just now."""
        self._events.append(event)
        if not self._session.closed:
            self._take.heard(self._session.wall.now(), event)

    def head(self, status: int, headers: Iterable[tuple[str, str]], reason: str, *, decoded: bool) -> None:
        """The answer begins. Where its body comes `decoded`, what speaks of the encoding is no longer true."""
        kept = Headers.of(headers)
        self.hear(Head(status, kept.without(ENCODED) if decoded else kept, reason))

    def chunk(self, data: bytes) -> None:
        """`data` arrived."""
        if data:
            self.hear(Chunk(data))

    def left(self, how: Left) -> None:
        """Nobody listens any more."""
        if not self._session.closed:
            self._take.left(self._session.wall.now(), how)

    @property
    def heard(self) -> Whole:
        """The answer so far."""
        return whole(self._events)


def _decoded(body: bytes, headers: Headers) -> tuple[bytes, Headers]:
    """Other recorders kept the encoded bytes, or decoded ones under a header that says otherwise; the stubs decode
    nothing. So the bytes are tried, and the header is dropped either way."""
    codings = [value.strip().lower() for value in headers.get_all("content-encoding")]
    if codings not in (["gzip"], ["x-gzip"], ["deflate"]):
        return body, headers
    try:
        return zlib.decompress(body, wbits=47), headers.without(ENCODED)  # 47: gzip or zlib, whichever it is
    except zlib.error:
        return body, headers.without(ENCODED)


def _reason(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
