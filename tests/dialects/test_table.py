"""Which dialect a request speaks, and what can be asked without knowing it."""

from __future__ import annotations

import json

import pytest

from harness import dialects
from harness.errors import UnknownDialectError
from harness.model import Chunk, End, Finish, Head, Headers, Nanos, Prompt, Reply, Request, Reset, Text, Timeline
from harness.spec import Dialect

REDACTED = "https://redacted.example/**REDACTED**"
USER = [{"role": "user", "content": "hi"}]


def asked(url: str, body: object = None) -> Request:
    return Request("POST", url, body=json.dumps(body).encode() if body is not None else b"")


def test_every_dialect_has_a_name_of_its_own_and_fits_the_socket() -> None:
    names = [dialect.name for dialect in dialects.BUILT_IN]
    assert len(set(names)) == len(names)
    assert all(isinstance(dialect, Dialect) for dialect in dialects.BUILT_IN)
    assert [dialects.get(name) for name in names] == list(dialects.BUILT_IN)


def test_an_unknown_name_lists_all_and_the_nearest() -> None:
    with pytest.raises(UnknownDialectError, match=r"'openai_chat'. Did you mean 'openai-chat'\? There are: native"):
        dialects.get("openai_chat")


@pytest.mark.parametrize(
    "url, name",
    [
        ("https://api.openai.com/v1/chat/completions", "openai.chat"),
        ("https://openrouter.ai/api/v1/chat/completions?x=1", "openai.chat"),
        ("https://api.openai.com/v1/completions", "openai.completions"),
        ("https://x.openai.azure.com/openai/v1/responses?api-version=1", "openai.responses"),
        ("https://api.anthropic.com/v1/messages?beta=true", "anthropic.messages"),
        ("https://g.example/v1beta/models/gemini-x:streamGenerateContent?alt=sse", "gemini.streamGenerateContent"),
        ("http://127.0.0.1:11434/api/chat", "ollama.chat"),
        ("http://127.0.0.1:11434/api/generate", "ollama.generate"),
        ("https://bedrock-runtime.x.example/model/anthropic.claude-x%3A0/converse", "bedrock.converse"),
        ("https://bedrock-runtime.x.example/model/amazon.nova-x:0/converse-stream", "bedrock.converse-stream"),
        ("https://api.cohere.com/v1/chat", "cohere.chat"),
        ("https://api.cohere.ai/v2/chat", "cohere.chat-v2"),
        ("https://api.cohere.ai/v1/generate", "cohere.generate"),
        ("native://backend/complete", "native.complete"),
    ],
)
def test_a_url_says_what_is_asked(url: str, name: str) -> None:
    known = dialects.recognise(asked(url))
    assert known is not None
    assert (known[1].name, known[1].dialect) == (name, known[0].name)


@pytest.mark.parametrize(
    "body, name",
    [
        ({"model": "gpt-4o", "messages": USER}, "openai.chat"),
        ({"model": "claude-x", "messages": USER, "max_tokens": 9}, "anthropic.messages"),
        ({"anthropic_version": "bedrock-2023-05-31", "messages": USER, "max_tokens": 9}, "anthropic.messages"),
        ({"model": "gpt-4o", "input": "hi"}, "openai.responses"),
        ({"model": "gpt-4o", "input": USER}, "openai.responses"),
        ({"contents": [{"parts": [{"text": "hi"}]}]}, "gemini.generateContent"),
        ({"model": "llama3", "messages": USER, "options": {}}, "ollama.chat"),
        ({"model": "gpt-3.5-turbo-instruct", "prompt": "hi"}, "openai.completions"),
    ],
)
def test_where_the_url_says_nothing_the_body_does(body: object, name: str) -> None:
    known = dialects.recognise(asked(REDACTED, body))
    assert known is not None
    assert (known[1].name, known[1].dialect) == (name, known[0].name)


@pytest.mark.parametrize(
    "url, body",
    [
        (REDACTED, {"model": "text-embedding-3-small", "input": "hi"}),
        (REDACTED, {"model": "m", "input": ["hi"]}),
        (REDACTED, {"model": "m", "prompt": "a cat", "size": "64x64"}),
        (REDACTED, [1]),
        (REDACTED, None),
        (
            "https://api.anthropic.com/v1/messages/count_tokens",
            {"model": "claude-x", "messages": USER, "max_tokens": 1},
        ),
        ("https://bedrock.example/model/amazon.titan-embed-text-v2%3A0/invoke", {"inputText": "hi"}),
        ("https://bedrock.example/model/x/invoke", {"texts": ["hi"], "input_type": "search_query"}),
        ("https://bedrock.example/model/x/count-tokens", {"messages": USER}),
        ("https://api.cohere.com/v2/embed", {"model": "command-r", "texts": ["hi"]}),
        ("https://chat.example/v1/chat", {"question": "hi"}),
        ("https://api.openai.com/v1/embeddings", {"model": "m", "input": "hi"}),
    ],
)
def test_what_is_no_generation_is_not_recognised(url: str, body: object) -> None:
    request = asked(url, body)
    assert dialects.recognise(request) is None
    assert dialects.prompt_of(request) is None
    assert dialects.decode(request, Timeline.of(Head(200), [b"{}"])) is None
    assert dialects.decoder(request, Head(200)) is None
    assert dialects.deltas(request, Timeline.of(Head(200), [b"{}"])) == []


def test_a_delta_has_the_time_of_the_chunk_that_completed_it() -> None:
    said = b'{"text": "one"}\n{"text": "two"}\n{"finish": "stop"}'
    parts = [(Nanos(10), said[:8]), (Nanos(20), said[8:20]), (Nanos(30), said[20:])]
    events = [(Nanos(5), Head(200)), *((at, Chunk(data)) for at, data in parts), (Nanos(40), End())]
    told = dialects.deltas(asked("native://backend/complete", {}), Timeline(tuple(events)))
    assert told == [(20, Text("one")), (30, Text("two")), (40, Finish("stop"))]


def test_an_answer_that_never_came_is_an_empty_reply() -> None:
    request = asked("https://api.openai.com/v1/chat/completions", {})
    assert dialects.decode(request, Timeline.failed(Reset("ConnectError"))) == Reply()
    assert dialects.decode(request, Timeline(left="open")) == Reply()


def test_frames_fall_back_to_what_the_content_type_says() -> None:
    unknown = asked("https://x.example/events")
    body = b'{"a": 1}\n{"b": 2}\n'

    def cut(kind: str, body: bytes) -> tuple[bytes, ...]:
        return dialects.frames(unknown, Head(200, Headers((("Content-Type", kind),))), body)

    assert cut("application/x-ndjson; charset=utf-8", body) == (b'{"a": 1}\n', b'{"b": 2}\n')
    assert cut("text/event-stream", b"data: a\n\ndata: b\n\n") == (b"data: a\n\n", b"data: b\n\n")
    assert cut("application/json", body) == (body,)
    assert cut("", b"") == ()


def test_frames_are_sniffed_where_the_content_type_is_lost() -> None:
    chat = asked("https://api.openai.com/v1/chat/completions")
    assert dialects.frames(chat, Head(200), b"data: a\n\ndata: b\n\n") == (b"data: a\n\n", b"data: b\n\n")
    wrong = Head(200, Headers((("content-type", "text/event-stream"),)))
    assert dialects.frames(chat, wrong, b'{"error":\n\n{}}') == (b'{"error":\n\n{}}',)


def test_a_prompt_that_cannot_be_read_is_none() -> None:
    assert dialects.prompt_of(asked("https://api.openai.com/v1/chat/completions", {"messages": 1})) is None
    assert dialects.prompt_of(asked("native://backend/complete", {})) == Prompt()
