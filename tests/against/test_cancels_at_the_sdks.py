"""Cancels at the providers' own clients: a task, a stream that is closed under its reader, Ctrl-C, at every kind of
place, and what is left of the answer, the stream and the session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
from trio.testing import MockClock

import harness
from harness.session import Session

anthropic = pytest.importorskip("anthropic")
openai = pytest.importorskip("openai")
genai = pytest.importorskip("google.genai")
genai_types = pytest.importorskip("google.genai.types")
genai_http = pytest.importorskip("google.genai._api_client").httpx
BROKEN = (httpx2.ReadError, openai.APIConnectionError, genai_http.ReadError)

SECOND = 10**9
ASK: list[Any] = [{"role": "user", "content": "hi"}]
SCENARIO = """
harness: 1
name: words
defaults: {timing: {ttft: 1s, per_token: 1s}}
calls:
  - {id: words, sequence: [{text: "one two three four"}], then: last}
"""
LIMITED = """
harness: 1
name: limited
calls:
  - id: words
    sequence:
      - {fault: {kind: http-429-rate-limit, retry_after: 12s}}
      - {text: "one two three four"}
"""
WHOLE = ["one", " two", " three", " four"]


def scenario(tmp_path: Path, text: str = SCENARIO, **options: Any) -> Session:
    file = tmp_path / "words.yaml"
    file.write_text(text)
    return harness.scenario(file, **options)


# --- the drivers: every piece of text as it comes, into `heard` ------------------------------------------------------


def _said(chunk: Any) -> list[str]:
    return [choice.delta.content for choice in chunk.choices if choice.delta.content]


def openai_sync(heard: list[str]) -> None:
    with openai.OpenAI(api_key="k", max_retries=2) as client:
        for chunk in client.chat.completions.create(model="m", messages=ASK, stream=True):
            heard.extend(_said(chunk))


async def openai_async(heard: list[str]) -> None:
    async with openai.AsyncOpenAI(api_key="k", max_retries=2) as client:
        chunks = await client.chat.completions.create(model="m", messages=ASK, stream=True)
        async with chunks:
            async for chunk in chunks:
                heard.extend(_said(chunk))


def anthropic_sync(heard: list[str]) -> None:
    client = anthropic.Anthropic(api_key="k", max_retries=2)
    with client, client.messages.stream(model="c", max_tokens=9, messages=ASK) as stream:
        heard.extend(stream.text_stream)


async def anthropic_async(heard: list[str]) -> None:
    client = anthropic.AsyncAnthropic(api_key="k", max_retries=2)
    async with client, client.messages.stream(model="c", max_tokens=9, messages=ASK) as stream:
        async for text in stream.text_stream:
            heard.append(text)  # noqa: PERF401 - what came before the cancel is what counts


def _gemini() -> Any:
    # With clients of ours, because it would take aiohttp where it is installed, whose replays come in one piece.
    options = genai_types.HttpOptions(
        retry_options=genai_types.HttpRetryOptions(attempts=3),
        httpx_client=genai_http.Client(),
        httpx_async_client=genai_http.AsyncClient(),
    )
    return genai.Client(api_key="k", http_options=options)


def gemini_sync(heard: list[str]) -> None:
    client = _gemini()
    for chunk in client.models.generate_content_stream(model="g", contents="hi"):
        heard.extend(filter(None, [chunk.text]))


async def gemini_async(heard: list[str]) -> None:
    client = _gemini()
    async for chunk in await client.aio.models.generate_content_stream(model="g", contents="hi"):
        heard.extend(filter(None, [chunk.text]))


SYNC = [openai_sync, anthropic_sync, gemini_sync]
ASYNC = [openai_async, anthropic_async, gemini_async]


# --- the colours: ask once and be cancelled, ask again and hear it all -----------------------------------------------


async def _task(ask: Callable[..., Any], heard: list[str]) -> list[str]:
    task = asyncio.get_running_loop().create_task(ask(heard))
    await asyncio.wait([task])
    assert task.cancelled(), "CancelledError and nothing else"
    again = list[str]()
    await ask(again)
    return again


async def _scope(ask: Callable[..., Any], heard: list[str]) -> list[str]:
    with trio.CancelScope() as scope:
        await ask(heard)
    assert scope.cancelled_caught, "Cancelled and nothing else"
    again = list[str]()
    await ask(again)
    return again


def on_asyncio(ask: Callable[..., Any], heard: list[str]) -> list[str]:
    return asyncio.run(_task(ask, heard))


def on_trio(ask: Callable[..., Any], heard: list[str]) -> list[str]:
    return trio.run(partial(_scope, ask, heard), clock=MockClock(autojump_threshold=0))


RUNS = [
    *(pytest.param(on_asyncio, ask, id=f"{ask.__name__}-asyncio") for ask in ASYNC),
    *(
        pytest.param(
            on_trio,
            ask,
            id=f"{ask.__name__}-trio",
            # The SDK leaves its own generators to the garbage collector, and trio says so.
            marks=pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning"),
        )
        for ask in ASYNC[:2]  # google-genai sleeps and streams on asyncio only
    ),
]
PLACES = [
    ("call=1", 0, 0),
    ("call=1/headers", 1, 0),
    ("call=1/token=1", 1, 1),
    ("call=1/token=3", 3, 3),
    ("t=2500ms", 2.5, 2),
    ("call=1/await=1", 0, 0),
]


@pytest.mark.parametrize("run,ask", RUNS)
@pytest.mark.parametrize("place,at_s,words", PLACES, ids=[place for place, _, _ in PLACES])
def test_a_cancelled_task_keeps_what_it_had_and_its_connection_is_given_back(
    tmp_path: Path, place: str, at_s: float, words: int, run: Any, ask: Any
) -> None:
    heard = list[str]()
    with scenario(tmp_path) as session:
        session.cancel_at(place, via="task")
        again = run(ask, heard)
        cancel = session.cancels[0]
        assert heard == WHOLE[:words]
        assert again == WHOLE
        assert (cancel.at, cancel.chunks_after, cancel.lasted, cancel.how) == (at_s * SECOND, 0, 0, "cancelled")
        assert cancel.requests_after == 1, "the one that was made on purpose"


@pytest.mark.parametrize("run,ask", RUNS)
def test_a_task_is_cancelled_in_the_countdown_of_its_sdk(tmp_path: Path, run: Any, ask: Any) -> None:
    heard = list[str]()
    with scenario(tmp_path, LIMITED, unplayed="ignore") as session:
        session.cancel_at("t=500ms", via="task")
        assert run(ask, heard) == WHOLE
        assert heard == []
        assert session.cancels[0].at == SECOND / 2
        assert [entry.outcome for entry in session.history] == ["http 429", "ok"]
        assert session.history[1].at == session.cancels[0].at, "asked again at once, by the next one"


CLOSED = [("call=1/headers", 1, 0), ("call=1/token=2", 2, 2), ("t=2500ms", 2.5, 2)]


@pytest.mark.parametrize("ask", SYNC)
@pytest.mark.parametrize("place,at_s,words", CLOSED, ids=[place for place, _, _ in CLOSED])
def test_a_stream_that_is_closed_from_outside_breaks_under_its_reader_at_once(
    tmp_path: Path, place: str, at_s: float, words: int, ask: Any
) -> None:
    heard, again = list[str](), list[str]()
    with scenario(tmp_path) as session:
        session.cancel_at(place, via="close")
        with pytest.raises(BROKEN):
            ask(heard)
        assert session.clock.now() == at_s * SECOND, "its reader hears of it then, and not when the next chunk was due"
        cancel = session.cancels[0]
        assert heard == WHOLE[:words]
        assert (cancel.at, cancel.chunks_after, cancel.lasted, cancel.how) == (at_s * SECOND, 0, 0, "closed")
        ask(again)
        assert again == WHOLE


@pytest.mark.parametrize("ask", ASYNC)
@pytest.mark.parametrize("place,at_s,words", CLOSED, ids=[place for place, _, _ in CLOSED])
def test_a_tasks_stream_that_is_closed_from_outside_breaks_under_its_reader_at_once(
    tmp_path: Path, place: str, at_s: float, words: int, ask: Any
) -> None:
    heard, again = list[str](), list[str]()
    with scenario(tmp_path) as session:
        session.cancel_at(place, via="close")
        with pytest.raises(BROKEN):
            asyncio.run(ask(heard))
        assert session.clock.now() == at_s * SECOND, "its reader hears of it then, and not when the next chunk was due"
        cancel = session.cancels[0]
        assert heard == WHOLE[:words]
        assert (cancel.at, cancel.chunks_after, cancel.lasted, cancel.how) == (at_s * SECOND, 0, 0, "closed")
        asyncio.run(ask(again))
        assert again == WHOLE


@pytest.mark.parametrize("ask", SYNC)
@pytest.mark.parametrize("place,words", [("call=1/token=2", 2), ("t=2500ms", 2), ("call=1", 0)])
def test_ctrl_c_breaks_a_stream_at_its_place(tmp_path: Path, place: str, words: int, ask: Any) -> None:
    heard, again = list[str](), list[str]()
    with scenario(tmp_path) as session:
        session.cancel_at(place, via="signal")
        with pytest.raises(KeyboardInterrupt):
            ask(heard)
        assert heard == WHOLE[:words]
        assert session.cancels[0].is_released
        ask(again)
        assert again == WHOLE


def test_ctrl_c_ends_a_loop_as_asyncio_says(tmp_path: Path) -> None:
    heard = list[str]()
    with scenario(tmp_path) as session:
        session.cancel_at("call=1/token=2", via="signal")
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(openai_async(heard))
        assert heard == WHOLE[:2]
        assert session.cancels[0].how == "cancelled"


def test_the_event_of_a_type_is_a_place(tmp_path: Path) -> None:
    with scenario(tmp_path) as session:
        session.cancel_at("call=1/event=content_block_delta[2]", via="close")
        with pytest.raises(httpx2.ReadError):
            anthropic_sync(heard := list[str]())
        assert heard == WHOLE[:2]
