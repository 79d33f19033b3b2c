"""The `gemini` backend: what it says on the wire, and what is made of what comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import harness
from harness.contract import LLMConnectionError
from harness.model import Head, Headers, Timeline

HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]


def said(*parts: object, finish: str = "STOP") -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": part} if isinstance(part, str) else part for part in parts]}
    return {"candidates": [{"content": content, "finishReason": finish}], "modelVersion": "gemini-x"}


def exhausted(message: str, *details: object) -> dict[str, Any]:
    return {"error": {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED", "details": list(details)}}


RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}
ZERO = (
    "Quota exceeded for metric: generate_content_free_tier_requests, limit: 0, model: gemini-x\nPlease retry in 12.3s."
)


def backend(**options: Any) -> Any:
    return harness.get_backend("gemini", **{"model": "gemini-x", "api_key": "k", **options})


def test_a_chat_is_spoken_to_generate_content(answering: Any) -> None:
    with answering(said("Hi.")) as world:
        response = backend(model="models/gemini-x").complete(HELLO, stop_sequences=["END"], max_tokens=9)
    assert (response.narrative_text, response.finish_reason) == ("Hi.", "stop")
    (request,) = world.asked
    assert request.url == "https://generativelanguage.googleapis.com/v1beta/models/gemini-x:generateContent"
    assert request.headers.get("x-goog-api-key") == "k"
    assert world.bodies == [
        {
            "contents": [{"role": "user", "parts": [{"text": "Hello?"}]}],
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "generationConfig": {
                "temperature": 0.7,
                "topP": 1.0,
                "stopSequences": ["END"],
                "maxOutputTokens": 9,
            },
        }
    ]


def test_a_stream_is_spoken_to_stream_generate_content(answering: Any) -> None:
    frames = [b'data: {"candidates":[{"content":{"parts":[{"text":"%s"}]}}]}\r\n\r\n' % text for text in (b"Hi", b".")]
    last = b'data: {"candidates":[{"finishReason":"MAX_TOKENS"}]}\r\n\r\n'
    timeline = Timeline.of(Head(200, Headers((("content-type", "text/event-stream"),))), [*frames, last])
    with answering(timeline) as world:
        streaming = backend()
        assert list(streaming.stream_tokens(HELLO)) == ["Hi", "."]
        assert streaming.last_finish_reason == "length"
    assert world.asked[0].url.endswith("/models/gemini-x:streamGenerateContent?alt=sse")


def test_a_prompt_is_spoken_without_defaults_that_nobody_asked_for(answering: Any) -> None:
    with answering(said("Hi.")) as world:
        assert asyncio.run(backend().generate("Hello?")).text == "Hi."
    assert world.bodies == [{"contents": [{"role": "user", "parts": [{"text": "Hello?"}]}]}]


def test_json_and_schemas_have_fields(answering: Any) -> None:
    schema = {"type": "object", "title": "Answer"}
    with answering(said("{}")) as world:
        backend().complete(HELLO, response_format="json")
        backend().complete(HELLO, response_format=schema)
    configs = [body["generationConfig"] for body in world.bodies]
    assert [config["responseMimeType"] for config in configs] == ["application/json"] * 2
    assert [config.get("responseJsonSchema") for config in configs] == [None, schema]


def test_tools_are_offered_and_a_call_comes_back(answering: Any) -> None:
    with answering(said({"functionCall": {"name": "move", "args": {"to": "north"}}})) as world:
        response = backend(tools=[{"name": "move", "schema": {"type": "object"}}]).complete(HELLO)
    assert response.tool_call == {"name": "move", "arguments": {"to": "north"}}
    assert world.bodies[0]["tools"][0]["functionDeclarations"][0]["name"] == "move"


@pytest.mark.parametrize(
    "told, wait_s",
    [
        (exhausted("Slow down.", RETRY_INFO), 34.5),
        (exhausted("Quota exceeded, limit: 15. Please retry in 12.3s."), 12.3),
        (exhausted("Please retry in 850ms."), 0.85),
        (exhausted("Slow down."), 1.0),
    ],
)
def test_google_s_own_ways_to_name_a_wait_are_honoured(answering: Any, told: Any, wait_s: float) -> None:
    with answering((told, 429), said("Hi.")) as world:
        assert backend().complete(HELLO).narrative_text == "Hi."
        assert world.now() == pytest.approx(wait_s)


def test_a_quota_of_zero_is_not_waited_for_and_the_message_says_so(answering: Any) -> None:
    with answering((exhausted(ZERO, RETRY_INFO), 429)) as world:
        with pytest.raises(LLMConnectionError, match=r"its quota is zero, so waiting is of no use.*limit: 0"):
            backend().complete(HELLO)
        assert (len(world.asked), world.now()) == (1, 0.0)


def test_where_the_quota_is_zero_the_fallback_is_asked_at_once(answering: Any) -> None:
    heard: list[str] = []
    with answering((exhausted(ZERO), 429), said("Hi.")) as world:
        saved = backend(fallback_model="gemini-y")
        saved.on_status = heard.append
        assert saved.complete(HELLO).narrative_text == "Hi."
        assert world.now() == 0.0
    assert [request.url.rpartition("/")[2] for request in world.asked] == [
        "gemini-x:generateContent",
        "gemini-y:generateContent",
    ]
    assert heard == ["gemini-x is exhausted, asking gemini-y"]


def test_a_blocked_prompt_is_a_soft_failure(answering: Any) -> None:
    with answering({"promptFeedback": {"blockReason": "SAFETY"}}):
        result = asyncio.run(backend().generate("Hello?"))
        assert backend().complete(HELLO).finish_reason == "error"
    assert (result.success, result.extra["error"]) == (False, "the prompt was blocked: SAFETY")


def test_a_wrong_key_is_named_as_such(answering: Any) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
    error = {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT", "details": details}
    with answering(({"error": error}, 400)), pytest.raises(LLMConnectionError, match=r"HTTP 400 \(auth\): API key not"):
        backend().complete(HELLO)


def test_the_key_comes_from_either_variable(answering: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "second")
    with answering(said("Hi.")) as world:
        backend(api_key=None).complete(HELLO)
        monkeypatch.setenv("GEMINI_API_KEY", "first")
        backend(api_key=None).complete(HELLO)
    assert [request.headers.get("x-goog-api-key") for request in world.asked] == ["second", "first"]
