"""What the official clients ask besides generations is told by its name, whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anthropic
import cohere
import httpx
import httpx2
import ollama
import openai
import pytest
from google import genai
from google.genai import types

from harness.dialects import besides, recognise
from harness.model import Headers, Request

Ask = Callable[[Any], Any]
ASKED: list[Request] = []


def heard(request: Any) -> Any:
    """Keeps what was asked, in our words, and refuses it: no client asks twice then."""
    ASKED.append(Request(request.method, str(request.url), Headers(tuple(request.headers.items())), request.read()))
    return (httpx if isinstance(request, httpx.Request) else httpx2).Response(400, json={"message": "no"})


def openai_client() -> Any:
    return openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=httpx2.MockTransport(heard)))


def anthropic_client() -> Any:
    return anthropic.Anthropic(api_key="x", http_client=httpx2.Client(transport=httpx2.MockTransport(heard)))


def gemini_client() -> Any:
    http = httpx2.Client(transport=httpx2.MockTransport(heard))
    return genai.Client(api_key="x", http_options=types.HttpOptions(httpx_client=http))


def ollama_client() -> Any:
    return ollama.Client(transport=httpx.MockTransport(heard))


def cohere_client() -> Any:
    return cohere.ClientV2("x", httpx_client=httpx.Client(transport=httpx.MockTransport(heard)))


HI: Any = [{"role": "user", "content": "hi"}]
ASKS: list[tuple[str, Callable[[], Any], Ask, str]] = [
    ("openai.models", openai_client, lambda c: c.models.list(), ""),
    ("openai.models", openai_client, lambda c: c.models.retrieve("m"), "m"),
    ("openai.embeddings", openai_client, lambda c: c.embeddings.create(model="m", input="hi"), ""),
    ("openai.moderations", openai_client, lambda c: c.moderations.create(input="hi"), ""),
    ("openai.input_tokens", openai_client, lambda c: c.responses.input_tokens.count(model="m", input="hi"), ""),
    ("anthropic.models", anthropic_client, lambda c: c.models.list(), ""),
    ("anthropic.models", anthropic_client, lambda c: c.models.retrieve("m"), "m"),
    ("anthropic.count_tokens", anthropic_client, lambda c: c.messages.count_tokens(model="m", messages=HI), ""),
    ("gemini.models", gemini_client, lambda c: list(c.models.list(config={"query_base": True})), ""),
    ("gemini.models", gemini_client, lambda c: c.models.get(model="m"), "m"),
    ("gemini.countTokens", gemini_client, lambda c: c.models.count_tokens(model="m", contents="hi"), "m"),
    ("gemini.batchEmbedContents", gemini_client, lambda c: c.models.embed_content(model="m", contents=["hi"]), "m"),
    ("ollama.tags", ollama_client, lambda c: c.list(), ""),
    ("ollama.ps", ollama_client, lambda c: c.ps(), ""),
    ("ollama.show", ollama_client, lambda c: c.show("m"), ""),
    ("ollama.embed", ollama_client, lambda c: c.embed("m", "hi"), ""),
    ("ollama.embeddings", ollama_client, lambda c: c.embeddings("m", "hi"), ""),
    ("cohere.models", cohere_client, lambda c: c.models.list(), ""),
    ("cohere.embed", cohere_client, lambda c: c.embed(model="m", texts=["hi"], input_type="classification"), ""),
    ("cohere.rerank", cohere_client, lambda c: c.rerank(model="m", query="hi", documents=["a"]), ""),
    ("cohere.tokenize", cohere_client, lambda c: c.tokenize(model="m", text="hi", offline=False), ""),
]


@pytest.mark.parametrize("name, client, ask, model", ASKS, ids=[f"{name}-{at}" for at, (name, *_) in enumerate(ASKS)])
def test_what_a_client_asks_besides_has_a_name(name: str, client: Callable[[], Any], ask: Ask, model: str) -> None:
    ASKED.clear()
    with suppress(Exception):  # each client has a type of its own for a refusal, and that is tried elsewhere
        ask(client())
    known = besides(ASKED[0])
    assert known is not None
    assert (known.name, known.model) == (name, model)
    assert recognise(ASKED[0]) is None  # as a conversation it means nothing


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/api/chat", "/v1/files", "/", "/v1/modelsX"])
def test_a_generation_and_a_stranger_are_nothing_besides(path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert besides(Request(method, f"https://x.example{path}")) is None
    assert besides(Request("GET", "https://[no/models")) is None
