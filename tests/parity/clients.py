"""One question through each provider's own client, sync and async, and what the code around it got to see.

The code here is what people write: it reads the text piece by piece, then why the model stopped.
What it trips over (a page of HTML where an answer belongs) is an outcome as any other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anthropic
import httpx2
import openai
from google import genai

from tests.parity.asking import MODEL, RETRIES, TIMEOUT_S, TOOL, Ask, Seen
from tests.parity.clients_more import google_genai, google_genai_async, ollama_chat, ollama_chat_async

LOOSE = httpx2.Timeout(TIMEOUT_S)

Client = Callable[[Ask, Seen], None]
AsyncClient = Callable[[Ask, Seen], Awaitable[None]]


# --- OpenAI chat ---------------------------------------------------------------------------------------------------


def _chat_options(ask: Ask) -> dict[str, Any]:
    function = {"name": "get_weather", "parameters": TOOL}
    tools = {"tools": [{"type": "function", "function": function}]} if ask.tools else {}
    messages = [{"role": "user", "content": ask.text}]
    return {"model": MODEL, "messages": messages, "max_tokens": 64, "stream": ask.stream, **tools}


def _chat_piece(chunk: Any, seen: Seen) -> None:
    for choice in chunk.choices:
        seen.text += choice.delta.content or ""
        seen.finish = choice.finish_reason or seen.finish
        for call in choice.delta.tool_calls or []:
            seen.calls += f"{call.id or ''}{call.function.name or ''}{call.function.arguments or ''}"


def _chat_whole(found: Any, seen: Seen) -> None:
    choice = found.choices[0]
    seen.text, seen.finish = choice.message.content or "", choice.finish_reason or ""
    for call in choice.message.tool_calls or []:
        seen.calls += f"{call.id}{call.function.name}{call.function.arguments}"


def openai_chat(ask: Ask, seen: Seen) -> None:
    with openai.OpenAI(
        base_url=f"{ask.url}/v1", api_key="k", timeout=LOOSE, max_retries=RETRIES, default_headers=ask.headers
    ) as client:
        found: Any = client.chat.completions.create(**_chat_options(ask))
        if not ask.stream:
            _chat_whole(found, seen)
        else:
            for chunk in found:
                _chat_piece(chunk, seen)


async def openai_chat_async(ask: Ask, seen: Seen) -> None:
    async with openai.AsyncOpenAI(
        base_url=f"{ask.url}/v1", api_key="k", timeout=LOOSE, max_retries=RETRIES, default_headers=ask.headers
    ) as client:
        found: Any = await client.chat.completions.create(**_chat_options(ask))
        if not ask.stream:
            _chat_whole(found, seen)
        else:
            async for chunk in found:
                _chat_piece(chunk, seen)


# --- OpenAI Responses ----------------------------------------------------------------------------------------------


def _responses_options(ask: Ask) -> dict[str, Any]:
    tools = {"tools": [{"type": "function", "name": "get_weather", "parameters": TOOL}]} if ask.tools else {}
    return {"model": MODEL, "input": ask.text, "max_output_tokens": 64, "stream": ask.stream, **tools}


def _responses_event(event: Any, seen: Seen) -> None:
    if event.type in {"response.output_text.delta", "response.refusal.delta"}:
        seen.text += event.delta
    elif event.type == "response.function_call_arguments.delta":
        seen.calls += event.delta
    elif event.type in {"response.completed", "response.incomplete", "response.failed"}:
        seen.finish = str(event.response.status)


def _responses_whole(found: Any, seen: Seen) -> None:
    seen.text, seen.finish = found.output_text, str(found.status)
    seen.calls = "".join(f"{it.call_id}{it.name}{it.arguments}" for it in found.output if it.type == "function_call")


def openai_responses(ask: Ask, seen: Seen) -> None:
    with openai.OpenAI(
        base_url=f"{ask.url}/v1", api_key="k", timeout=LOOSE, max_retries=RETRIES, default_headers=ask.headers
    ) as client:
        found: Any = client.responses.create(**_responses_options(ask))
        if not ask.stream:
            _responses_whole(found, seen)
        else:
            for event in found:
                _responses_event(event, seen)


async def openai_responses_async(ask: Ask, seen: Seen) -> None:
    async with openai.AsyncOpenAI(
        base_url=f"{ask.url}/v1", api_key="k", timeout=LOOSE, max_retries=RETRIES, default_headers=ask.headers
    ) as client:
        found: Any = await client.responses.create(**_responses_options(ask))
        if not ask.stream:
            _responses_whole(found, seen)
        else:
            async for event in found:
                _responses_event(event, seen)


# --- Anthropic -----------------------------------------------------------------------------------------------------


def _messages_options(ask: Ask) -> dict[str, Any]:
    tools = {"tools": [{"name": "get_weather", "input_schema": TOOL}]} if ask.tools else {}
    messages = [{"role": "user", "content": ask.text}]
    return {"model": MODEL, "messages": messages, "max_tokens": 64, "stream": ask.stream, **tools}


def _messages_event(event: Any, seen: Seen) -> None:
    match event.type:
        case "content_block_start" if event.content_block.type == "tool_use":
            seen.calls += f"{event.content_block.id}{event.content_block.name}"
        case "content_block_delta":
            seen.text += getattr(event.delta, "text", "")
            seen.calls += getattr(event.delta, "partial_json", "")
        case "message_delta":
            seen.finish = event.delta.stop_reason or ""


def _messages_whole(found: Any, seen: Seen) -> None:
    for block in found.content:
        if block.type == "text":
            seen.text += block.text
        elif block.type == "tool_use":
            seen.calls += f"{block.id}{block.name}{block.input}"
    seen.finish = found.stop_reason or ""


def anthropic_messages(ask: Ask, seen: Seen) -> None:
    with anthropic.Anthropic(
        base_url=ask.url, api_key="k", timeout=LOOSE, max_retries=RETRIES, default_headers=ask.headers
    ) as client:
        found: Any = client.messages.create(**_messages_options(ask))
        if not ask.stream:
            _messages_whole(found, seen)
        else:
            for event in found:
                _messages_event(event, seen)


async def anthropic_messages_async(ask: Ask, seen: Seen) -> None:
    async with anthropic.AsyncAnthropic(
        base_url=ask.url, api_key="k", timeout=LOOSE, max_retries=RETRIES, default_headers=ask.headers
    ) as client:
        found: Any = await client.messages.create(**_messages_options(ask))
        if not ask.stream:
            _messages_whole(found, seen)
        else:
            async for event in found:
                _messages_event(event, seen)


SYNC: dict[str, Client] = {
    "openai chat": openai_chat,
    "openai responses": openai_responses,
    "anthropic": anthropic_messages,
    "google-genai": google_genai,
    "ollama": ollama_chat,
}
ASYNC: dict[str, AsyncClient] = {
    "openai chat": openai_chat_async,
    "openai responses": openai_responses_async,
    "anthropic": anthropic_messages_async,
    "google-genai": google_genai_async,
    "ollama": ollama_chat_async,
}
DIALECTS = {
    "openai chat": "openai-chat",
    "openai responses": "openai-responses",
    "anthropic": "anthropic",
    "google-genai": "gemini",
    "ollama": "ollama",
}
VERSIONS = {
    "openai chat": openai.__version__,
    "openai responses": openai.__version__,
    "anthropic": anthropic.__version__,
    "google-genai": genai.__version__,
}
