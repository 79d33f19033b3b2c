"""The whole wire vocabulary on one screen: what was asked, what was heard, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from harness.model._time import Nanos


@dataclass(frozen=True, slots=True)
class Headers:
    """Header fields in wire order, duplicates kept. Names compare without case, as RFC 9110 section 5.1 says."""

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Headers:
        """Headers from any iterable of name and value."""
        return cls(tuple((str(name), str(value)) for name, value in pairs))

    def get(self, name: str, default: str = "") -> str:
        """The first value under `name`, else `default`."""
        wanted = name.lower()
        for key, value in self.pairs:
            if key.lower() == wanted:
                return value
        return default

    def get_all(self, name: str) -> tuple[str, ...]:
        """Every value under `name`, in wire order."""
        wanted = name.lower()
        return tuple(value for key, value in self.pairs if key.lower() == wanted)

    def without(self, names: Iterable[str]) -> Headers:
        """The same headers less those called one of `names`."""
        dropped = {name.lower() for name in names}
        return Headers(tuple(pair for pair in self.pairs if pair[0].lower() not in dropped))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.pairs)

    def __contains__(self, name: str) -> bool:
        return bool(self.get_all(name))


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it went out. `body` is the exact bytes; `url` is absolute and carries the query."""

    method: str
    url: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Head:
    """The status line and headers of an answer.

    `dated` are further headers, whose value is the date so long after the head is sent: a timeline has no calendar, so
    whoever plays it writes the date.
    """

    status: int
    headers: Headers = field(default_factory=Headers)
    reason: str = ""
    dated: tuple[tuple[str, Nanos], ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes that arrived together, content-encoding removed. Never empty."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes below HTTP, put on the connection as they stand: no chunk size, no header, no framing around them. Only a
    fault makes one. Whoever hands out parsed answers has no form for it; a client's own HTTP parser has to read it."""

    data: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The answer ended as its framing says it should."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection failed. `error` is the class name an httpx-like client gives it: `ReadError`, `ConnectError`,
    `RemoteProtocolError`, ...; `message` is that exception's own text."""

    error: str = "ReadError"
    message: str = ""


Phase: TypeAlias = Literal["connect", "read", "write", "pool"]


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The caller's own timeout of this `phase` struck."""

    phase: Phase = "read"
    message: str = ""


Event: TypeAlias = Head | Chunk | Raw | End | Reset | TimedOut
Left: TypeAlias = Literal["closed", "cancelled", "open"]
"""Why nobody heard the end: the caller closed the stream, was cancelled, or the recording itself stopped."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the caller itself is ready to wait, per phase; None waits for ever. httpx clients send it along as
    `request.extensions["timeout"]` and leave it to the transport to keep. `total` caps the whole answer, which only the
    backend contract does."""

    connect: Nanos | None = None
    read: Nanos | None = None
    write: Nanos | None = None
    pool: Nanos | None = None
    total: Nanos | None = None
