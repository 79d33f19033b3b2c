"""A model server on loopback that plays a script: for live backends, which speak HTTP and know nothing of sessions."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness.model import Chunk, End, Head, Headers, Request, Reset, Timeline, as_seconds
from harness.testing._script import Script


class Peer(ThreadingHTTPServer):
    """What listens. `base_url` ends in `/v1`; `asked` has every request so far. Every GET is a health check."""

    daemon_threads = True

    def __init__(self, script: Script, rate: float) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.script = script
        self.rate = rate
        self.closing = threading.Event()
        self.asked: list[Request] = []

    @property
    def base_url(self) -> str:
        """Where it is; where the script begins with a refusal, a port at which nobody listens."""
        port = _closed_port() if self.script.act(0).refused else self.server_address[1]
        return f"http://127.0.0.1:{port}/v1"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is what many scripts are about."""


@contextmanager
def loopback(script: Script, *, rate: float = 1.0) -> Iterator[Peer]:
    """A running Peer that plays `script`, `rate` times as fast as it is written: over a socket time is real.

    Bytes and chunks are those of the script; a reset is a real one.
    """
    with Peer(script, rate) as peer:
        thread = threading.Thread(target=peer.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield peer
        finally:
            peer.closing.set()
            peer.shutdown()
            thread.join()


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Peer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Nothing is logged."""

    def do_GET(self) -> None:
        self.send_response(200 if self.server.script.available else 503)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        request = Request("POST", f"http://127.0.0.1{self.path}", Headers.of(self.headers.items()), body)
        number = len(self.server.asked)
        self.server.asked.append(request)
        self._play(self.server.script.act(number).timeline(request))

    def _play(self, timeline: Timeline) -> None:
        self.close_connection = True
        passed_s = 0.0
        for at, event in timeline.events:
            self.server.closing.wait((as_seconds(at) - passed_s) / self.server.rate)
            passed_s = as_seconds(at)
            match event:
                case Head():
                    self._send_head(event)
                case Chunk(data=data):
                    self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                case End():
                    self.wfile.write(b"0\r\n\r\n")
                case Reset():  # a linger of zero makes the close a reset
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _send_head(self, head: Head) -> None:
        self.send_response(head.status)
        for name, value in head.headers.without(["content-length", "transfer-encoding"]):
            self.send_header(name, value)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()


def _closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
