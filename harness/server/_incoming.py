"""Incoming: bytes of one connection to requests. httptools parses; this keeps the limits, and reads no socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from harness.errors import MissingExtraError
from harness.model import Headers, Request
from harness.server._limits import Limits

try:
    import httptools
except ModuleNotFoundError as missing:
    message = "the server needs httptools: pip install 'replay-harness[server]'"
    raise MissingExtraError(message) from missing

ORIGIN: Final = "http://127.0.0.1"
"""What stands before the path in the URL of every request: a port that differs with each run would be in snapshots."""
_MARKS: Final = frozenset({b"upgrade", b"http2-settings"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One whole request. `closes`: the client wants the connection to end with the answer."""

    request: Request
    http10: bool = False
    closes: bool = False


@dataclass(frozen=True, slots=True)
class Bad:
    """The connection says something that is no request, or too large a one: what to answer before it is closed."""

    status: int
    why: str


class Incoming:
    """Feed it bytes, take `arrived`. After a Bad nothing more is read.

    `wants_continue` is set by a request that waits for `100 Continue` before it sends its body; whoever owns the
    connection clears it.
    """

    def __init__(self, limits: Limits) -> None:
        self.arrived: list[Asked | Bad] = []
        self.wants_continue = False
        self.is_over = False
        self.in_head = False
        self.in_body = False
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self._fields_before: list[tuple[bytes, bytes]] = []
        self._headers = Headers()
        self._begin()

    def feed(self, data: bytes) -> None:
        """Read `data`. Raises nothing: what is wrong with it is a Bad in `arrived`."""
        if self.is_over:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse(400, f"this is no HTTP/1.1 request: {error}")
        if self.in_head:  # a line that does not end makes no callback, so what was fed is what is counted
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.head_bytes:
                self._refuse(431, f"the head of a request is longer than {self._limits.head_bytes} bytes")

    def _begin(self) -> None:
        self._target = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._head_bytes = 0

    def _refuse(self, status: int, why: str) -> None:
        if not self.is_over:
            self.is_over = True
            self.in_head = self.in_body = False
            self.arrived.append(Bad(status, why))

    def _without_upgrade(self, rest: bytes) -> None:
        """Read the request as if no upgrade had been offered, as RFC 9110 section 7.8 allows. Java's client offers
        HTTP/2 with every first request."""
        method = self._parser.get_method()
        if method == b"CONNECT":
            self._refuse(405, "this is no proxy: CONNECT leads nowhere")
            return
        fields = [(name, value) for name, value in self._fields if name.lower() not in _MARKS | {b"connection"}]
        head = b"".join(b"%b: %b\r\n" % field for field in fields)
        target = self._target
        self._parser = httptools.HttpRequestParser(self)
        self.feed(b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, target, head, rest))

    # --- what httptools calls ----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        self._begin()
        self.in_head = True

    def on_url(self, url: bytes) -> None:
        """The request target, or a part of it."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field, whole; of a chunked body's trailer too."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > self._limits.head_bytes:
            self._refuse(431, f"the head of a request is longer than {self._limits.head_bytes} bytes")
        elif self.in_head:
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is here."""
        self.in_head, self.in_body = False, True
        for name, value in self._fields:
            low = name.lower()
            if low == b"content-length" and int(value) > self._limits.body_bytes:
                self._too_large()
            elif low == b"expect" and value.lower() == b"100-continue" and not self.is_over:
                self.wants_continue = True

    def on_body(self, body: bytes) -> None:
        """A piece of the body, without its framing."""
        self._body_bytes += len(body)
        if self._body_bytes > self._limits.body_bytes:
            self._too_large()
        elif not self.is_over:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The request is whole. Of one that offers an upgrade the body may be missing: it is read again."""
        self.in_body = False
        if self.is_over or self._parser.should_upgrade():
            return
        if self._fields != self._fields_before:  # most clients say the same with every request of a connection
            self._fields_before = self._fields
            self._headers = Headers(
                tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in self._fields)
            )
        target = self._target.decode("latin-1")
        url = ORIGIN + target if target[:1] == "/" else target
        if url is target and not _is_url(url):
            self._refuse(400, f"the target {target!r} is no URL")
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        request = Request(self._parser.get_method().decode("latin-1"), url, self._headers, body)
        http10 = self._parser.get_http_version() == "1.0"
        self.arrived.append(Asked(request, http10, closes=not self._parser.should_keep_alive()))

    def _too_large(self) -> None:
        self.wants_continue = False
        self._refuse(413, f"the body of a request is longer than {self._limits.body_bytes} bytes")


def _is_url(target: str) -> bool:
    try:
        urlsplit(target)
    except ValueError:  # brackets that enclose no address
        return False
    return True
