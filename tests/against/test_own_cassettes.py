"""The project's own cassettes: real SDKs and a real model, recorded once by these very tests and replayed ever since.

`HARNESS_RECORD=rewrite pytest tests/against/test_own_cassettes.py` records them anew, from the servers that
HARNESS_LIVE_OPENAI, HARNESS_LIVE_ANTHROPIC and HARNESS_LIVE_OLLAMA name (any llama.cpp server and any Ollama do).
What the SDK makes of an answer is compared with what our decoder makes of it: two readers who never met.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anthropic
import httpx
import ollama
import openai
import pytest

import harness

CASSETTES = Path(__file__).parent.parent.parent / "cassettes"
RECORDS = os.environ.get("HARNESS_RECORD") == "rewrite"
OPENAI = os.environ.get("HARNESS_LIVE_OPENAI", "http://127.0.0.1:8801/v1")
ANTHROPIC = os.environ.get("HARNESS_LIVE_ANTHROPIC", "http://127.0.0.1:8801")
OLLAMA = os.environ.get("HARNESS_LIVE_OLLAMA", "http://127.0.0.1:8811")
MODEL, OLLAMA_MODEL = "smollm2-135m-instruct", "smollm2:135m"
BYTES_MAX = 300_000

QUESTION = [{"role": "user", "content": "Why is the sky blue? Answer in one sentence."}]
WEATHER = [{"role": "user", "content": "What is the weather in Paris?"}]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "get_weather", "description": "The weather in a city", "parameters": CITY}
CALM = {"model": MODEL, "temperature": 0}
IMPATIENCE_S = 0.05  # less than the first token takes
LEAVES_AFTER = 3


@dataclass
class Seen:
    """What the SDK gave to the application."""

    text: str = ""
    tools: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    finish: str = ""
    error: type[BaseException] | None = None


async def _cancelled(reading: Callable[[Callable[[], None]], Any]) -> Seen:
    """Run `reading` as a task and cancel it at the third piece; `reading` calls what it is given once per piece."""
    count = 0

    def piece() -> None:
        nonlocal count
        count += 1
        if count == LEAVES_AFTER:
            task.cancel()

    task = asyncio.ensure_future(reading(piece))
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    return Seen(error=asyncio.CancelledError)


# --- openai, chat completions --------------------------------------------------------------------------------------


def _openai(**options: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=OPENAI, api_key="dummy", max_retries=0, **options)


def _async_openai() -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=OPENAI, api_key="dummy", max_retries=0)


def _chat_streamed(**parameters: Any) -> Seen:
    seen, names, arguments = Seen(), {}, {}
    with _openai() as client:
        for chunk in client.chat.completions.create(**CALM, stream=True, **parameters):
            for choice in chunk.choices:
                seen.text += choice.delta.content or ""
                seen.finish = choice.finish_reason or seen.finish
                for call in choice.delta.tool_calls or ():
                    names.setdefault(call.index, call.function.name)
                    arguments[call.index] = arguments.get(call.index, "") + (call.function.arguments or "")
    seen.tools = [(names[index], json.loads(arguments[index])) for index in names]
    return seen


def openai_chat_streaming() -> Seen:
    return _chat_streamed(messages=QUESTION, stream_options={"include_usage": True}, max_completion_tokens=80)


def openai_chat_unary() -> Seen:
    with _openai() as client:
        choice = client.chat.completions.create(**CALM, messages=QUESTION, max_tokens=80).choices[0]
    return Seen(choice.message.content or "", finish=choice.finish_reason)


def openai_chat_tools() -> Seen:
    return _chat_streamed(messages=WEATHER, tools=[{"type": "function", "function": FUNCTION}], max_tokens=48)


def openai_chat_length() -> Seen:
    return _chat_streamed(messages=QUESTION, max_tokens=6)


def openai_chat_cancelled() -> Seen:
    async def reading(piece: Callable[[], None]) -> None:
        async with _async_openai() as client:
            stream = await client.chat.completions.create(**CALM, messages=QUESTION, stream=True, max_tokens=80)
            async for _ in stream:
                piece()

    return asyncio.run(_cancelled(reading))


def openai_chat_timeout() -> Seen:
    with _openai(timeout=IMPATIENCE_S) as client, pytest.raises(openai.APITimeoutError) as raised:
        client.chat.completions.create(**CALM, messages=QUESTION, max_tokens=80)
    return Seen(error=raised.type)


# --- openai, responses ---------------------------------------------------------------------------------------------


def _response_seen(response: Any) -> Seen:
    calls = [item for item in response.output if item.type == "function_call"]
    finish = response.incomplete_details.reason if response.incomplete_details else response.status
    return Seen(response.output_text, [(call.name, json.loads(call.arguments)) for call in calls], finish)


def _response_streamed(**parameters: Any) -> Seen:
    with _openai() as client:
        return _response_seen(list(client.responses.create(**CALM, stream=True, **parameters))[-1].response)


def openai_responses_streaming() -> Seen:
    return _response_streamed(input=QUESTION, max_output_tokens=80)


def openai_responses_unary() -> Seen:
    with _openai() as client:
        return _response_seen(client.responses.create(**CALM, input=QUESTION, max_output_tokens=80))


def openai_responses_tools() -> Seen:
    return _response_streamed(input=WEATHER, tools=[{"type": "function", **FUNCTION}], max_output_tokens=48)


def openai_responses_length() -> Seen:
    return _response_streamed(input=QUESTION, max_output_tokens=6)


def openai_responses_cancelled() -> Seen:
    async def reading(piece: Callable[[], None]) -> None:
        async with _async_openai() as client:
            stream = await client.responses.create(**CALM, input=QUESTION, stream=True, max_output_tokens=80)
            async for _ in stream:
                piece()

    return asyncio.run(_cancelled(reading))


def openai_responses_timeout() -> Seen:
    with _openai(timeout=IMPATIENCE_S) as client, pytest.raises(openai.APITimeoutError) as raised:
        client.responses.create(**CALM, input=QUESTION, max_output_tokens=80)
    return Seen(error=raised.type)


# --- anthropic -----------------------------------------------------------------------------------------------------

CALM_MESSAGE = {"model": MODEL, "messages": QUESTION, "max_tokens": 80, "extra_body": {"temperature": 0}}


def _anthropic(**options: Any) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=ANTHROPIC, api_key="dummy", max_retries=0, **options)


def _message_seen(message: Any) -> Seen:
    text = "".join(block.text for block in message.content if block.type == "text")
    tools = [(block.name, block.input) for block in message.content if block.type == "tool_use"]
    return Seen(text, tools, message.stop_reason)


def _message_streamed(**parameters: Any) -> Seen:
    with _anthropic() as client, client.messages.stream(**{**CALM_MESSAGE, **parameters}) as stream:
        return _message_seen(stream.get_final_message())


def anthropic_streaming() -> Seen:
    return _message_streamed(system="Be brief.")


def anthropic_unary() -> Seen:
    with _anthropic() as client:
        return _message_seen(client.messages.create(**CALM_MESSAGE))


def anthropic_tools() -> Seen:
    tool = {"name": FUNCTION["name"], "description": FUNCTION["description"], "input_schema": CITY}
    return _message_streamed(messages=WEATHER, max_tokens=48, tools=[tool])


def anthropic_length() -> Seen:
    return _message_streamed(max_tokens=6)


def anthropic_cancelled() -> Seen:
    async def reading(piece: Callable[[], None]) -> None:
        async with (
            anthropic.AsyncAnthropic(base_url=ANTHROPIC, api_key="dummy", max_retries=0) as client,
            client.messages.stream(**CALM_MESSAGE) as stream,
        ):
            async for _ in stream.text_stream:
                piece()

    return asyncio.run(_cancelled(reading))


def anthropic_timeout() -> Seen:
    with _anthropic(timeout=IMPATIENCE_S) as client, pytest.raises(anthropic.APITimeoutError) as raised:
        client.messages.create(**CALM_MESSAGE)
    return Seen(error=raised.type)


# --- ollama --------------------------------------------------------------------------------------------------------


def _options(tokens: int) -> dict[str, Any]:
    return {"model": OLLAMA_MODEL, "options": {"temperature": 0, "num_predict": tokens}}


def _chatted(parts: Any) -> Seen:
    seen = Seen()
    for part in parts:
        seen.text += part.message.content or ""
        seen.tools += [(call.function.name, dict(call.function.arguments)) for call in part.message.tool_calls or ()]
        seen.finish = part.done_reason or seen.finish
    return seen


def ollama_chat_streaming() -> Seen:
    with ollama.Client(host=OLLAMA) as client:
        return _chatted(client.chat(**_options(80), messages=QUESTION, stream=True))


def ollama_chat_unary() -> Seen:
    with ollama.Client(host=OLLAMA) as client:
        return _chatted([client.chat(**_options(80), messages=QUESTION)])


def ollama_chat_tools() -> Seen:
    tools = [{"type": "function", "function": FUNCTION}]
    with ollama.Client(host=OLLAMA) as client:
        return _chatted(client.chat(**_options(48), messages=WEATHER, tools=tools, stream=True))


def ollama_chat_length() -> Seen:
    with ollama.Client(host=OLLAMA) as client:
        return _chatted(client.chat(**_options(6), messages=QUESTION, stream=True))


def ollama_generate_streaming() -> Seen:
    with ollama.Client(host=OLLAMA) as client:
        parts = list(client.generate(**_options(80), prompt=QUESTION[0]["content"], stream=True))
    return Seen("".join(part.response for part in parts), finish=parts[-1].done_reason)


def ollama_chat_cancelled() -> Seen:
    async def reading(piece: Callable[[], None]) -> None:
        async with ollama.AsyncClient(host=OLLAMA) as client:
            async for _ in await client.chat(**_options(80), messages=QUESTION, stream=True):
                piece()

    return asyncio.run(_cancelled(reading))


def ollama_chat_timeout() -> Seen:
    with ollama.Client(host=OLLAMA, timeout=IMPATIENCE_S) as client, pytest.raises(httpx.ReadTimeout) as raised:
        client.chat(**_options(80), messages=QUESTION)
    return Seen(error=raised.type)


CONVERSATIONS = [
    openai_chat_streaming, openai_chat_unary, openai_chat_tools, openai_chat_length, openai_chat_cancelled,
    openai_chat_timeout, openai_responses_streaming, openai_responses_unary, openai_responses_tools,
    openai_responses_length, openai_responses_cancelled, openai_responses_timeout, anthropic_streaming, anthropic_unary,
    anthropic_tools, anthropic_length, anthropic_cancelled, anthropic_timeout, ollama_chat_streaming, ollama_chat_unary,
    ollama_chat_tools, ollama_chat_length, ollama_generate_streaming, ollama_chat_cancelled, ollama_chat_timeout,
]  # fmt: skip
"""Each records and replays the cassette of its own name, with hyphens."""


def _cassette(conversation: Callable[[], Seen]) -> Path:
    return CASSETTES / f"{conversation.__name__.replace('_', '-')}.yaml"


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda it: it.__name__)
def test_an_sdk_and_our_decoder_hear_the_same(conversation: Callable[[], Seen]) -> None:
    path = _cassette(conversation)
    with harness.record(path, mode="rewrite") if RECORDS else harness.replay(path) as session:
        seen = conversation()
    reply = session.history[0].reply
    # An SDK may leave right after the last word (openai does, after `[DONE]`), before the wire says that it ended.
    ends = {"timeout": {"ReadTimeout"}, "cancelled": {"cancelled"}}
    assert session.history[0].outcome in ends.get(path.stem.rpartition("-")[2], {"ok", "closed"})
    if seen.error is None:
        assert reply is not None
        assert reply.text == seen.text
        assert [(call.name, json.loads(call.arguments)) for call in reply.tool_calls] == seen.tools
        assert reply.native_finish == seen.finish
        assert bool(seen.text) != bool(seen.tools)


@pytest.mark.skipif(RECORDS, reason="the cassettes are being recorded")
def test_the_cassettes_are_small_and_all_of_them_are_used() -> None:
    files = set(CASSETTES.glob("*.yaml"))
    assert sum(file.stat().st_size for file in files) < BYTES_MAX
    others = {CASSETTES / name for name in ("demo.yaml", "email.yaml", "narrator.yaml")}  # tests/cli, tests/drivers
    assert files == {_cassette(conversation) for conversation in CONVERSATIONS} | others
