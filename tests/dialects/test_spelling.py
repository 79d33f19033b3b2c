"""What a provider takes for equal is one question; whatever says something else is another."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.dialects import recognise, spelled
from harness.engine import CassetteSource
from harness.model import Cassette, Head, Interaction, Request, Timeline
from harness.spec import Found, Mismatch

GEMINI = "https://g.example/v1beta/models/gemini-x:generateContent"
OLLAMA = "http://127.0.0.1:11434/api/chat"
CHAT = "https://x.example/v1/chat/completions"
USER = [{"role": "user", "content": "hi"}]


def asked(url: str, body: Any) -> Request:
    return Request("POST", url, body=json.dumps(body).encode())


def find(recorded: Request, request: Request) -> Found | Mismatch:
    return CassetteSource(Cassette((Interaction(recorded, Timeline.of(Head(200), [b"ok"])),))).find(request)


def declared(schema: dict[str, Any], name: str = "parameters") -> dict[str, Any]:
    return {
        "contents": [{"parts": [{"text": "hi"}]}],
        "tools": [{"functionDeclarations": [{"name": "f", name: schema}]}],
    }


SAME = [
    (OLLAMA, {"model": "m", "messages": USER, "keep_alive": None, "images": [], "stream": True},
     {"model": "m", "messages": USER, "tools": []}),
    (OLLAMA, {"model": "m", "messages": [{**USER[0], "tool_calls": None}]}, {"model": "m", "messages": USER}),
    (CHAT, {"model": "m", "messages": USER, "stream": False, "stop": None}, {"model": "m", "messages": USER}),
    (GEMINI, {"contents": [], "generationConfig": {"response_mime_type": "a/b"}},
     {"generationConfig": {"responseMimeType": "a/b", "seed": None}}),
    (GEMINI, declared({"type": "object", "properties": {"a_b": {"type": "string", "title": None}}}),
     declared({"type": "OBJECT", "properties": {"a_b": {"type": "STRING"}}})),
    (GEMINI, declared({"type": "object"}, "parameters_json_schema"),
     declared({"type": "object"}, "parametersJsonSchema")),
    (GEMINI, {"contents": [{"parts": [{"function_call": {"name": "f", "args": {}}, "thought_signature": "a-_="}]}]},
     {"contents": [{"parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "a+/"}]}]}),
]  # fmt: skip
OTHER = [
    (OLLAMA, {"model": "m", "messages": USER, "stream": False}, {"model": "m", "messages": USER}),
    (CHAT, {"model": "m", "messages": USER, "stream": True}, {"model": "m", "messages": USER}),
    (CHAT, {"model": "m", "messages": USER, "temperature": 0}, {"model": "m", "messages": USER}),
    (CHAT, {"model": "m", "messages": USER, "store": False}, {"model": "m", "messages": USER}),
    (GEMINI, {"contents": [{"parts": [{"functionCall": {"args": {"a_b": 1}}}]}]},
     {"contents": [{"parts": [{"functionCall": {"args": {"aB": 1}}}]}]}),
    (GEMINI, {"contents": [{"parts": [{"functionCall": {"args": {"a": None}}}]}]},
     {"contents": [{"parts": [{"functionCall": {"args": {}}}]}]}),
    (GEMINI, declared({"properties": {"a_b": {}}}), declared({"properties": {"aB": {}}})),
    (GEMINI, declared({"enum": ["object"]}), declared({"enum": ["OBJECT"]})),
    (GEMINI, declared({"type": "object"}, "parametersJsonSchema"),
     declared({"type": "OBJECT"}, "parametersJsonSchema")),
    (GEMINI, {"contents": [{"parts": [{"text": "a-b"}]}]}, {"contents": [{"parts": [{"text": "a+b"}]}]}),
]  # fmt: skip


@pytest.mark.parametrize("url, recorded, request_now", SAME)
def test_another_spelling_is_the_same_question(url: str, recorded: Any, request_now: Any) -> None:
    for one, other in ((recorded, request_now), (request_now, recorded)):
        found = find(asked(url, one), asked(url, other))
        assert isinstance(found, Found)
        assert found.how == "operation"


@pytest.mark.parametrize("url, recorded, request_now", OTHER)
def test_whatever_says_something_else_is_another(url: str, recorded: Any, request_now: Any) -> None:
    assert isinstance(find(asked(url, recorded), asked(url, request_now)), Mismatch)
    assert isinstance(find(asked(url, request_now), asked(url, recorded)), Mismatch)


def test_a_miss_does_not_name_what_is_only_spelling() -> None:
    recorded = asked(OLLAMA, {"model": "m", "messages": USER, "keep_alive": None})
    found = find(recorded, asked(OLLAMA, {"model": "m", "messages": [{"role": "user", "content": "ho"}]}))
    assert isinstance(found, Mismatch)
    assert [part.path for part in found.differences] == ["$.messages[0].content"]


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b'{"contents": 7, "tools": {"a": [null]}}'])
def test_strange_bodies_stay_and_nothing_raises(body: bytes) -> None:
    known = recognise(Request("POST", GEMINI))
    assert known is not None
    spelled(Request("POST", GEMINI, body=body), known[1])
