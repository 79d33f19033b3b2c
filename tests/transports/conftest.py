"""A model's server on loopback that does what it is told to, and a session that lives in memory."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple, Self

import anyio
import anyio.lowlevel
import httpx
import httpx2
import pytest
import trio

from harness.clock import VirtualClock, WallClock
from harness.engine import CassetteSource, Engine, Exchange, History, Live, Rights
from harness.errors import Miss, NetworkRefusedError
from harness.model import Cassette, Patience, Request
from harness.transports import intercepting

EVENTS = [f'data: {{"n": {n}}}\n\n'.encode() for n in range(4)]


@dataclass
class Server:
    """Answers by path. `gate` holds back everything after the first chunk until the client has said that it has it."""

    listener: socket.socket
    gate: threading.Event = field(default_factory=threading.Event)
    sent: list[str] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.port = int(self.listener.getsockname()[1])
        self._thread = threading.Thread(target=self.serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Nobody listens any more."""
        self.gate.set()
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)
            self._thread.join(5)
            self.listener.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            data = b""
            while b"\r\n\r\n" not in data:
                received = connection.recv(65536)
                if not received:
                    return
                data += received
            head, _, body = data.partition(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            while not _is_whole(fields, body):
                body += connection.recv(65536)
            self.requests.append(body)
            path = head.split(b" ")[1].decode().lstrip("/").partition("?")[0]
            try:
                getattr(self, f"_{path.replace('-', '_')}")(connection)
            except OSError:
                return

    def _head(self, connection: socket.socket, *headers: str, status: str = "200 OK") -> None:
        lines = [f"HTTP/1.1 {status}", "Connection: close", *headers]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def _chunked(self, connection: socket.socket, data: bytes) -> None:
        connection.sendall(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _sse_head(self, connection: socket.socket, *headers: str) -> None:
        self._head(connection, "Content-Type: text/event-stream", "Transfer-Encoding: chunked", *headers)

    def _stream(self, connection: socket.socket) -> None:
        """The first event; the others when the client has it."""
        self._sse_head(connection)
        self._chunked(connection, EVENTS[0])
        self.sent.append("first")
        self.gate.wait(5)
        for event in EVENTS[1:]:
            self._chunked(connection, event)
        self.sent.append("last")
        connection.sendall(b"0\r\n\r\n")

    def _unary(self, connection: socket.socket) -> None:
        self._head(connection, "Content-Type: application/json", "X-Twice: a", "X-Twice: b", "Content-Length: 11")
        connection.sendall(b'{"ok": true')
        connection.sendall(b"}")

    def _whole(self, connection: socket.socket) -> None:
        self._head(connection, "Content-Type: application/json", "X-Twice: a", "X-Twice: b", "Content-Length: 12")
        connection.sendall(b'{"ok": true}')

    def _gzip(self, connection: socket.socket) -> None:
        packer = zlib.compressobj(wbits=31)
        self._sse_head(connection, "Content-Encoding: gzip")
        for event in EVENTS:
            self._chunked(connection, packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH))
        self._chunked(connection, packer.flush())
        connection.sendall(b"0\r\n\r\n")

    def _bad_gzip(self, connection: socket.socket) -> None:
        self._sse_head(connection, "Content-Encoding: gzip")
        self._chunked(connection, b"this is no gzip")
        connection.sendall(b"0\r\n\r\n")

    def _limited(self, connection: socket.socket) -> None:
        body = b'{"error": {"message": "slow down"}}'
        self._head(connection, "Retry-After: 2", f"Content-Length: {len(body)}", status="429 Too Many Requests")
        connection.sendall(body)

    def _stall(self, connection: socket.socket) -> None:
        self._sse_head(connection)
        self._chunked(connection, EVENTS[0])
        connection.recv(1)

    def _silent(self, connection: socket.socket) -> None:
        connection.recv(1)

    def _cut(self, connection: socket.socket) -> None:
        """The framing is broken: the connection ends before the last chunk."""
        self._sse_head(connection)
        self._chunked(connection, EVENTS[0])

    def _reset(self, connection: socket.socket) -> None:
        self._sse_head(connection)
        self._chunked(connection, EVENTS[0])
        self.gate.wait(5)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


def _is_whole(fields: dict[bytes, bytes], body: bytes) -> bool:
    if b"transfer-encoding" in fields:
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(fields.get(b"content-length", 0))


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(socket.create_server(("127.0.0.1", 0)))
    yield made
    made.stop()


class MemorySession:
    """A session of the engine and a cassette in memory: what the room needs, and what it was told."""

    def __init__(
        self,
        cassette: Cassette | None = None,
        *,
        name: str = "memory",
        allowed_hosts: tuple[str, ...] = (),
        ignored_hosts: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.clock = VirtualClock()
        self.wall = WallClock()
        self.closed = False
        self.allowed_hosts = allowed_hosts
        self.ignored_hosts = ignored_hosts
        self.told: list[Miss] = []
        self.refused: list[Refused] = []
        self.unheard: list[tuple[str, int | None, str]] = []
        self.rights = Rights(plays=cassette is not None, records=cassette is None)
        self.engine = Engine(CassetteSource(cassette or Cassette()), self.rights)
        self._lock = threading.Lock()

    @property
    def records(self) -> bool:
        return self.rights.records

    @property
    def replays(self) -> bool:
        return self.rights.plays

    def open(self, request: Request, patience: Patience) -> Exchange | Live:
        with self._lock:
            return self.engine.open(request, self.clock.now(), patience)

    def missed(self, miss: Miss) -> None:
        self.told.append(miss)

    def refuse(self, what: str, host: str, port: int | None, where: str, *, inside: bool) -> Exception:
        self.refused.append(Refused(what, host, port, where, inside))
        return NetworkRefusedError(f"{what} {host}")

    def unseen(self, host: str, port: int | None, where: str) -> None:
        self.unheard.append((host, port, where))

    @property
    def history(self) -> History:
        return self.engine.history

    def cassette(self) -> Cassette:
        return Cassette(tuple(take.interaction() for take in self.engine.takes))

    misses = ()
    """The plugin asks every open session for them, and would fail the tests that make one on purpose."""

    def transcript(self) -> str:
        return f"session {self.name}"

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        self._stack.enter_context(intercepting(self))
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True
        self._stack.close()


@dataclass
class Heard:
    """What the code around a client got to see."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    error: BaseException | None = None


@dataclass
class Driver:
    """One family in one colour: the same call, written by somebody who knows nothing of us."""

    module: ModuleType
    colour: str

    def stream(
        self,
        url: str,
        *,
        timeout: float = 5,
        stop_after: int | None = None,
        on_chunk: Callable[[bytes], None] = lambda _: None,
        cancel_after: int | None = None,
        raw: bool = False,
        content: object = b"ask",
        transport: object = None,
    ) -> Heard:
        heard = Heard()
        options = {"timeout": timeout, "transport": transport}
        watch = _watching(heard, on_chunk)
        try:
            if self.colour == "sync":
                _stream(self.module.Client(**options), url, content, heard, watch, stop_after, raw)
            else:
                work = partial(
                    _astream,
                    self.module.AsyncClient(**options),
                    url,
                    content,
                    heard,
                    watch,
                    stop_after,
                    cancel_after,
                    raw,
                )
                (trio.run if self.colour == "trio" else _run_asyncio)(work)
        except BaseException as error:
            heard.error = error
        return heard


def _run_asyncio(work: Callable[[], Coroutine[object, object, None]]) -> None:
    asyncio.run(work())


def _watching(heard: Heard, on_chunk: Callable[[bytes], None]) -> Callable[[bytes], int]:
    def watch(chunk: bytes) -> int:
        heard.chunks.append(chunk)
        on_chunk(chunk)
        return len(heard.chunks)

    return watch


def _stream(client: Any, url: str, content: Any, heard: Heard, watch: Any, stop_after: int | None, raw: bool) -> None:
    with client, client.stream("POST", url, content=content) as response:
        heard.status, heard.headers = response.status_code, response.headers.multi_items()
        for chunk in response.iter_raw() if raw else response.iter_bytes():
            if watch(chunk) == stop_after:
                break


async def _astream(
    client: Any,
    url: str,
    content: Any,
    heard: Heard,
    watch: Any,
    stop_after: int | None,
    cancel_after: int | None,
    raw: bool,
) -> None:
    with anyio.CancelScope() as scope:
        async with client, client.stream("POST", url, content=content) as response:
            heard.status, heard.headers = response.status_code, response.headers.multi_items()
            async for chunk in response.aiter_raw() if raw else response.aiter_bytes():
                count = watch(chunk)
                if count == cancel_after:
                    scope.cancel()
                    await anyio.lowlevel.checkpoint()
                if count == stop_after:
                    break


@pytest.fixture(params=[httpx, httpx2], ids=["httpx", "httpx2"])
def family(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


@pytest.fixture(params=["sync", "asyncio", "trio"])
def driver(family: ModuleType, request: pytest.FixtureRequest) -> Driver:
    return Driver(family, request.param)


@pytest.fixture(params=["asyncio", "trio"])
def async_driver(family: ModuleType, request: pytest.FixtureRequest) -> Driver:
    return Driver(family, request.param)


@pytest.fixture
def free_port() -> int:
    """A port on which nobody listens: it was free a moment ago, and nothing here takes one by number."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Refused(NamedTuple):
    what: str
    host: str
    port: int | None
    where: str
    inside: bool


@pytest.fixture
def memory() -> type[MemorySession]:
    return MemorySession
