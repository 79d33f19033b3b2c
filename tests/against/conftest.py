"""A provider on loopback: every API that the SDK tests speak, on one port."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

PIECES = ["The capital", " of France", " is Paris."]


def _sse(*events: Any) -> list[bytes]:
    named = [f"event: {e['type']}\n" if isinstance(e, dict) and "type" in e else "" for e in events]
    data = [e if isinstance(e, str) else json.dumps(e) for e in events]
    return [f"{name}data: {text}\n\n".encode() for name, text in zip(named, data, strict=True)]


def _openai_chat(asked: dict[str, Any]) -> list[bytes]:
    base = {"id": "c1", "created": 1, "model": "m"}
    if not asked.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", "content": "".join(PIECES)}, "finish_reason": "stop"}
        return [json.dumps({**base, "object": "chat.completion", "choices": [choice]}).encode()]
    deltas = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in PIECES), {}]
    chunks = [
        {**base, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    return _sse(*chunks, "[DONE]")


def _openai_responses(asked: dict[str, Any]) -> list[bytes]:
    content = [{"type": "output_text", "text": "".join(PIECES), "annotations": []}]
    message = {"type": "message", "id": "m1", "role": "assistant", "status": "completed", "content": content}
    whole = {
        "id": "r1",
        "object": "response",
        "created_at": 1,
        "model": "m",
        "status": "completed",
        "output": [message],
    }
    if not asked.get("stream"):
        return [json.dumps(whole).encode()]
    place = {"item_id": "m1", "output_index": 0, "content_index": 0}
    deltas = [{"type": "response.output_text.delta", **place, "delta": piece} for piece in PIECES]
    return _sse(
        {"type": "response.created", "response": {**whole, "output": []}},
        *deltas,
        {"type": "response.completed", "response": whole},
    )


def _anthropic(asked: dict[str, Any]) -> list[bytes]:
    base = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m"}
    usage = {"input_tokens": 9, "output_tokens": 6}
    if not asked.get("stream"):
        text = {"type": "text", "text": "".join(PIECES)}
        return [json.dumps({**base, "content": [text], "stop_reason": "end_turn", "usage": usage}).encode()]
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}} for piece in PIECES
    ]
    return _sse(
        {"type": "message_start", "message": {**base, "content": [], "stop_reason": None, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 6}},
        {"type": "message_stop"},
    )


def _gemini_part(text: str, **rest: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0, **rest}]}


def _gemini(_: dict[str, Any]) -> list[bytes]:
    return [json.dumps(_gemini_part("".join(PIECES), finishReason="STOP")).encode()]


def _gemini_stream(_: dict[str, Any]) -> list[bytes]:
    return [event.replace(b"\n\n", b"\r\n\r\n") for event in _sse(*(_gemini_part(piece) for piece in PIECES))]


def _ollama(asked: dict[str, Any], *, key: str) -> list[bytes]:
    def line(text: str, *, done: bool) -> bytes:
        said = {"message": {"role": "assistant", "content": text}} if key == "message" else {"response": text}
        return json.dumps({"model": "m", "created_at": "2026-01-01T00:00:00Z", **said, "done": done}).encode() + b"\n"

    if not asked.get("stream"):
        return [line("".join(PIECES), done=True)]
    return [*(line(piece, done=False) for piece in PIECES), line("", done=True)]


ROUTES: dict[str, tuple[str, Callable[[dict[str, Any]], list[bytes]]]] = {
    "/v1/chat/completions": ("text/event-stream", _openai_chat),
    "/v1/responses": ("text/event-stream", _openai_responses),
    "/v1/messages": ("text/event-stream", _anthropic),
    "/v1/models/m:generateContent": ("application/json", _gemini),
    "/v1/models/m:streamGenerateContent": ("text/event-stream", _gemini_stream),
    "/api/chat": ("application/x-ndjson", lambda asked: _ollama(asked, key="message")),
    "/api/generate": ("application/x-ndjson", lambda asked: _ollama(asked, key="response")),
}


class Provider(ThreadingHTTPServer):
    """Every API on one port. `refusals` is how many requests get a 429 first; where it `stalls`, an answer stops for
    good before its last two chunks."""

    refusals = 0
    requests = 0
    stalls = False
    daemon_threads = True
    block_on_close = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Provider

    def do_POST(self) -> None:
        self.server.requests += 1
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.server.refusals:
            self.server.refusals -= 1
            self._send(429, "application/json", [b'{"error": {"message": "slow down"}}'], ("retry-after-ms", "5"))
            return
        kind, answer = ROUTES[self.path.partition("?")[0]]
        streams = asked.get("stream") or "stream" in self.path
        self._send(200, kind if streams else "application/json", answer(asked))

    def _send(self, status: int, kind: str, chunks: list[bytes], *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Transfer-Encoding", "chunked"),
            ("Connection", "close"),
            *headers,
        ):
            self.send_header(name, value)
        self.end_headers()
        for chunk in chunks[:-2] if self.server.stalls else chunks:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.flush()
        if self.server.stalls:
            self.rfile.read(1)  # the client goes away
            return
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: Any) -> None:
        """Not on the test's output."""


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        if thread.is_alive():
            server.shutdown()
        thread.join()
