"""What the providers' own clients raise under each fault: the table of the catalogue, measured on real sockets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anthropic
import httpx
import httpx2
import ollama
import openai
import pytest
from google import genai
from google.genai import errors as genai_errors

import harness

ASK = [{"role": "user", "content": "x"}]


def openai_asks() -> None:
    stream = openai.OpenAI(api_key="x").chat.completions.create(model="m", messages=ASK, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == "one two three"


def anthropic_asks() -> None:
    client = anthropic.Anthropic(api_key="x")
    with client.messages.stream(model="m", max_tokens=9, messages=ASK) as stream:
        assert "".join(stream.text_stream) == "one two three"


def gemini_asks() -> None:
    client = genai.Client(api_key="x")
    stream = client.models.generate_content_stream(model="gemini-x", contents="x")
    assert "".join(chunk.text or "" for chunk in stream) == "one two three"


def ollama_asks() -> None:
    stream = ollama.Client(timeout=60).chat("m", ASK, stream=True)
    assert "".join(part.message.content or "" for part in stream) == "one two three"


OPENAI, ANTHROPIC, GEMINI, OLLAMA = openai_asks, anthropic_asks, gemini_asks, ollama_asks

CASES: list[tuple[str, Callable[[], None], type[Exception], int]] = [
    ("http-400-invalid-request", OPENAI, openai.BadRequestError, 1),
    ("http-400-invalid-request", ANTHROPIC, anthropic.BadRequestError, 1),
    ("http-400-invalid-request", GEMINI, genai_errors.ClientError, 1),
    ("http-400-invalid-request", OLLAMA, ollama.ResponseError, 1),
    ("http-400-context-length", OPENAI, openai.BadRequestError, 1),
    ("http-401-auth", OPENAI, openai.AuthenticationError, 1),
    ("http-401-auth", ANTHROPIC, anthropic.AuthenticationError, 1),
    ("http-401-auth", GEMINI, genai_errors.ClientError, 1),
    ("http-404-model-not-found", OPENAI, openai.NotFoundError, 1),
    ("http-404-model-not-found", ANTHROPIC, anthropic.NotFoundError, 1),
    ("http-404-model-not-found", OLLAMA, ollama.ResponseError, 1),
    ("http-429-rate-limit", OPENAI, openai.RateLimitError, 3),
    ("http-429-rate-limit", ANTHROPIC, anthropic.RateLimitError, 3),
    ("http-429-rate-limit", GEMINI, genai_errors.ClientError, 1),
    ("http-429-rate-limit", OLLAMA, ollama.ResponseError, 1),
    ("http-429-quota", OPENAI, openai.RateLimitError, 3),
    ("http-429-quota", ANTHROPIC, anthropic.APIStatusError, 3),
    ("http-500-server-error", OPENAI, openai.InternalServerError, 3),
    ("http-500-server-error", GEMINI, genai_errors.ServerError, 1),
    ("http-503-overloaded", OPENAI, openai.InternalServerError, 3),
    ("http-503-overloaded", ANTHROPIC, anthropic.APIStatusError, 3),
    ("http-503-overloaded", GEMINI, genai_errors.ServerError, 1),
    ("http-503-overloaded", OLLAMA, ollama.ResponseError, 1),
    ("connect-refused", OPENAI, openai.APIConnectionError, 3),
    ("connect-refused", ANTHROPIC, anthropic.APIConnectionError, 3),
    ("close-before-headers", OPENAI, openai.APIConnectionError, 3),
    ("reset-before-headers", OLLAMA, httpx.ReadError, 1),
    ("stall-before-headers", OPENAI, openai.APITimeoutError, 3),
    ("stall-before-headers", OLLAMA, httpx.ReadTimeout, 1),
    ("reset-mid-stream", OPENAI, openai.APIConnectionError, 1),
    ("reset-mid-stream", ANTHROPIC, httpx2.ReadError, 1),
    ("reset-mid-stream", GEMINI, httpx2.ReadError, 1),
    ("reset-mid-stream", OLLAMA, httpx.ReadError, 1),
    ("eof-mid-stream", OPENAI, openai.APIConnectionError, 1),
    ("eof-mid-stream", ANTHROPIC, httpx2.RemoteProtocolError, 1),
    ("eof-mid-stream", OLLAMA, httpx.RemoteProtocolError, 1),
    ("stall-mid-stream", OPENAI, openai.APITimeoutError, 1),
    ("stall-mid-stream", ANTHROPIC, httpx2.ReadTimeout, 1),
]


@pytest.mark.parametrize(
    "kind,ask,error,requests", CASES, ids=[f"{kind}-{ask.__name__.split('_')[0]}" for kind, ask, *_ in CASES]
)
def test_a_client_raises_what_it_raises_at_a_real_server(
    kind: str, ask: Callable[[], None], error: type[Exception], requests: int, tmp_path: Path
) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(
        "harness: 1\nname: x\ncalls: [{id: a, reply: {text: one two three}}]\n"
        f"faults: [{{at: call=1/attempt=*, kind: {kind}}}]\n"
    )
    with harness.scenario(file) as session:
        with pytest.raises(error):
            ask()
        assert len(session.history) == requests
        assert session.history.calls == 1


@pytest.mark.parametrize("ask", [OPENAI, ANTHROPIC, GEMINI, OLLAMA], ids=lambda ask: ask.__name__.split("_")[0])
def test_a_client_gets_the_answer_where_nothing_goes_wrong(ask: Callable[[], None], tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("harness: 1\nname: x\ncalls: [{id: a, reply: {text: one two three}}]\n")
    with harness.scenario(file):
        ask()


def test_a_clean_truncation_is_no_error_to_any_client(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(
        "harness: 1\nname: x\ncalls: [{id: a, reply: {text: one two three}}]\n"
        "faults: [{at: call=*/token=2, kind: truncate-clean}]\n"
    )
    for ask in (OPENAI, ANTHROPIC, GEMINI, OLLAMA):
        with harness.scenario(file), pytest.raises(AssertionError, match="one two"):
            ask()
