"""Gemini: what its wire says, read and written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.dialects._gemini import Gemini
from harness.model import Head, Headers, Message, Prompt, Reply, Request, ToolCall, Unknown, Usage

DIALECT = Gemini()
ROOT = "https://generativelanguage.googleapis.com/v1beta/models/"
VERTEX = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google/models/gemini-x"
ASK = Request("POST", ROOT + "gemini-x:streamGenerateContent?alt=sse")


def read(body: bytes, status: int = 200) -> Reply:
    decoder = DIALECT.decoder(ASK, Head(status))
    return Reply.of([*decoder.feed(body), *decoder.close()])


def frame(parts: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": parts, "role": "model"}, **more}]}


def sse(*items: object) -> bytes:
    return b"".join(f"data: {json.dumps(item)}\r\n\r\n".encode() for item in items)


@pytest.mark.parametrize(
    "url, name, model",
    [
        (ROOT + "gemini-2.5-flash:generateContent", "gemini.generateContent", "gemini-2.5-flash"),
        (ROOT + "gemini-x%3AstreamGenerateContent?alt=sse", "gemini.streamGenerateContent", "gemini-x"),
        (
            VERTEX + ":generateContent?%24alt=json%3Benum-encoding%3Dint",
            "gemini.generateContent",
            "gemini-x",
        ),
        (ROOT + "gemini-x:countTokens", None, None),
        (ROOT + "gemini-x:embedContent", None, None),
        (ROOT + "gemini-x", None, None),
    ],
)
def test_the_operation_and_the_model_are_in_the_path(url: str, name: str | None, model: str | None) -> None:
    operation = DIALECT.operation(Request("POST", url))
    assert (operation and operation.name, operation and operation.model) == (name, model)


def test_a_stream_is_read_from_events_from_an_array_and_from_one_object_alike() -> None:
    items = [
        frame([{"text": "plan", "thought": True}]),
        frame([{"text": "Hi"}]),
        {**frame([{"text": "!"}], finishReason="STOP"), "usageMetadata": {"promptTokenCount": 3}, "modelVersion": "g"},
    ]
    array = b"[" + b"\n,\r\n".join(json.dumps(item, indent=2).encode() for item in items) + b"\n]"
    both = [read(sse(*items)), read(array)]
    assert both[0] == both[1]
    assert (both[0].text, both[0].thinking, both[0].finish, both[0].model) == ("Hi!", "plan", "stop", "g")
    assert [len(DIALECT.frames(Head(200), body)) for body in (sse(*items), array)] == [3, 4]


def test_function_calls_are_numbered_and_end_with_a_stop_for_a_tool() -> None:
    reply = read(
        sse(
            frame([{"functionCall": {"name": "f", "args": {"a": 1}}}]),
            frame([{"functionCall": {"name": "g", "id": "x"}}], finishReason="STOP"),
        )
    )
    assert reply.tool_calls == (ToolCall("f", '{"a": 1}'), ToolCall("g", "{}", "x"))
    assert (reply.finish, reply.native_finish) == ("tool", "STOP")


@pytest.mark.parametrize(
    "native, reason",
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "filter"),
        ("RECITATION", "filter"),
        ("PROHIBITED_CONTENT", "filter"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("CONTINUATION", "pause"),
        ("BRAND_NEW", None),
        (1, "stop"),
        (2, "length"),
        (99, None),
    ],
)
def test_a_finish_reason_is_a_word_or_on_vertex_a_number(native: str | int, reason: str | None) -> None:
    assert read(sse(frame([], finishReason=native))).finish == reason


def test_a_blocked_prompt_is_a_problem_inside_a_200() -> None:
    problem = read(json.dumps({"promptFeedback": {"blockReason": "SAFETY"}}).encode()).problem
    assert problem is not None
    assert (problem.kind, problem.code, problem.status) == ("content-filter", "SAFETY", None)


QUOTA = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "RequestsPerDayPerProject"}],
}


@pytest.mark.parametrize(
    "status, error, kind, wait",
    [
        (
            429,
            {
                "status": "RESOURCE_EXHAUSTED",
                "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"}],
            },
            "rate-limit",
            34.07,
        ),
        (429, {"status": "RESOURCE_EXHAUSTED", "details": [QUOTA]}, "quota", None),
        (503, {"status": "UNAVAILABLE"}, "overloaded", None),
        (400, {"status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}, "auth", None),
        (
            400,
            {"status": "INVALID_ARGUMENT", "message": "The input token count (9) exceeds the maximum number of tokens"},
            "context-length",
            None,
        ),
        (404, {"status": "NOT_FOUND"}, "not-found", None),
        (418, {}, "invalid-request", None),
    ],
)
def test_an_error_answer_is_sorted_in_a_list_too(
    status: int, error: dict[str, Any], kind: str, wait: float | None
) -> None:
    envelope = {"error": {"code": status, "message": "m", **error}}
    for body in (envelope, [envelope]):
        problem = read(json.dumps(body).encode(), status).problem
        assert problem is not None
        assert (problem.kind, problem.status, problem.retry_after_s) == (kind, status, wait)


def test_an_in_stream_error_has_the_status_of_its_body() -> None:
    error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    reply = read(sse(frame([{"text": "Once"}]), error))
    assert reply.text == "Once"
    assert reply.problem is not None
    assert (reply.problem.kind, reply.problem.status) == ("overloaded", 503)


def test_a_second_candidate_does_not_mix_with_the_first() -> None:
    two = {"candidates": [{"content": {"parts": [{"text": "a"}]}}, {"content": {"parts": [{"text": "b"}]}, "index": 1}]}
    assert read(json.dumps(two).encode()).text == "a"


def test_a_part_that_we_do_not_know_is_kept() -> None:
    reply = read(sse(frame([{"executableCode": {"code": "1+1"}}])))
    assert reply.deltas == (Unknown("executableCode", '{"executableCode": {"code": "1+1"}}'),)


def test_counts_are_said_once_where_every_frame_repeats_them() -> None:
    counts = {
        "usageMetadata": {
            "promptTokenCount": 3, "candidatesTokenCount": 2, "thoughtsTokenCount": 5, "cachedContentTokenCount": 1,
        }
    }  # fmt: skip
    reply = read(sse({**frame([{"text": "a"}]), **counts}, {**frame([{"text": "b"}]), **counts}))
    assert reply.usage == Usage(3, 2, 1, 5)
    assert len([d for d in reply.deltas if isinstance(d, Usage)]) == 1


@pytest.mark.parametrize("snake", [False, True])
def test_a_request_is_read_in_camel_case_and_in_snake_case(snake: bool) -> None:
    def spelt(camel: str, snaked: str) -> str:
        return snaked if snake else camel

    config = {
        spelt("maxOutputTokens", "max_output_tokens"): 9,
        spelt("responseMimeType", "response_mime_type"): "application/json",
        spelt("responseSchema", "response_schema"): {"type": "OBJECT", "properties": {"snake_key": {}}},
        spelt("topP", "top_p"): 0.5,
        "temperature": 0,
    }
    call = {"name": "f", "args": {"snake_key": 1}}
    body = {
        spelt("systemInstruction", "system_instruction"): {"parts": [{"text": "be brief"}]},
        spelt("generationConfig", "generation_config"): config,
        "tools": [{spelt("functionDeclarations", "function_declarations"): [{"name": "f", "parameters": {"a": 1}}]}],
        "contents": [
            {"parts": [{"text": "a "}, {"text": "b"}, {spelt("inlineData", "inline_data"): {}}]},
            {"role": "model", "parts": [{spelt("functionCall", "function_call"): call}]},
            {
                "role": "user",
                "parts": [{spelt("functionResponse", "function_response"): {"name": "f", "response": {}}}],
            },
        ],
    }
    prompt = DIALECT.prompt(Request("POST", ASK.url, Headers(), json.dumps(body).encode()))
    assert prompt.messages == (
        Message("system", "be brief"),
        Message("user", "a b", attachments=("inlineData",)),
        Message("assistant", tool_calls=(ToolCall("f", '{"snake_key": 1}'),)),
        Message("tool", "{}", name="f"),
    )
    assert prompt.parameters == {
        "max_tokens": 9,
        "response_format": "json",
        "responseSchema": {"type": "OBJECT", "properties": {"snake_key": {}}},
        "top_p": 0.5,
        "temperature": 0,
    }
    assert (prompt.model, prompt.stream, prompt.tools[0].schema) == ("gemini-x", True, {"a": 1})


def test_a_tool_round_trip_survives_encoding() -> None:
    messages = (
        Message("user", "go"),
        Message("assistant", tool_calls=(ToolCall("f", '{"a": 1}', "c1"),)),
        Message("tool", '{"r": 1}', name="f", tool_call_id="c1"),
        Message("tool", "plain", name="f"),
    )
    request = DIALECT.encode(Prompt(messages, "gemini-x", stream=True), "https://x.example")
    assert request.url == "https://x.example/v1beta/models/gemini-x:streamGenerateContent?alt=sse"
    read_back = DIALECT.prompt(request).messages
    assert read_back[:3] == messages[:3]
    assert read_back[3].content == '{"result": "plain"}'
