"""Anthropic: what its wire says, read and written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness import dialects
from harness.dialects._anthropic import Anthropic
from harness.errors import DialectError
from harness.model import (
    Head,
    Headers,
    Message,
    Problem,
    Prompt,
    Reply,
    Request,
    Timeline,
    ToolCall,
    Unknown,
    Usage,
)

DIALECT = Anthropic()
ASK = Request("POST", "https://api.anthropic.com/v1/messages")
OK = Head(200, Headers((("content-type", "text/event-stream"),)))


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)


def read(body: bytes, head: Head = OK) -> Reply:
    decoder = DIALECT.decoder(ASK, head)
    return Reply.of([*decoder.feed(body), *decoder.close()])


def asked(body: dict[str, Any]) -> Prompt:
    return DIALECT.prompt(Request("POST", ASK.url, body=json.dumps(body).encode()))


def start(block: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(piece: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": piece}


@pytest.mark.parametrize(
    "url, ours",
    [
        ("https://api.anthropic.com/v1/messages", True),
        ("https://proxy.example/anthropic/v1/messages?beta=true", True),
        ("https://api.anthropic.com/v1/messages/count_tokens", False),
        ("https://api.anthropic.com/v1/messages/batches", False),
        ("https://api.anthropic.com/v1/models", False),
    ],
)
def test_the_operation_is_known_by_its_path(url: str, ours: bool) -> None:
    assert bool(DIALECT.operation(Request("POST", url))) is ours
    assert DIALECT.operation(Request("GET", url)) is None


def test_a_stream_cut_before_its_end_has_no_finish_and_no_problem() -> None:
    reply = read(sse(start({"type": "text", "text": ""}), delta({"type": "text_delta", "text": "Once"})))
    assert (reply.text, reply.finish, reply.problem) == ("Once", None, None)


def test_a_stream_cut_inside_an_event_is_malformed() -> None:
    reply = read(sse(delta({"type": "text_delta", "text": "Once"})) + b'event: content_block_delta\ndata: {"ty')
    assert reply.text == "Once"
    assert reply.problem is not None
    assert (reply.problem.kind, "cut short" in reply.problem.message) == ("malformed", True)


def test_a_last_event_without_its_blank_line_still_counts() -> None:
    body = sse({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}})
    assert read(body.rstrip(b"\n")).finish == "stop"


@pytest.mark.parametrize(
    "native, reason",
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool"),
        ("pause_turn", "pause"),
        ("refusal", "refusal"),
        ("brand_new", None),
    ],
)
def test_a_stop_reason_keeps_its_native_word(native: str, reason: str | None) -> None:
    reply = read(sse({"type": "message_delta", "delta": {"stop_reason": native}}))
    assert (reply.finish, reply.native_finish) == (reason, native)


def test_a_tool_without_input_deltas_was_called_with_the_input_of_its_start() -> None:
    body = sse(
        start({"type": "tool_use", "id": "t1", "name": "now", "input": {}}),
        delta({"type": "input_json_delta", "partial_json": ""}),
        {"type": "content_block_stop", "index": 0},
        start({"type": "tool_use", "id": "t2", "name": "f", "input": {}}, 1),
        delta({"type": "input_json_delta", "partial_json": '{"a"'}, 1),
        delta({"type": "input_json_delta", "partial_json": ": 1}"}, 1),
        {"type": "content_block_stop", "index": 1},
    )
    assert read(body).tool_calls == (ToolCall("now", "{}", "t1"), ToolCall("f", '{"a": 1}', "t2"))


def test_a_tool_that_the_provider_runs_itself_is_no_call_for_the_caller_and_is_kept() -> None:
    reply = read(
        sse(
            start({"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}),
            delta({"type": "input_json_delta", "partial_json": '{"query": "x"}'}),
            {"type": "content_block_stop", "index": 0},
        )
    )
    assert reply.tool_calls == ()
    assert [d.event for d in reply.deltas if isinstance(d, Unknown)] == ["server_tool_use", "input_json_delta"]


def test_an_unknown_event_is_kept_and_a_ping_says_nothing() -> None:
    reply = read(sse({"type": "ping"}, {"type": "brand_new", "x": 1}))
    assert reply.deltas == (Unknown("brand_new", '{"type": "brand_new", "x": 1}'),)


def test_counts_of_the_end_replace_those_of_the_start() -> None:
    reply = read(
        sse(
            {
                "type": "message_start",
                "message": {"id": "m", "model": "c", "usage": {"input_tokens": 7, "output_tokens": 1}},
            },
            {
                "type": "message_delta",
                "delta": {},
                "usage": {
                    "output_tokens": 9,
                    "cache_read_input_tokens": 4,
                    "output_tokens_details": {"thinking_tokens": 2},
                },
            },
        )
    )
    assert reply.usage == Usage(7, 9, 4, 2)


@pytest.mark.parametrize(
    "status, error, kind",
    [
        (429, {"type": "rate_limit_error", "message": "slow"}, "rate-limit"),
        (
            429,
            {"type": "rate_limit_error", "message": "x", "details": {"error_code": "enforced_spend_limit_reached"}},
            "quota",
        ),
        (529, {"type": "overloaded_error", "message": "Overloaded"}, "overloaded"),
        (
            400,
            {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum"},
            "context-length",
        ),
        (400, {"type": "invalid_request_error", "message": "max_tokens: required"}, "invalid-request"),
        (401, {"type": "authentication_error", "message": "invalid x-api-key"}, "auth"),
        (500, {"type": "brand_new_error", "message": "?"}, "server-error"),
    ],
)
def test_an_error_answer_is_sorted(status: int, error: dict[str, Any], kind: str) -> None:
    head = Head(status, Headers((("retry-after", "12"),)))
    problem = read(json.dumps({"type": "error", "error": error}).encode(), head).problem
    assert problem is not None
    assert (problem.kind, problem.status, problem.code, problem.retry_after_s) == (kind, status, error["type"], 12)


def test_a_page_of_html_is_a_problem_under_any_status() -> None:
    page = b"<html>Bad Gateway</html>"
    bad, fine = read(page, Head(502)).problem, read(page, OK).problem
    assert bad is not None
    assert fine is not None
    assert (bad.kind, bad.status, fine.kind, fine.status) == ("server-error", 502, "malformed", None)


def test_a_wait_given_as_a_date_counts_from_the_answer_s_own_date() -> None:
    headers = Headers((("date", "Sun, 22 Nov 2026 00:00:00 GMT"), ("retry-after", "Sun, 22 Nov 2026 00:00:30 GMT")))
    problem = read(b'{"type": "error", "error": {"type": "rate_limit_error"}}', Head(429, headers)).problem
    assert problem is not None
    assert problem.retry_after_s == 30


def test_an_in_stream_error_comes_after_the_text() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    reply = read(sse(delta({"type": "text_delta", "text": "Once"}), error))
    assert reply.text == "Once"
    assert reply.problem == Problem("overloaded", "Overloaded", "overloaded_error")


def test_a_request_is_read_with_each_tool_answer_as_a_message_of_its_own() -> None:
    prompt = asked(
        {
            "model": "claude-x",
            "max_tokens": 9,
            "stream": True,
            "system": [{"type": "text", "text": "be "}, {"type": "text", "text": "brief"}],
            "metadata": None,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "tools": [{"type": "web_search_20250305", "name": "web_search"}],
            "messages": [
                {"role": "user", "content": [{"type": "image", "source": {}}, {"type": "text", "text": "what?"}]},
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "one"}]},
                        {"type": "tool_result", "tool_use_id": "t2", "content": "two"},
                        {"type": "text", "text": "go on"},
                    ],
                },
            ],
        }
    )
    assert prompt.messages == (
        Message("system", "be brief"),
        Message("user", "what?", attachments=("image",)),
        Message("tool", "one", tool_call_id="t1"),
        Message("tool", "two", tool_call_id="t2"),
        Message("user", "go on"),
    )
    assert prompt.parameters == {"max_tokens": 9, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    assert (prompt.stream, prompt.tools[0].name) == (True, "web_search")


def test_tool_answers_to_one_turn_are_sent_in_one_message() -> None:
    calls = (ToolCall("f", '{"a": 1}', "t1"), ToolCall("g", "", "t2"))
    messages = (
        Message("user", "go"),
        Message("assistant", "ok", tool_calls=calls),
        Message("tool", "1", tool_call_id="t1"),
        Message("tool", "2", tool_call_id="t2"),
    )
    body = json.loads(DIALECT.encode(Prompt(messages, "claude-x"), "https://x.example/v1/").body)
    assert [block["tool_use_id"] for block in body["messages"][2]["content"]] == ["t1", "t2"]
    assert [block["type"] for block in body["messages"][1]["content"]] == ["text", "tool_use", "tool_use"]
    assert body["max_tokens"] == 4096


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt((Message("user", "x"),), parameters={"seed": 1}),
        Prompt((Message("user", "x"),), parameters={"response_format": "json"}),
        Prompt((Message("user", "x", attachments=("image",)),)),
        Prompt((Message("assistant", tool_calls=(ToolCall("f", "{broken"),)),)),
    ],
)
def test_what_this_wire_cannot_say_is_refused(prompt: Prompt) -> None:
    with pytest.raises(DialectError):
        DIALECT.encode(prompt, "https://x.example")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(refusal="no", finish="refusal"),
        Reply(finish="filter"),
        Reply(problem=Problem("failure", "rc 1")),
        Reply(tool_calls=(ToolCall("f", "{broken"),), finish="tool"),
    ],
)
def test_a_reply_that_this_wire_has_no_form_for_is_refused(reply: Reply) -> None:
    with pytest.raises(DialectError):
        DIALECT.render(reply, Prompt(model="m", stream=False), [])


LIVE = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"chatcmpl-1","type":"message",'
    b'"role":"assistant","content":[],"model":"smollm2-135m-instruct","stop_reason":null,"stop_sequence":null,'
    b'"usage":{"cache_read_input_tokens":0,"input_tokens":19,"output_tokens":0}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"text","text":""}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"Hello"}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"."}}\n\n'
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"max_tokens","stop_sequence":null},'
    b'"usage":{"output_tokens":2}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)


def test_a_stream_of_a_real_server_is_read() -> None:
    reply = read(LIVE)
    assert (reply.text, reply.finish, reply.model) == ("Hello.", "length", "smollm2-135m-instruct")
    assert reply.usage == Usage(19, 2, 0)
    assert len(DIALECT.frames(OK, LIVE)) == 7


def test_another_server_s_error_envelope_is_read() -> None:
    body = b'{"error":{"code":500,"message":"\'messages\' is required","type":"server_error"}}'
    problem = read(body, Head(500)).problem
    assert problem is not None
    assert (problem.kind, problem.message) == ("server-error", "'messages' is required")


def test_the_older_completions_are_read_whole_and_streamed() -> None:
    body = {"model": "claude-2", "prompt": "\n\nHuman: hi\n\nAssistant:", "max_tokens_to_sample": 9}
    request = Request("POST", "https://api.anthropic.com/v1/complete", body=json.dumps(body).encode())
    prompt = dialects.prompt_of(request)
    assert prompt is not None
    assert (prompt.text, prompt.parameters) == ("\n\nHuman: hi\n\nAssistant:", {"max_tokens": 9})
    events = [{"type": "completion", "completion": " Hel", "stop_reason": None},
              {"type": "completion", "completion": "lo", "stop_reason": "stop_sequence"}]  # fmt: skip
    streamed = [f"event: completion\r\ndata: {json.dumps(event)}\r\n\r\n".encode() for event in events]
    whole = [json.dumps({"type": "completion", "completion": " Hello", "stop_reason": "stop_sequence"}).encode()]
    for chunks in (streamed, whole):
        found = dialects.decode(request, Timeline.of(Head(200), chunks))
        assert found is not None
        assert (found.text, found.finish, found.native_finish) == (" Hello", "stop", "stop_sequence")


def test_vertex_has_the_model_in_its_path() -> None:
    at = "https://x-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/anthropic/models"
    body = (
        b'{"anthropic_version": "vertex-2023-10-16", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}'
    )
    asked = [Request("POST", f"{at}/{model}:streamRawPredict", body=body) for model in ("claude-a%401", "claude-b")]
    known = [dialects.recognise(request) for request in asked]
    assert [found and found[1].model for found in known] == ["claude-a@1", "claude-b"]
    prompts = [dialects.prompt_of(request) for request in asked]
    assert [prompt and prompt.model for prompt in prompts] == ["claude-a@1", "claude-b"]
