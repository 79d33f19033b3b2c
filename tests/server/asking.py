"""What the tests of the server share: a source that plays one timeline, and a client that sees bytes."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Self
from urllib.parse import urlsplit

from harness.model import At, Chunk, End, Event, Head, Headers, Interaction, Nanos, Request, Timeline
from harness.spec import Found

PATIENCE_S = 10.0
"""Nobody waits that long: a server that hangs is a failure and no hang."""
SSE = Head(200, Headers((("content-type", "text/event-stream"),)))


class Fixed:
    """A Source that answers everything with `timeline`."""

    name = "fixed"

    def __init__(self, *events: Event | tuple[int, Event], timeline: Timeline | None = None) -> None:
        timed: list[At] = [(Nanos(e[0]), e[1]) if isinstance(e, tuple) else (Nanos(0), e) for e in events]
        self.timeline = timeline or Timeline(tuple(timed))
        self.asked: list[Request] = []

    def find(self, request: Request) -> Found:
        self.asked.append(request)
        return Found(Interaction(request, self.timeline, "it"))

    def unplayed(self) -> Sequence[str]:
        return ()


def answering(body: bytes = b"fine") -> Fixed:
    """A short answer, at once."""
    return Fixed(Head(200, Headers((("content-length", str(len(body))),))), Chunk(body), End())


class Wire:
    """A connection to `url` that shows bytes. `rest` is everything up to the end and how it ended, `fin` or `rst`."""

    def __init__(self, url: str) -> None:
        known = urlsplit(url)
        self.sock = socket.create_connection((known.hostname, known.port), PATIENCE_S)

    def send(self, data: bytes) -> Wire:
        self.sock.sendall(data)
        return self

    def read(self, count: int) -> bytes:
        """Exactly `count` bytes."""
        data = b""
        while len(data) < count:
            more = self.sock.recv(count - len(data))
            if not more:
                break
            data += more
        return data

    def until(self, mark: bytes) -> bytes:
        data = b""
        while not data.endswith(mark):
            more = self.sock.recv(1)
            assert more, f"the connection ended before {mark!r}: {data!r}"
            data += more
        return data

    def answer(self) -> tuple[bytes, bytes]:
        """A head, and the body that its length promises."""
        head = self.until(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        return head, self.read(int(fields.get(b"content-length", b"0")))

    def rest(self) -> tuple[bytes, str]:
        data = bytearray()
        try:
            while more := self.sock.recv(1 << 20):
                data += more
        except ConnectionResetError:
            return bytes(data), "rst"
        return bytes(data), "fin"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()


def post(path: str = "/v1/chat/completions", body: object = None, **headers: str) -> bytes:
    """A request as bytes; headers are named with underscores."""
    data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    fields = {"host": "h", "content-length": str(len(data)), **{k.replace("_", "-"): v for k, v in headers.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + data


def get(path: str, method: str = "GET", **headers: str) -> bytes:
    lines = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in {"host": "h", **headers}.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode()


GREETING = """\
harness: 1
name: greeting
calls:
  - id: hello
    when: {user: {contains: hello}, model: {equals: tiny}}
    reply: {text: "Bonjour, comment ça va ?"}
"""
