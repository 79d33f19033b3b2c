"""The `ollama` backend over HTTP: what it says on the wire, and what is made of what comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import harness
from harness.contract import LLMConnectionError
from harness.model import Head, Headers, Timeline

HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
HI = {"model": "m", "message": {"role": "assistant", "content": "Hi."}, "done": True, "done_reason": "stop"}


def backend(**options: Any) -> Any:
    return harness.get_backend("ollama", **{"model": "m", "base_url": "http://ollama.test:11434", **options})


def test_a_chat_is_spoken_to_api_chat(answering: Any) -> None:
    with answering(HI) as world:
        response = backend().complete(HELLO, stop_sequences=["END"], max_tokens=9)
    assert (response.narrative_text, response.finish_reason) == ("Hi.", "stop")
    assert world.asked[0].url == "http://ollama.test:11434/api/chat"
    assert "authorization" not in world.asked[0].headers
    assert world.bodies == [
        {
            "model": "m",
            "messages": HELLO,
            "stream": False,
            "options": {"temperature": 0.7, "top_p": 1.0, "stop": ["END"], "num_predict": 9},
        }
    ]


def test_a_prompt_is_spoken_to_api_generate(answering: Any) -> None:
    with answering({"model": "m", "response": "Hi.", "done": True, "done_reason": "stop"}) as world:
        result = asyncio.run(backend().generate("Hello “you”?"))
        asyncio.run(backend(base_url="http://ollama.test/api/").generate("half of a pair: \ud83d"))
    assert (result.success, result.text) == (True, "Hi.")
    assert [request.url for request in world.asked] == [
        "http://ollama.test:11434/api/generate",
        "http://ollama.test/api/generate",
    ]
    assert world.bodies[0] == {"model": "m", "prompt": "Hello “you”?", "stream": False}
    assert world.bodies[1]["prompt"] == "half of a pair: \ud83d"


def test_a_stream_is_lines(answering: Any) -> None:
    lines = [b'{"message":{"content":"Hi"},"done":false}\n', b'{"message":{"content":"."},"done":false}\n']
    last = b'{"message":{"content":""},"done":true,"done_reason":"length"}\n'
    timeline = Timeline.of(Head(200, Headers((("content-type", "application/x-ndjson"),))), [*lines, last])
    with answering(timeline) as world:
        streaming = backend()
        assert list(streaming.stream_tokens(HELLO)) == ["Hi", "."]
        assert streaming.last_finish_reason == "length"
    assert world.bodies[0]["stream"] is True


def test_json_and_schemas_have_a_field(answering: Any) -> None:
    schema = {"type": "object"}
    with answering(HI) as world:
        backend().complete(HELLO, response_format="json")
        backend().complete(HELLO, response_format={"type": "json_object"})
        backend().complete(HELLO, response_format={"type": "json_schema", "json_schema": {"schema": schema}})
    assert [body["format"] for body in world.bodies] == ["json", "json", schema]


def test_tools_are_offered_and_a_call_comes_back(answering: Any) -> None:
    call = {"function": {"name": "move", "arguments": {"to": "north"}}}
    with answering({**HI, "message": {"role": "assistant", "content": "", "tool_calls": [call]}}) as world:
        response = backend(tools=[{"name": "move", "schema": {"type": "object"}}]).complete(HELLO)
    assert response.tool_call == {"name": "move", "arguments": {"to": "north"}}
    assert world.bodies[0]["tools"][0]["function"]["name"] == "move"


def test_an_unknown_model_is_named_with_where_it_was_sought(answering: Any) -> None:
    missing = ({"error": "model 'm' not found"}, 404)
    where = r"m at http://ollama.test:11434/api/chat failed: HTTP 404 \(not-found\): model 'm' not found"
    with answering(missing), pytest.raises(LLMConnectionError, match=where):
        backend().complete(HELLO)


def test_a_busy_server_is_waited_for(answering: Any) -> None:
    busy = ({"error": "server busy, please try again.  maximum pending requests exceeded"}, 503)
    with answering(busy, busy, HI) as world:
        assert backend().complete(HELLO).narrative_text == "Hi."
        assert (len(world.asked), world.now()) == (3, 3.0)


def test_a_model_that_was_only_loaded_has_said_nothing(answering: Any) -> None:
    with answering({"model": "m", "response": "", "done": True, "done_reason": "load"}):
        assert not asyncio.run(backend().generate("")).success


def test_the_base_url_comes_from_the_environment_too(answering: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_BASE_URL", "http://elsewhere.test")
    monkeypatch.setenv("OLLAMA_API_KEY", "k")
    with answering(HI) as world:
        harness.get_backend("ollama", model="m").complete(HELLO)
    assert world.asked[0].url == "http://elsewhere.test/api/chat"
    assert world.asked[0].headers.get("authorization") == "Bearer k"
