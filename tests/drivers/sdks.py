"""The drivers of `scenarios/` that use a provider's own SDK: a question, and the words of the answer as they come.

The clients are made once and never connect. `*_stream` shows words as they come, `*_whole` waits for all of them;
`patient_*` have their SDK's retries switched off and ask again by themselves, after a second, two, and four.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import anthropic
import httpx
import ollama
import openai
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types
from google.genai._api_client import httpx as genai_http

from harness.trials import Context

QUESTION = "What is the weather in Paris?"
ASKED: Any = [{"role": "user", "content": QUESTION}]
TIMEOUT_S = 30.0
FRAMING = ("transfer-encoding", "content-length", "connection")
TRANSIENT: tuple[type[Exception], ...] = (
    openai.APIError, anthropic.APIError, genai_errors.APIError, ollama.ResponseError,
    httpx.TransportError, genai_http.TransportError, ConnectionError,
)  # fmt: skip


# A client without certificates to load: nothing is ever connected to.
@lru_cache
def openai_client(retries: int = 2) -> openai.OpenAI:
    http = openai.DefaultHttpxClient(verify=False)
    return openai.OpenAI(api_key="not needed", http_client=http, timeout=TIMEOUT_S, max_retries=retries)


@lru_cache
def anthropic_client(retries: int = 2) -> anthropic.Anthropic:
    http = anthropic.DefaultHttpxClient(verify=False)
    return anthropic.Anthropic(api_key="not needed", http_client=http, timeout=TIMEOUT_S, max_retries=retries)


@lru_cache
def gemini_client(retries: int = 2) -> genai.Client:
    again = genai_types.HttpRetryOptions(attempts=retries + 1, initial_delay=1.0, jitter=0.0)
    http = genai_http.Client(verify=False, timeout=TIMEOUT_S)
    options = genai_types.HttpOptions(retry_options=again, httpx_client=http, timeout=int(TIMEOUT_S * 1000))
    return genai.Client(api_key="not needed", http_options=options)


@lru_cache
def ollama_client() -> ollama.Client:
    return ollama.Client(host="http://127.0.0.1:11434", timeout=TIMEOUT_S, verify=False)


def openai_words(retries: int = 2) -> Iterator[str]:
    for piece in openai_client(retries).chat.completions.create(model="gpt-4o-mini", messages=ASKED, stream=True):
        for choice in piece.choices:
            yield choice.delta.content or ""


def responses_words(retries: int = 2) -> Iterator[str]:
    for event in openai_client(retries).responses.create(model="gpt-4o-mini", input=QUESTION, stream=True):
        if event.type == "response.output_text.delta":
            yield event.delta


def anthropic_words(retries: int = 2) -> Iterator[str]:
    client = anthropic_client(retries)
    for event in client.messages.create(model="claude-any", max_tokens=256, messages=ASKED, stream=True):
        if event.type == "content_block_delta" and event.delta.type == "text_delta":
            yield event.delta.text


def gemini_words(retries: int = 2) -> Iterator[str]:
    models = gemini_client(retries).models
    for piece in models.generate_content_stream(model="gemini-2.5-flash", contents=QUESTION):
        yield piece.text or ""


def ollama_words(retries: int = 0) -> Iterator[str]:
    for piece in ollama_client().chat(model="llama3.2", messages=ASKED, stream=True):
        yield piece.message.content or ""


def openai_answer(retries: int = 2) -> str:
    found = openai_client(retries).chat.completions.create(model="gpt-4o-mini", messages=ASKED)
    return found.choices[0].message.content or ""


def responses_answer(retries: int = 2) -> str:
    return openai_client(retries).responses.create(model="gpt-4o-mini", input=QUESTION).output_text


def anthropic_answer(retries: int = 2) -> str:
    client = anthropic_client(retries)
    found = client.messages.create(model="claude-any", max_tokens=256, messages=ASKED)
    return "".join(block.text for block in found.content if block.type == "text")


def gemini_answer(retries: int = 2) -> str:
    return gemini_client(retries).models.generate_content(model="gemini-2.5-flash", contents=QUESTION).text or ""


def ollama_answer(retries: int = 0) -> str:
    return ollama_client().chat(model="llama3.2", messages=ASKED).message.content or ""


# --- as drivers ---


def openai_stream(ctx: Context) -> Iterator[str]:
    return openai_words()


def openai_whole(ctx: Context) -> str:
    return openai_answer()


def anthropic_stream(ctx: Context) -> Iterator[str]:
    return anthropic_words()


def anthropic_whole(ctx: Context) -> str:
    return anthropic_answer()


def gemini_whole(ctx: Context) -> str:
    return gemini_answer()


def ollama_stream(ctx: Context) -> Iterator[str]:
    return ollama_words()


def openai_closing(ctx: Context) -> str:
    """A chat whose reader hangs up after the second word, as SDKs do it: the stream is closed."""
    with openai_client().chat.completions.create(model="gpt-4o-mini", messages=ASKED, stream=True) as pieces:
        for piece in pieces:
            ctx.emit(piece.choices[0].delta.content or "")
    return ctx.partial


def _patiently(ctx: Context, ask: Callable[[], str]) -> str:
    for pause in (1, 2, 4):
        try:
            return ask()
        except TRANSIENT:
            ctx.pieces.clear()  # what was shown is taken back: the answer begins anew
            time.sleep(pause)
    return ask()


def _streaming(words: Callable[[int], Iterator[str]]) -> Callable[[Context], str]:
    def driver(ctx: Context) -> str:
        return _patiently(ctx, lambda: _shown(ctx, words(0)))

    return driver


def _shown(ctx: Context, words: Iterator[str]) -> str:
    for word in words:
        ctx.emit(word)
    return ctx.partial


def _waiting(answer: Callable[[int], str]) -> Callable[[Context], str]:
    return lambda ctx: _patiently(ctx, lambda: answer(0))


patient_openai_stream, patient_openai_whole = _streaming(openai_words), _waiting(openai_answer)
patient_responses_stream, patient_responses_whole = _streaming(responses_words), _waiting(responses_answer)
patient_anthropic_stream, patient_anthropic_whole = _streaming(anthropic_words), _waiting(anthropic_answer)
patient_gemini_stream, patient_gemini_whole = _streaming(gemini_words), _waiting(gemini_answer)
patient_ollama_stream, patient_ollama_whole = _streaming(ollama_words), _waiting(ollama_answer)


@lru_cache
def _plain_client() -> httpx.Client:
    return httpx.Client(verify=False, timeout=TIMEOUT_S)


def sizes(ctx: Context) -> str:
    """No SDK: how many bytes came at a time, in which framing, and what they were."""
    body = {"model": "gpt-4o-mini", "messages": ASKED, "stream": True}
    with _plain_client().stream("POST", "https://api.openai.com/v1/chat/completions", json=body) as answer:
        chunks = list(answer.iter_raw())
    framing = " ".join(f"{name}={answer.headers[name]}" for name in FRAMING if name in answer.headers)
    return f"{' '.join(str(len(chunk)) for chunk in chunks)}; {framing}; {b''.join(chunks)!r}"
