"""A loopback model that says how often it was asked: enough to see who answered, the recording or the server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest


class Upstream(ThreadingHTTPServer):
    """Answers every POST with the number of the request and an echo of its prompt."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1/chat/completions"

    def ask(self, text: str, **headers: str) -> str:
        """What a client hears for `text`: from here or from a recording."""
        body = {"model": "m", "messages": [{"role": "user", "content": text}]}
        with httpx.Client() as client:
            return client.post(self.url, json=body, headers=headers).json()["choices"][0]["message"]["content"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Upstream

    def do_POST(self) -> None:
        self.server.asked += 1
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = f"{self.server.asked}: {asked['messages'][-1]['content']}"
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        data = json.dumps({"id": "x", "model": "m", "choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
