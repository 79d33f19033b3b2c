"""The providers' own SDKs, unchanged: recorded from a server on loopback, replayed with the server gone.

No import here is optional: an SDK that is missing is a failure, because a test that does not run proves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import anthropic
import ollama
import openai
import pytest
import trio
from google import genai

import harness
from harness.errors import Miss

PIECES = ["The capital", " of France", " is Paris."]
ASK = [{"role": "user", "content": "What is the capital of France?"}]
OTHER = [{"role": "user", "content": "What is the capital of Spain?"}]

# The clients' own generators, which an SDK that stops at its last event never closes, live as replayed.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")


# --- the code under test: it knows nothing of us ---------------------------------------------------------------------


def openai_chat(url: str, ask: Any) -> list[str]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="sk-test") as client:
        return [client.chat.completions.create(model="m", messages=ask).choices[0].message.content or ""]


def openai_chat_stream(url: str, ask: Any) -> list[str]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="sk-test") as client:
        stream = client.chat.completions.create(model="m", messages=ask, stream=True)
        return [chunk.choices[0].delta.content or "" for chunk in stream]


def openai_responses(url: str, ask: Any) -> list[str]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="sk-test") as client:
        return [client.responses.create(model="m", input=ask).output_text]


def openai_responses_stream(url: str, ask: Any) -> list[str]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="sk-test") as client:
        stream = client.responses.create(model="m", input=ask, stream=True)
        return [event.delta for event in stream if event.type == "response.output_text.delta"]


async def openai_chat_async(url: str, ask: Any) -> list[str]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-test") as client:
        return [(await client.chat.completions.create(model="m", messages=ask)).choices[0].message.content or ""]


async def openai_chat_stream_async(url: str, ask: Any) -> list[str]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-test") as client:
        stream = await client.chat.completions.create(model="m", messages=ask, stream=True)
        return [chunk.choices[0].delta.content or "" async for chunk in stream]


async def openai_responses_stream_async(url: str, ask: Any) -> list[str]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-test") as client:
        stream = await client.responses.create(model="m", input=ask, stream=True)
        return [event.delta async for event in stream if event.type == "response.output_text.delta"]


def anthropic_messages(url: str, ask: Any) -> list[str]:
    with anthropic.Anthropic(base_url=url, api_key="sk-ant-test") as client:
        return [client.messages.create(model="m", max_tokens=50, messages=ask).content[0].text]


def anthropic_stream(url: str, ask: Any) -> list[str]:
    with (
        anthropic.Anthropic(base_url=url, api_key="sk-ant-test") as client,
        client.messages.stream(model="m", max_tokens=50, messages=ask) as stream,
    ):
        return list(stream.text_stream)


async def anthropic_messages_async(url: str, ask: Any) -> list[str]:
    async with anthropic.AsyncAnthropic(base_url=url, api_key="sk-ant-test") as client:
        return [(await client.messages.create(model="m", max_tokens=50, messages=ask)).content[0].text]


async def anthropic_stream_async(url: str, ask: Any) -> list[str]:
    async with (
        anthropic.AsyncAnthropic(base_url=url, api_key="sk-ant-test") as client,
        client.messages.stream(model="m", max_tokens=50, messages=ask) as stream,
    ):
        return [text async for text in stream.text_stream]


def _genai(url: str) -> genai.Client:
    return genai.Client(api_key="test", http_options=genai.types.HttpOptions(base_url=url))


def genai_content(url: str, ask: Any) -> list[str]:
    with _genai(url) as client:
        return [client.models.generate_content(model="m", contents=ask[0]["content"]).text or ""]


def genai_stream(url: str, ask: Any) -> list[str]:
    with _genai(url) as client:
        stream = client.models.generate_content_stream(model="m", contents=ask[0]["content"])
        return [chunk.text or "" for chunk in stream]


async def genai_content_async(url: str, ask: Any) -> list[str]:
    async with _genai(url).aio as client:
        return [(await client.models.generate_content(model="m", contents=ask[0]["content"])).text or ""]


async def genai_stream_async(url: str, ask: Any) -> list[str]:
    async with _genai(url).aio as client:
        stream: AsyncIterator[Any] = await client.models.generate_content_stream(model="m", contents=ask[0]["content"])
        return [chunk.text or "" async for chunk in stream]


def ollama_chat(url: str, ask: Any) -> list[str]:
    return [ollama.Client(host=url).chat(model="m", messages=ask).message.content or ""]


def ollama_chat_stream(url: str, ask: Any) -> list[str]:
    stream = ollama.Client(host=url).chat(model="m", messages=ask, stream=True)
    return [part.message.content or "" for part in stream]


def ollama_generate_stream(url: str, ask: Any) -> list[str]:
    stream = ollama.Client(host=url).generate(model="m", prompt=ask[0]["content"], stream=True)
    return [part.response for part in stream]


async def ollama_chat_async(url: str, ask: Any) -> list[str]:
    return [(await ollama.AsyncClient(host=url).chat(model="m", messages=ask)).message.content or ""]


async def ollama_chat_stream_async(url: str, ask: Any) -> list[str]:
    stream = await ollama.AsyncClient(host=url).chat(model="m", messages=ask, stream=True)
    return [part.message.content or "" async for part in stream]


SYNC = [
    openai_chat, openai_chat_stream, openai_responses, openai_responses_stream, anthropic_messages, anthropic_stream,
    genai_content, genai_stream, ollama_chat, ollama_chat_stream, ollama_generate_stream,
]  # fmt: skip
ASYNC = [
    openai_chat_async, openai_chat_stream_async, openai_responses_stream_async, anthropic_messages_async,
    anthropic_stream_async, genai_content_async, genai_stream_async, ollama_chat_async, ollama_chat_stream_async,
]  # fmt: skip
ON_TRIO = [
    call for call in ASYNC if not call.__name__.startswith("genai")
]  # google-genai itself is written for asyncio

Call = Callable[[str, Any], list[str]]


def _on_asyncio(call: Callable[[str, Any], Coroutine[Any, Any, list[str]]]) -> Call:
    return lambda url, ask: asyncio.run(call(url, ask))


def _on_trio(call: Callable[[str, Any], Coroutine[Any, Any, list[str]]]) -> Call:
    return lambda url, ask: trio.run(call, url, ask)


CALLS = [
    *(pytest.param(call, id=call.__name__) for call in SYNC),
    *(pytest.param(_on_asyncio(call), id=f"{call.__name__}-asyncio") for call in ASYNC),
    *(pytest.param(_on_trio(call), id=f"{call.__name__}-trio") for call in ON_TRIO),
]


# --- the claims ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", CALLS)
def test_a_call_is_recorded_and_replayed_with_the_server_gone(call: Call, provider: Any, tmp_path: Path) -> None:
    path = tmp_path / "call.yaml"
    with harness.record(path) as recording:
        live = call(provider.url, ASK)
    assert "".join(live) == "".join(PIECES)
    provider.shutdown()
    provider.server_close()
    with harness.replay(path) as session:
        assert call(provider.url, ASK) == live
    heard, played = recording.takes[0].interaction().timeline, session.history[0].timeline
    assert played.chunks == heard.chunks
    assert played.body == heard.body
    # The sync client of openai closes the stream at [DONE], before the end of the wire: so it was, and so it is.
    assert len(session.history) == 1
    assert session.history[0].outcome == recording.history[0].outcome in {"ok", "closed"}


@pytest.mark.parametrize("call", CALLS)
def test_another_prompt_is_a_miss_at_once(call: Call, provider: Any, tmp_path: Path) -> None:
    path = tmp_path / "call.yaml"
    with harness.record(path):
        call(provider.url, ASK)
    session = harness.replay(path)
    with pytest.raises(Miss, match="Spain"), session:
        call(provider.url, OTHER)
    assert len(session.history) == 1, "the SDK asked again"
    assert provider.requests == 1


RETRYING = [
    pytest.param(openai_chat_stream, id="openai"),
    pytest.param(_on_asyncio(openai_chat_stream_async), id="openai-asyncio"),
    pytest.param(_on_trio(openai_chat_stream_async), id="openai-trio"),
    pytest.param(anthropic_messages, id="anthropic"),
    pytest.param(_on_asyncio(anthropic_messages_async), id="anthropic-asyncio"),
]


@pytest.mark.parametrize("call", RETRYING)
def test_what_the_sdk_retries_live_it_retries_in_the_replay(call: Call, provider: Any, tmp_path: Path) -> None:
    path = tmp_path / "call.yaml"
    provider.refusals = 2
    with harness.record(path) as recording:
        live = call(provider.url, ASK)
    with harness.replay(path) as session:
        assert call(provider.url, ASK) == live
    assert [entry.outcome for entry in session.history] == ["http 429", "http 429", recording.history[-1].outcome]
    assert provider.requests == 3


@pytest.mark.parametrize("call", CALLS)
def test_another_base_url_is_no_miss(call: Call, provider: Any, tmp_path: Path) -> None:
    path = tmp_path / "call.yaml"
    with harness.record(path):
        live = call(provider.url, ASK)
    with harness.replay(path) as session:
        assert call("http://elsewhere.test", ASK) == live
    assert session.history[0].how == "operation"


@pytest.mark.parametrize("call", [genai_stream, _on_asyncio(genai_stream_async)], ids=["sync", "asyncio"])
def test_google_genai_over_httpx_is_caught_too(
    call: Call, provider: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_GENAI_HTTP_CLIENT", "httpx")
    path = tmp_path / "call.yaml"
    with harness.record(path):
        live = call(provider.url, ASK)
    with harness.replay(path):
        assert call(provider.url, ASK) == live
    assert provider.requests == 1
