"""The providers' own SDKs, unchanged: recorded from a server on loopback, replayed with the server gone.

No import here is optional: an SDK that is missing is a failure, because a test that does not run proves nothing.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anthropic
import anyio
import httpx
import httpx2
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


# --- the provider: what each API answers, by path --------------------------------------------------------------------


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
def test_a_call_is_recorded_and_replayed_with_the_server_gone(call: Call, provider: Provider, tmp_path: Path) -> None:
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
def test_another_prompt_is_a_miss_at_once(call: Call, provider: Provider, tmp_path: Path) -> None:
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
def test_what_the_sdk_retries_live_it_retries_in_the_replay(call: Call, provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "call.yaml"
    provider.refusals = 2
    with harness.record(path) as recording:
        live = call(provider.url, ASK)
    with harness.replay(path) as session:
        assert call(provider.url, ASK) == live
    assert [entry.outcome for entry in session.history] == ["http 429", "http 429", recording.history[-1].outcome]
    assert provider.requests == 3


@pytest.mark.parametrize("call", CALLS)
def test_another_base_url_is_no_miss(call: Call, provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "call.yaml"
    with harness.record(path):
        live = call(provider.url, ASK)
    with harness.replay(path) as session:
        assert call("http://elsewhere.test", ASK) == live
    assert session.history[0].how == "operation"


@pytest.mark.parametrize("call", [genai_stream, _on_asyncio(genai_stream_async)], ids=["sync", "asyncio"])
def test_google_genai_over_httpx_is_caught_too(
    call: Call, provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_GENAI_HTTP_CLIENT", "httpx")
    path = tmp_path / "call.yaml"
    with harness.record(path):
        live = call(provider.url, ASK)
    with harness.replay(path):
        assert call(provider.url, ASK) == live
    assert provider.requests == 1


def openai_with_timeout(url: str, heard: list[str]) -> None:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="sk-test", timeout=0.1, max_retries=0) as client:
        stream = client.chat.completions.create(model="m", messages=ASK, stream=True)  # type: ignore[call-overload]
        heard.extend(chunk.choices[0].delta.content for chunk in stream)


async def aopenai_with_timeout(url: str, heard: list[str]) -> None:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-test", timeout=0.1, max_retries=0) as client:
        stream = await client.chat.completions.create(model="m", messages=ASK, stream=True)  # type: ignore[call-overload]
        async for chunk in stream:
            heard += [chunk.choices[0].delta.content]


def anthropic_with_timeout(url: str, heard: list[str]) -> None:
    with (
        anthropic.Anthropic(base_url=url, api_key="sk-ant-test", timeout=0.1, max_retries=0) as client,
        client.messages.stream(model="m", max_tokens=50, messages=ASK) as stream,  # type: ignore[arg-type]
    ):
        heard.extend(stream.text_stream)


TIMEOUTS = (httpx.ReadTimeout, httpx2.ReadTimeout)
STALLING = [
    pytest.param(openai_with_timeout, id="openai"),
    pytest.param(lambda url, heard: asyncio.run(aopenai_with_timeout(url, heard)), id="openai-asyncio"),
    pytest.param(lambda url, heard: trio.run(aopenai_with_timeout, url, heard), id="openai-trio"),
    pytest.param(anthropic_with_timeout, id="anthropic"),
]


@pytest.mark.parametrize("call", STALLING)
def test_a_timeout_in_the_stream_is_the_sdks_own_again(call: Any, provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "call.yaml"
    provider.stalls = True
    live: list[str] = []
    with harness.record(path), pytest.raises((openai.APIError, anthropic.APIError, *TIMEOUTS)) as live_error:
        call(provider.url, live)
    replayed: list[str] = []
    with harness.replay(path), pytest.raises((openai.APIError, anthropic.APIError, *TIMEOUTS)) as replayed_error:
        call(provider.url, replayed)
    assert live == replayed
    assert live, "the stall came before the first piece"
    assert type(replayed_error.value) is type(live_error.value)
    assert str(replayed_error.value) == str(live_error.value)


@pytest.mark.parametrize("run", [asyncio.run, trio.run], ids=["asyncio", "trio"])
def test_a_cancelled_stream_is_recorded_and_replayed_as_cancelled(run: Any, provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "call.yaml"
    provider.stalls = True

    async def main() -> None:
        with anyio.CancelScope() as scope:
            async with openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="sk-test") as client:
                stream = await client.chat.completions.create(model="m", messages=ASK, stream=True)  # type: ignore[call-overload]
                async for _ in stream:
                    scope.cancel()

    with harness.record(path) as recording:
        run(main) if run is trio.run else run(main())
    with harness.replay(path) as session:
        run(main) if run is trio.run else run(main())
    assert recording.history[0].outcome == session.history[0].outcome == "cancelled"
