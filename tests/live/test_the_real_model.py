"""The live backends on a real model: `pytest -m live`, with HARNESS_LIVE_OPENAI, HARNESS_LIVE_ANTHROPIC and
HARNESS_LIVE_OLLAMA saying at which base URL. llama.cpp answers the first two, and tells with GET /slots who is busy."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

import harness
from harness.contract import GenerationCancelled, LLMConnectionError, LLMTimeout

pytestmark = pytest.mark.live
NAMES = ["openai", "anthropic", "ollama"]
MODELS = {
    "openai": "smollm2-135m-instruct",
    "anthropic": "smollm2-135m-instruct",
    "ollama": "smollm2:135m",
}
HELLO = [{"role": "user", "content": "Say hello."}]
LONG = [{"role": "user", "content": "Write a very long story about a river, in many chapters."}]
SLOT_FREE_S = 1.0
TOOL = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest.fixture
def live() -> Callable[..., Any]:
    """Makes a backend; skips where nobody says where its model is."""

    def made(name: str, **options: Any) -> Any:
        variable = f"HARNESS_LIVE_{name.upper()}"
        url = os.environ.get(variable) or pytest.skip(f"{variable} is not set")
        if name == "openai" and not urlsplit(url).path.strip("/"):
            url = f"{url.rstrip('/')}/v1"
        return harness.get_backend(name, **{"model": MODELS[name], "base_url": url, "timeout": 60, **options})

    return made


def busy_slots() -> int:
    """How many generations the server is at. The facade for Ollama has the same server behind it."""
    url = os.environ.get("HARNESS_LIVE_OPENAI") or os.environ.get("HARNESS_LIVE_ANTHROPIC")
    if not url:
        pytest.skip("only llama.cpp tells which slots are busy: set HARNESS_LIVE_OPENAI")
    with urllib.request.urlopen(f"http://{urlsplit(url).netloc}/slots", timeout=5) as answer:
        return sum(slot["is_processing"] for slot in json.load(answer))


def wait_for_free_slots() -> float:
    """Seconds until no slot is busy."""
    started = time.monotonic()
    while busy_slots():
        assert time.monotonic() - started < 60, "the server never stopped"
        time.sleep(0.02)
    return time.monotonic() - started


@pytest.mark.parametrize("name", NAMES)
def test_generate(name: str, live: Any) -> None:
    result = asyncio.run(live(name).generate("Say hello in one short sentence."))
    assert (result.success, result.model, result.extra) == (True, MODELS[name], {})
    assert result.text.strip()
    assert result.latency_ms > 0


@pytest.mark.parametrize("name", NAMES)
def test_the_stream_is_the_answer(name: str, live: Any) -> None:
    backend = live(name)
    asked = {"temperature": 0.0, "max_tokens": 24}
    tokens = list(backend.stream_tokens(HELLO, **asked))
    whole = backend.complete(HELLO, **asked)
    assert len(tokens) > 3
    assert "".join(tokens) == whole.narrative_text
    assert backend.last_finish_reason == whole.finish_reason


@pytest.mark.parametrize("name", NAMES)
def test_the_async_twins(name: str, live: Any) -> None:
    backend = live(name)

    async def both() -> tuple[str, str]:
        asked = {"temperature": 0.0, "max_tokens": 16}
        tokens = [token async for token in backend.astream_tokens(HELLO, **asked)]
        return "".join(tokens), (await backend.acomplete(HELLO, **asked)).narrative_text

    streamed, whole = asyncio.run(both())
    assert streamed == whole


@pytest.mark.parametrize("name", NAMES)
def test_a_cut_is_length(name: str, live: Any) -> None:
    backend = live(name)
    assert backend.complete(LONG, max_tokens=5).finish_reason == "length"
    list(backend.stream_tokens(LONG, max_tokens=5))
    assert backend.last_finish_reason == "length"


@pytest.mark.parametrize("name", NAMES)
def test_a_stop_sequence_stops(name: str, live: Any) -> None:
    asked = {"temperature": 0.0, "max_tokens": 40}
    whole = live(name).complete(HELLO, **asked).narrative_text
    word = whole.split()[2]
    cut = live(name).complete(HELLO, **asked, stop_sequences=[word])
    assert word not in cut.narrative_text
    assert whole.startswith(cut.narrative_text.rstrip())


@pytest.mark.parametrize("name", NAMES)
def test_a_cancel_in_mid_stream_frees_the_server_s_slot(name: str, live: Any) -> None:
    wait_for_free_slots()
    backend = live(name)
    backend.cancel_event = threading.Event()
    heard: list[str] = []
    with pytest.raises(GenerationCancelled):
        for token in backend.stream_tokens(LONG, max_tokens=2000):
            heard.append(token)
            if len(heard) == 5:
                assert busy_slots() == 1
                backend.cancel_event.set()
    assert len(heard) == 5
    assert wait_for_free_slots() < SLOT_FREE_S


@pytest.mark.parametrize("name", NAMES)
def test_a_cancelled_task_frees_the_server_s_slot(name: str, live: Any) -> None:
    wait_for_free_slots()
    backend = live(name)

    async def cancel() -> None:
        begun = asyncio.Event()

        async def listen() -> None:
            async for _ in backend.astream_tokens(LONG, max_tokens=2000):
                begun.set()

        task = asyncio.create_task(listen())
        await asyncio.wait_for(begun.wait(), 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert wait_for_free_slots() < SLOT_FREE_S
    assert backend.complete(HELLO, max_tokens=3).narrative_text


@pytest.mark.parametrize("name", NAMES)
def test_the_client_s_timeout_strikes_a_stream_and_frees_the_slot(name: str, live: Any) -> None:
    wait_for_free_slots()
    started = time.monotonic()
    with pytest.raises(LLMTimeout):
        list(live(name, timeout=1.5).stream_tokens(LONG, max_tokens=2000))
    assert time.monotonic() - started < 3
    assert wait_for_free_slots() < SLOT_FREE_S


@pytest.mark.parametrize("name", NAMES)
def test_the_client_s_timeout_strikes_a_generation(name: str, live: Any) -> None:
    # A short answer, because llama.cpp works on at what is not streamed, whoever has gone away.
    started = time.monotonic()
    with pytest.raises(LLMTimeout, match=r"did not finish within 0\.1"):
        asyncio.run(live(name, timeout=0.1).generate("Say hello."))
    assert time.monotonic() - started < 3
    wait_for_free_slots()


@pytest.mark.parametrize("name", NAMES)
def test_tools(name: str, live: Any) -> None:
    wait_for_free_slots()
    asked = [{"role": "user", "content": "What is the weather in Paris? Use the tool."}]
    backend = live(name, tools=[TOOL])
    # A model as small as this calls a tool more often than not, and that is all that can be asked of it.
    answers = (backend.complete(asked, temperature=t, max_tokens=60) for t in (0.0, 0.3, 0.5, 0.7, 1.0))
    calls = (call for answer in answers if isinstance(call := answer.tool_call, dict))
    assert any(call.get("name") == "get_weather" and "city" in call["arguments"] for call in calls)


@pytest.mark.parametrize("name", NAMES)
def test_health_with_the_server_there_and_gone(name: str, live: Any) -> None:
    assert live(name).is_available() is True
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    gone = live(name, base_url=f"http://127.0.0.1:{port}")
    assert gone.is_available() is False
    with pytest.raises(LLMConnectionError, match="was not reached"):
        gone.complete(HELLO)


def test_an_unknown_model_is_named(live: Any) -> None:
    with pytest.raises(LLMConnectionError, match=r"HTTP 404 \(not-found\): model 'nobody' not found"):
        live("ollama", model="nobody").complete(HELLO)


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_a_prompt_that_is_too_long_is_refused_by_name(name: str, live: Any) -> None:
    with pytest.raises(LLMConnectionError, match=r"HTTP 400 \(context-length\)"):
        live(name).complete([{"role": "user", "content": "word " * 40_000}])
