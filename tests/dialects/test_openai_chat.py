"""OpenAI chat: the forms that its many servers send."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness import dialects
from harness.errors import DialectError
from harness.model import (
    Delta,
    Finish,
    Head,
    Headers,
    Message,
    Problem,
    Prompt,
    Reply,
    Request,
    Text,
    Thinking,
    Timeline,
    Tool,
    ToolCall,
    Unknown,
    Usage,
)

CHAT = dialects.get("openai-chat")
URL = "https://api.openai.com/v1/chat/completions"


def request(body: object = None, url: str = URL) -> Request:
    return Request("POST", url, body=json.dumps(body or {}).encode())


def reply(body: bytes, head: Head | None = None) -> Reply:
    found = dialects.decode(request(), Timeline.of(head or Head(200), [body]))
    assert found is not None
    return found


def sse(*events: object) -> bytes:
    told = (event if isinstance(event, str) else json.dumps(event) for event in events)
    return "".join(f"data: {event}\n\n" for event in told).encode()


def chunk(delta: object, finish: str | None = None, index: int = 0, **more: object) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **more}


def test_azure_begins_with_a_chunk_that_has_no_choices() -> None:
    filtered = {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    found = reply(sse(filtered, chunk({"content": "Hi"}), chunk({}, "stop"), "[DONE]"))
    assert (found.text, found.finish, found.id, found.problem) == ("Hi", "stop", "c1", None)
    assert found.deltas[0] == Unknown("prompt_filter_results", '[{"prompt_index": 0}]')


def test_several_choices_are_kept_apart() -> None:
    body = sse(
        chunk({"content": "a"}), chunk({"content": "b"}, index=1), chunk({}, "stop"), chunk({}, "length", index=1)
    )
    found = reply(body)
    assert (found.text, found.finish) == ("a", "stop")
    assert Text("b", choice=1) in found.deltas
    assert Finish("length", "length", choice=1) in found.deltas


def test_tool_calls_come_in_fragments_with_gaps_and_without_numbers() -> None:
    first = {"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}
    more = {"index": 0, "function": {"arguments": '{"x": 1}'}}
    gap = {"index": 2, "id": "b", "function": {"name": "g", "arguments": {"y": 2}}}
    plain = {"id": "c", "function": {"name": "h", "arguments": "{"}}
    rest = {"function": {"arguments": "}"}}
    found = reply(
        sse(*(chunk({"tool_calls": [call]}) for call in (first, more, gap, plain, rest)), chunk({}, "tool_calls"))
    )
    assert found.tool_calls == (
        ToolCall("f", '{"x": 1}', "a"),
        ToolCall("g", '{"y": 2}', "b"),
        ToolCall("h", "{}", "c"),
    )
    assert found.finish == "tool"


def test_the_legacy_function_call_is_a_tool_call() -> None:
    body = sse(chunk({"function_call": {"name": "f", "arguments": "{"}}), chunk({"function_call": {"arguments": "}"}}))
    assert reply(body).tool_calls == (ToolCall("f", "{}"),)


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": "Hm."},
        {"reasoning": "Hm.", "reasoning_content": "Hm."},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]},
    ],
)
def test_reasoning_has_many_names_and_is_told_once(delta: object) -> None:
    assert [d for d in reply(sse(chunk(delta))).deltas if isinstance(d, Thinking)] == [Thinking("Hm.")]


def test_a_refusal_is_why_it_stopped() -> None:
    found = reply(sse(chunk({"refusal": "No"}), chunk({"refusal": "."}), chunk({}, "stop")))
    assert (found.refusal, found.finish, found.native_finish) == ("No.", "refusal", "stop")


def test_a_new_finish_reason_keeps_its_word() -> None:
    assert reply(sse(chunk({}, "tired"))).deltas[-1] == Finish(None, "tired")


@pytest.mark.parametrize(
    "usage, expected",
    [
        (
            {"prompt_tokens": 9, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 4}},
            Usage(9, 0, 4, None),
        ),
        ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 5}, Usage(9, None, 5, None)),
        ({"completion_tokens": 7, "completion_tokens_details": {"reasoning_tokens": 6}}, Usage(None, 7, None, 6)),
    ],
)
def test_usage_has_many_forms(usage: object, expected: Usage) -> None:
    assert reply(sse({"choices": [], "usage": usage})).usage == expected
    assert reply(sse(chunk({}, "stop", x_groq={"usage": usage}))).usage == expected


def test_an_error_in_the_middle_of_a_stream_comes_after_the_text() -> None:
    error = {"error": {"message": "The server had an error.", "type": "server_error", "param": None, "code": None}}
    found = reply(sse(chunk({"content": "He"}), error))
    assert (found.text, found.finish) == ("He", None)
    assert found.problem == Problem(
        "server-error", "The server had an error.", "server_error", extra={"type": "server_error"}
    )


@pytest.mark.parametrize(
    "status, body, kind",
    [
        (429, {"error": {"message": "m", "type": "requests", "code": "rate_limit_exceeded"}}, "rate-limit"),
        (429, {"error": {"message": "m", "type": "insufficient_quota", "code": "insufficient_quota"}}, "quota"),
        (400, {"error": {"message": "m", "code": "context_length_exceeded"}}, "context-length"),
        (400, {"error": {"message": "This model's maximum context length is 8", "code": None}}, "context-length"),
        (400, {"error": {"message": "m", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}, "content-filter"),
        (401, {"error": {"message": "m", "code": "invalid_api_key"}}, "auth"),
        (404, {"object": "error", "message": "m", "type": "NotFoundError", "code": 404}, "not-found"),
        (502, {"error": {"message": "m", "code": 502}}, "server-error"),
        (503, {"error": {"message": "m", "code": "server_is_overloaded"}}, "overloaded"),
        (422, {"detail": [{"msg": "m"}]}, "invalid-request"),
        (400, [{"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}}], "invalid-request"),
        (200, {"error": {"message": "m", "code": 429}}, "rate-limit"),
        (200, {"error": "m"}, "unknown"),
    ],
)  # fmt: skip
def test_errors_of_many_servers_have_a_kind(status: int, body: object, kind: str) -> None:
    problem = reply(json.dumps(body).encode(), Head(status)).problem
    assert problem is not None
    assert problem.kind == kind
    assert "m" in problem.message
    assert problem.status == (status if status >= 400 else None)


def test_the_wait_is_read_from_either_header() -> None:
    body = b'{"error": {"message": "m"}}'
    said = [("retry-after-ms", "1500")], [("retry-after", "12")], [
        ("retry-after", "Sun, 22 Nov 2026 10:00:30 GMT"),
        ("date", "Sun, 22 Nov 2026 10:00:00 GMT"),
    ]  # fmt: skip
    problems = [reply(body, Head(429, Headers.of(pairs))).problem for pairs in said]
    assert [problem.retry_after_s for problem in problems if problem] == [1.5, 12, 30]


def test_a_page_of_html_is_a_problem_with_its_status() -> None:
    page = Head(503, Headers((("content-type", "text/html"), ("retry-after", "3"))))
    problem = reply(b"<html>Bad gateway</html>", page).problem
    assert problem == Problem("overloaded", "<html>Bad gateway</html>", status=503, retry_after_s=3)
    found = reply(b"<html>Log in</html>", Head(200, Headers((("content-type", "text/html"),))))
    assert found.problem is not None
    assert found.problem.kind == "malformed"


def test_a_cut_stream_is_malformed_only_where_a_frame_is_cut() -> None:
    whole = sse(chunk({"content": "Hé"}))
    assert reply(whole).problem is None
    assert reply(whole.rstrip(b"\n")).text == "Hé"
    cut = reply(whole + whole[:-20]).problem
    assert cut is not None
    assert cut.kind == "malformed"


def test_a_stream_that_broke_off_is_not_malformed_for_that() -> None:
    timeline = Timeline.of(Head(200), [sse(chunk({"content": "Hé"})), b'data: {"id']).cut(2)
    found = dialects.decode(request(), timeline)
    assert found is not None
    assert (found.text, found.problem) == ("Hé", None)


def test_unknown_events_and_fields_are_kept() -> None:
    body = b'event: thread.created\ndata: {"id": 1}\n\n' + sse(chunk({"content": "x", "audio": {"id": "a"}}), 7)
    unknown: list[Delta] = [d for d in reply(body).deltas if isinstance(d, Unknown)]
    assert unknown == [Unknown("thread.created", '{"id": 1}'), Unknown("delta.audio", '{"id": "a"}'), Unknown("", "7")]


def test_azure_carries_the_model_in_the_path() -> None:
    url = "https://x.openai.azure.com/openai/deployments/gpt%2D4o/chat/completions?api-version=1"
    operation = CHAT.operation(request(url=url))
    assert operation is not None
    assert (operation.name, operation.model) == ("openai.chat", "gpt-4o")


@pytest.mark.parametrize("url", ["https://api.groq.com/openai/v1/chat/completions", "http://h/chat/completions/?x=1"])
def test_every_host_and_prefix_is_recognised(url: str) -> None:
    assert CHAT.operation(Request("post", url)) is not None


def test_the_request_is_read_with_its_older_forms() -> None:
    body = {
        "model": "m",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "What?"}, {"type": "image_url"}]},
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        ],
        "functions": [{"name": "f", "parameters": {"type": "object"}}],
        "max_tokens": 5,
        "stop": "END",
        "user": "me",
        "tool_choice": None,
    }  # fmt: skip
    assert dialects.prompt_of(request(body)) == Prompt(
        (
            Message("user", "What?", attachments=("image_url",)),
            Message("assistant", tool_calls=(ToolCall("f", "{}"),)),
        ),
        "m",
        {"max_tokens": 5, "stop_sequences": ["END"], "user": "me"},
        (Tool("f", schema={"type": "object"}),),
        stream=False,
    )


def test_a_body_that_is_no_chat_is_an_error_with_its_place() -> None:
    with pytest.raises(DialectError, match=r"POST https://api.openai.com.*\$\.messages"):
        CHAT.prompt(request({"model": "m"}))
    assert dialects.prompt_of(request({"model": "m"})) is None


def test_usage_is_streamed_only_where_it_was_asked_for() -> None:
    said = Reply(text="x", finish="stop", usage=Usage(1, 2))
    asked = [Prompt(stream=True, parameters={"stream_options": {"include_usage": wanted}}) for wanted in (True, False)]
    streams = [b"".join(CHAT.render(said, prompt, ["x"])[1]) for prompt in asked]
    assert [reply(stream).usage for stream in streams] == [Usage(1, 2), None]


def test_what_has_no_form_is_refused() -> None:
    asked = Prompt(stream=False)
    with pytest.raises(DialectError, match="only the native dialect"):
        CHAT.render(Reply(problem=Problem("failure", "rc 1")), asked, [])
    with pytest.raises(DialectError, match="not streamed"):
        CHAT.render(Reply(text="x", problem=Problem("server-error")), asked, [])
    with pytest.raises(DialectError, match="refusal"):
        CHAT.render(Reply(finish="refusal"), asked, [])
    with pytest.raises(DialectError, match="image_url"):
        CHAT.encode(Prompt((Message("user", attachments=("image_url",)),)), "http://h/v1")


def test_the_new_models_get_the_new_name_of_the_limit() -> None:
    sent = [
        json.loads(CHAT.encode(Prompt(model=m, parameters={"max_tokens": 3}), "http://h").body)
        for m in ("gpt-4o", "o3")
    ]
    assert [sorted(body) for body in sent] == [
        ["max_tokens", "messages", "model"],
        ["max_completion_tokens", "messages", "model"],
    ]


def test_legacy_completions_are_read() -> None:
    asked = Request("POST", "http://h/v1/completions", body=b'{"model": "m", "prompt": ["a", [1, 2]], "max_tokens": 1}')
    known = dialects.recognise(asked)
    assert known is not None
    assert known[1].name == "openai.completions"
    assert known[0].prompt(asked).messages == (Message("user", "a"), Message("user", attachments=("tokens",)))
    body = sse({"choices": [{"text": "Hi", "index": 0, "finish_reason": "length"}]}, "[DONE]")
    found = dialects.decode(asked, Timeline.of(Head(200), [body]))
    assert found is not None
    assert (found.text, found.finish) == ("Hi", "length")
    head, chunks = known[0].render(Reply(text="Hi there", finish="length"), Prompt(stream=True), ["Hi ", "there"])
    again = dialects.decode(asked, Timeline.of(head, chunks))
    assert again is not None
    assert ([d.text for d in again.deltas if isinstance(d, Text)][:2], again.finish) == (["Hi ", "there"], "length")
    with pytest.raises(DialectError, match="openai-chat"):
        known[0].render(Reply(tool_calls=(ToolCall("f"),)), Prompt(), [])
    told = Prompt((Message("user", "a"),), "m", {"stop_sequences": ["x"]}, stream=True)
    assert known[0].prompt(known[0].encode(told, "http://h/v1")) == told
    with pytest.raises(DialectError, match="openai-chat"):
        known[0].encode(Prompt((Message("system", "a"),)), "http://h/v1")
