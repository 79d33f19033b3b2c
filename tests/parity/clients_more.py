"""Google's and Ollama's clients, as `clients.py` has OpenAI's and Anthropic's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import ollama
from google import genai
from google.genai import types as genai_types
from google.genai._api_client import httpx as genai_http

from tests.parity.asking import MODEL, TIMEOUT_S, TOOL, Ask, Seen

# --- Google --------------------------------------------------------------------------------------------------------


def _genai_client(ask: Ask, **clients: Any) -> Any:
    options = genai_types.HttpOptions(base_url=ask.url, timeout=int(TIMEOUT_S * 1000), headers=ask.headers, **clients)
    return genai.Client(api_key="k", http_options=options)


def _genai_options(ask: Ask) -> dict[str, Any]:
    declared = genai_types.FunctionDeclaration(name="get_weather", parameters_json_schema=TOOL)
    tools = [genai_types.Tool(function_declarations=[declared])] if ask.tools else None
    config = genai_types.GenerateContentConfig(max_output_tokens=64, tools=tools)  # type: ignore[arg-type]
    return {"model": MODEL, "contents": ask.text, "config": config}


def _genai_piece(found: Any, seen: Seen) -> None:
    for candidate in found.candidates or []:
        parts = (candidate.content.parts if candidate.content else None) or []
        for part in parts:
            seen.text += part.text or ""
            if part.function_call:
                seen.calls += f"{part.function_call.id}{part.function_call.name}{part.function_call.args}"
        seen.finish = str(candidate.finish_reason.name) if candidate.finish_reason else seen.finish


def google_genai(ask: Ask, seen: Seen) -> None:
    with genai_http.Client(timeout=TIMEOUT_S) as http_client:
        models = _genai_client(ask, httpx_client=http_client).models
        if not ask.stream:
            _genai_piece(models.generate_content(**_genai_options(ask)), seen)
        else:
            for chunk in models.generate_content_stream(**_genai_options(ask)):
                _genai_piece(chunk, seen)


async def google_genai_async(ask: Ask, seen: Seen) -> None:
    async with genai_http.AsyncClient(timeout=TIMEOUT_S) as http_client:
        models = _genai_client(ask, httpx_async_client=http_client).aio.models
        if not ask.stream:
            _genai_piece(await models.generate_content(**_genai_options(ask)), seen)
        else:
            async for chunk in await models.generate_content_stream(**_genai_options(ask)):
                _genai_piece(chunk, seen)


# --- Ollama --------------------------------------------------------------------------------------------------------


def _ollama_options(ask: Ask) -> dict[str, Any]:
    function = {"name": "get_weather", "parameters": TOOL}
    tools = {"tools": [{"type": "function", "function": function}]} if ask.tools else {}
    messages = [{"role": "user", "content": ask.text}]
    return {"model": MODEL, "messages": messages, "stream": ask.stream, "options": {"num_predict": 64}, **tools}


def _ollama_piece(found: Any, seen: Seen) -> None:
    seen.text += found.message.content or ""
    for call in found.message.tool_calls or []:
        seen.calls += f"{call.function.name}{dict(call.function.arguments)}"
    seen.finish = found.done_reason or seen.finish


def ollama_chat(ask: Ask, seen: Seen) -> None:
    client = ollama.Client(host=ask.url, timeout=TIMEOUT_S, headers=ask.headers)
    try:
        found: Any = client.chat(**_ollama_options(ask))
        for piece in found if ask.stream else _once(found):
            _ollama_piece(piece, seen)
    finally:
        client._client.close()


async def ollama_chat_async(ask: Ask, seen: Seen) -> None:
    client = ollama.AsyncClient(host=ask.url, timeout=TIMEOUT_S, headers=ask.headers)
    try:
        found: Any = await client.chat(**_ollama_options(ask))
        async for piece in found if ask.stream else _aonce(found):
            _ollama_piece(piece, seen)
    finally:
        await client._client.aclose()


def _once(found: Any) -> Iterator[Any]:
    yield found


async def _aonce(found: Any) -> AsyncIterator[Any]:
    yield found
