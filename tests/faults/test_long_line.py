"""A long line says nothing in any dialect: who has a limit for lines notices, and nobody hears another answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import ollama
import pytest

import harness
from harness.faults import FaultOverlay
from harness.model import Case, Cassette, Head, Headers, Interaction, Nanos, Request, Timeline
from harness.sweeps import Verdict, chosen

URL = "http://127.0.0.1:11434/api/"
MILLION = 1_048_576
MODEL = "llama3.2"
BODIES: dict[str, dict[str, Any]] = {
    "chat": {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "hi"}]},
    "generate": {"model": MODEL, "prompt": "hi", "stream": True},
}


def line(path: str, text: str, *, done: bool = False) -> bytes:
    said = {"message": {"role": "assistant", "content": text}} if path == "chat" else {"response": text}
    last = {"done_reason": "stop"} if done else {}
    return (
        json.dumps({"model": MODEL, "created_at": "2026-01-01T00:00:00Z", **said, "done": done, **last}).encode()
        + b"\n"
    )


def recorded(path: str) -> Interaction:
    head = Head(200, Headers.of([("content-type", "application/x-ndjson")]), "OK")
    chunks = [line(path, "Grüße "), line(path, "aus "), line(path, "Köln."), line(path, "", done=True)]
    request = Request("POST", URL + path, Headers(), json.dumps(BODIES[path]).encode())
    return Interaction(request, Timeline.of(head, chunks, every=Nanos(10_000_000)))


def struck(path: str, chunk: int) -> Timeline:
    case = Case.parse(f"call=1/chunk={chunk}/kind=long-line")
    return FaultOverlay.of(case.strikes).strike(1, 1, recorded(path)).timeline


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("chunk", [1, 2, 3, 4])
def test_it_is_one_line_of_a_million_bytes_that_means_what_it_meant(path: str, chunk: int) -> None:
    lines, calm = struck(path, chunk).body.splitlines(), recorded(path).timeline.body.splitlines()
    assert [len(line) > MILLION for line in lines].count(True) == 1
    assert [json.loads(line) for line in lines] == [json.loads(line) for line in calm]


def test_a_reader_with_a_limit_for_its_lines_notices() -> None:
    async def read(timeline: Timeline) -> int:
        reader = asyncio.StreamReader()
        reader.feed_data(timeline.body)
        reader.feed_eof()
        return len([line async for line in reader])

    assert asyncio.run(read(recorded("chat").timeline)) == 4
    with pytest.raises(ValueError, match=r"limit"):
        asyncio.run(read(struck("chat", 2)))


@pytest.mark.parametrize("path", BODIES)
def test_a_default_sweep_of_ollama_has_it_and_a_good_driver_is_clean(path: str) -> None:
    async def run(_: harness.Session) -> str:
        client = ollama.AsyncClient(host="http://127.0.0.1:11434")
        said, done = "", False
        asked: Any = client.chat if path == "chat" else client.generate
        async for piece in await asked(**BODIES[path]):
            said += piece.message.content if path == "chat" else piece.response
            done = done or piece.done
        if not done:
            raise ollama.ResponseError(said)
        return said

    assert "long-line" in chosen("default")
    report = harness.sweep(run, Cassette((recorded(path),)), kinds="long-line", modes="once")
    assert set(report.verdicts) == {Verdict.RECOVERED}, report.text()
    assert {case.outcome.result for case in report.cases} == {"Grüße aus Köln."}
