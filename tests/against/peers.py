"""A peer that answers in turn, with bytes and pauses: by a transport of its own, or as the source of a session."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import anyio

import harness
from harness.model import PER_SECOND, Chunk, End, Event, Head, Headers, Interaction, Nanos, Request, Timeline, seconds
from harness.spec import Found

SSE = {"content-type": "text/event-stream"}
_TIMED_OUT = "timed out"


@dataclass
class Answer:
    """A status, headers, and the steps of the body: bytes to send, seconds to wait. `silence` comes before the head."""

    steps: list[bytes | float]
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: dict(SSE))
    silence: float = 0.0


@dataclass
class Peer:
    """Answers in turn, the last one again and again; remembers when it was asked."""

    answers: list[Answer]
    asked_at: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begun = time.monotonic()

    def transport(self, http: ModuleType) -> Any:
        """What its clients ask through."""
        return transport(http, self)

    def next_answer(self) -> Answer:
        self.asked_at.append(round(time.monotonic() - self.begun, 3))
        return self.answers[min(len(self.asked_at), len(self.answers)) - 1]


@dataclass
class Replayed:
    """The same answers as the source of a session, which catches the clients' own transports."""

    answers: list[Answer]
    name: str = "peer"
    given: int = 0
    session: Any = None

    def find(self, request: Request) -> Found:
        """The next answer, as a timeline."""
        self.given += 1
        answer = self.answers[min(self.given, len(self.answers)) - 1]
        return Found(Interaction(request, _timeline(answer), f"answer {self.given}"))

    def unplayed(self) -> tuple[str, ...]:
        return ()

    def transport(self, http: ModuleType) -> None:
        """None: they are caught."""

    @property
    def asked_at(self) -> list[float]:
        """When it was asked, in seconds."""
        return [round(entry.at / PER_SECOND, 3) for entry in self.session.history]


def _timeline(answer: Answer) -> Timeline:
    at = seconds(answer.silence)
    events: list[tuple[Nanos, Event]] = [(at, Head(answer.status, Headers.of(answer.headers.items())))]
    for step in answer.steps:
        if isinstance(step, bytes):
            events.append((at, Chunk(step)))
        else:
            at = Nanos(at + seconds(step))
    return Timeline((*events, (at, End())))


@contextmanager
def by_transport(answers: list[Answer]) -> Iterator[Peer]:
    yield Peer(answers)


@contextmanager
def by_session(answers: list[Answer]) -> Iterator[Replayed]:
    peer = Replayed(answers)
    with harness.replay(peer) as peer.session:
        yield peer
        assert peer.session.transcript().splitlines()[0].endswith("virtual")


def _wait(pause: float, patience: float | None, timed_out: type[Exception]) -> None:
    time.sleep(pause if patience is None else min(pause, patience))
    if patience is not None and pause > patience:
        raise timed_out(_TIMED_OUT)


async def _wait_async(pause: float, patience: float | None, timed_out: type[Exception]) -> None:
    await anyio.sleep(pause if patience is None else min(pause, patience))
    if patience is not None and pause > patience:
        raise timed_out(_TIMED_OUT)


def transport(http: ModuleType, peer: Peer) -> Any:
    """A transport of `http`, httpx or httpx2, for sync and async clients."""

    class Body(http.SyncByteStream, http.AsyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, steps: list[bytes | float], patience: float | None) -> None:
            # Heard once: after its end openai asks the stream again, to drain what may be left.
            self.steps, self.patience = iter(steps), patience

        def __iter__(self) -> Iterator[bytes]:
            for step in self.steps:
                if isinstance(step, bytes):
                    yield step
                else:
                    _wait(step, self.patience, http.ReadTimeout)

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for step in self.steps:
                if isinstance(step, bytes):
                    yield step
                else:
                    await _wait_async(step, self.patience, http.ReadTimeout)

    class Transport(http.BaseTransport, http.AsyncBaseTransport):  # type: ignore[misc, name-defined]
        def handle_request(self, request: Any) -> Any:
            answer, patience = peer.next_answer(), request.extensions["timeout"].get("read")
            _wait(answer.silence, patience, http.ReadTimeout)
            return http.Response(answer.status, headers=answer.headers, stream=Body(answer.steps, patience))

        async def handle_async_request(self, request: Any) -> Any:
            answer, patience = peer.next_answer(), request.extensions["timeout"].get("read")
            await _wait_async(answer.silence, patience, http.ReadTimeout)
            return http.Response(answer.status, headers=answer.headers, stream=Body(answer.steps, patience))

    return Transport()


# --- what the providers say ----------------------------------------------------------------------------------------


def _event(data: object, name: str = "") -> bytes:
    return (f"event: {name}\n" if name else "").encode() + b"data: " + json.dumps(data).encode() + b"\n\n"


def refusal(status: int, body: object, retry_after: str = "") -> Answer:
    headers = {"content-type": "application/json"} | ({"retry-after": retry_after} if retry_after else {})
    return Answer([json.dumps(body).encode()], status, headers)


def with_stall(chunks: list[bytes], before: int, pause: float) -> Answer:
    return Answer([*chunks[:before], pause, *chunks[before:]])


def _openai_chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})


OPENAI = [*(_openai_chunk({"content": f"w{n} "}) for n in range(4)), _openai_chunk({}, "stop"), b"data: [DONE]\n\n"]
OPENAI_429 = refusal(429, {"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}}, "30")
ANTHROPIC_MESSAGE = {
    "id": "m", "type": "message", "role": "assistant", "model": "c", "content": [], "stop_reason": None,
    "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
}  # fmt: skip
ANTHROPIC = [
    _event({"type": name, **data}, name)
    for name, data in (
        ("message_start", {"message": ANTHROPIC_MESSAGE}),
        ("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}),
        *(("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": f"w{n} "}}) for n in range(3)),
        ("content_block_stop", {"index": 0}),
        (
            "message_delta",
            {"delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 3}},
        ),
        ("message_stop", {}),
    )
]
ANTHROPIC_529 = refusal(529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "20")
GEMINI = [
    _event({"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}]})
    for text in ("a ", "b ", "c")
]
GEMINI_503 = refusal(503, {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}})
OLLAMA = [
    json.dumps({"model": "m", "message": {"role": "assistant", "content": text}, "done": done}).encode() + b"\n"
    for text, done in (("a ", False), ("b ", False), ("", True))
]
