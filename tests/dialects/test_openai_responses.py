"""OpenAI Responses: everything is said up to four times, and told once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from harness import dialects
from harness.errors import DialectError
from harness.model import (
    Finish,
    Head,
    Message,
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

URL = "https://api.openai.com/v1/responses"
PART = {"type": "output_text", "text": "Hé 🌍", "annotations": []}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "content": [PART]}
CALL = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"a": 1}'}
USAGE = {
    "input_tokens": 3,
    "output_tokens": 5,
    "input_tokens_details": {"cached_tokens": 1},
    "output_tokens_details": {"reasoning_tokens": 2},
}


def response(status: str = "completed", output: Iterable[object] = (), **more: object) -> dict[str, Any]:
    return {"id": "resp_1", "object": "response", "model": "m", "status": status, "output": list(output), **more}


EVENTS: list[dict[str, Any]] = [
    {"type": "response.created", "response": response("in_progress")},
    {"type": "response.output_item.added", "output_index": 0, "item": {**MESSAGE, "content": []}},
    {"type": "response.content_part.added", "item_id": "msg_1", "output_index": 0, "part": {**PART, "text": ""}},
    {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": "Hé"},
    {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": " 🌍"},
    {"type": "response.output_text.done", "item_id": "msg_1", "output_index": 0, "content_index": 0, "text": "Hé 🌍"},
    {"type": "response.content_part.done", "item_id": "msg_1", "output_index": 0, "content_index": 0, "part": PART},
    {"type": "response.output_item.done", "output_index": 0, "item": MESSAGE},
    {"type": "response.output_item.added", "output_index": 1, "item": {**CALL, "arguments": ""}},
    {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 1, "delta": '{"a"'},
    {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 1, "delta": ": 1}"},
    {"type": "response.function_call_arguments.done", "item_id": "fc_1", "output_index": 1, "arguments": '{"a": 1}'},
    {"type": "response.output_item.done", "output_index": 1, "item": CALL},
    {"type": "response.completed", "response": response(output=[MESSAGE, CALL], usage=USAGE)},
]  # fmt: skip
WHOLE = ("Hé 🌍", (ToolCall("f", '{"a": 1}', "call_1"),), "tool", Usage(3, 5, 1, 2), "resp_1", "m")


def sse(events: Iterable[dict[str, Any]]) -> bytes:
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()


def reply(body: bytes, status: int = 200) -> Reply:
    found = dialects.decode(Request("POST", URL), Timeline.of(Head(status), [body]))
    assert found is not None
    return found


def shown(found: Reply) -> tuple[object, ...]:
    return found.text, found.tool_calls, found.finish, found.usage, found.id, found.model


def test_a_stream_says_all_of_it_once_and_in_pieces() -> None:
    found = reply(sse(EVENTS))
    assert shown(found) == WHOLE
    assert [delta.text for delta in found.deltas if isinstance(delta, Text)] == ["Hé", " 🌍"]
    assert not any(isinstance(delta, Unknown) for delta in found.deltas)


@pytest.mark.parametrize("kept", ["delta", "done", "item.done", "part.done", "completed"])
def test_whoever_says_it_first_is_heard(kept: str) -> None:
    """A stream less all repetitions but one kind still has its text: a lost delta is made good by what follows."""
    some = [e for e in EVENTS if e["type"].endswith((kept, "created", "completed"))]
    assert shown(reply(sse(some))) == WHOLE


def test_llama_cpp_sends_ids_and_no_places() -> None:
    bare = [{k: v for k, v in event.items() if k not in {"output_index", "content_index"}} for event in EVENTS]
    assert shown(reply(sse(bare))) == WHOLE


def test_ids_that_change_are_told_apart_by_their_place() -> None:
    other = [json.loads(json.dumps(event).replace("msg_1", f"msg_{n}")) for n, event in enumerate(EVENTS)]
    assert shown(reply(sse(other))) == WHOLE


def test_one_object_means_the_same() -> None:
    assert shown(reply(json.dumps(EVENTS[-1]["response"], indent=2).encode())) == WHOLE


def test_reasoning_comes_as_text_and_as_summary() -> None:
    events = [
        {"type": "response.reasoning_summary_text.delta", "item_id": "r", "summary_index": 0, "delta": "Sum."},
        {"type": "response.reasoning_summary_text.done", "item_id": "r", "summary_index": 0, "text": "Sum."},
        {"type": "response.reasoning_text.delta", "item_id": "r", "content_index": 0, "delta": "Hm."},
    ]
    whole = {"id": "r", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Sum."}]}
    found = reply(sse([*events, {"type": "response.completed", "response": response(output=[whole])}]))
    assert [delta for delta in found.deltas if isinstance(delta, Thinking)] == [Thinking("Sum."), Thinking("Hm.")]


def test_a_refusal_is_why_it_stopped() -> None:
    part = {"type": "refusal", "refusal": "No."}
    item = {"id": "m", "type": "message", "content": [part]}
    events = [{"type": "response.refusal.delta", "item_id": "m", "content_index": 0, "delta": "No."}]
    found = reply(sse([*events, {"type": "response.completed", "response": response(output=[item])}]))
    assert (found.refusal, found.finish) == ("No.", "refusal")


@pytest.mark.parametrize(
    "reason, finish", [("max_output_tokens", "length"), ("content_filter", "filter"), ("tired", None)]
)
def test_an_incomplete_response_says_why(reason: str, finish: str | None) -> None:
    told = response("incomplete", incomplete_details={"reason": reason})
    found = reply(sse([{"type": "response.incomplete", "response": told}]))
    assert found.deltas[-1] == Finish(finish, reason)  # type: ignore[arg-type]


def test_failures_are_problems_in_each_of_their_forms() -> None:
    error = {"code": "rate_limit_exceeded", "message": "Slow down."}
    failed = {"type": "response.failed", "response": response("failed", error=error)}
    flat = {"type": "error", **error, "param": None, "sequence_number": 3}
    nested = {"type": "error", "error": {"type": "requests", **error}}
    problems = [reply(sse([event])).problem for event in (failed, flat, nested)]
    assert [(p.kind, p.message, p.code) for p in problems if p] == [
        ("rate-limit", "Slow down.", "rate_limit_exceeded")
    ] * 3
    assert reply(sse([failed])).finish == "error"
    assert reply(b'{"error": {"message": "m"}}', 401).problem is not None


def test_events_and_items_that_we_do_not_know_are_kept() -> None:
    search = {"type": "response.web_search_call.searching", "item_id": "ws", "output_index": 0}
    item = {"type": "web_search_call", "id": "ws", "status": "completed"}
    done = {"type": "response.output_item.done", "output_index": 0, "item": item}
    found = reply(sse([search, done, {"type": "response.completed", "response": response(output=[item])}]))
    kept = [delta.event for delta in found.deltas if isinstance(delta, Unknown)]
    assert kept == ["response.web_search_call.searching", "web_search_call"]


def test_a_request_of_items_is_a_conversation() -> None:
    body = {
        "model": "m",
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": "Hi"},
            {"type": "reasoning", "summary": []},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me see."}]},
            {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "2", "name": "g", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "1", "output": "21"},
            {"type": "item_reference", "id": "x"},
        ],
        "max_output_tokens": 9,
        "text": {"format": {"type": "text"}, "verbosity": "low"},
        "stream": True,
    }
    asked = dialects.prompt_of(Request("POST", URL, body=json.dumps(body).encode()))
    assert asked == Prompt(
        (
            Message("system", "Be brief."),
            Message("user", "Hi"),
            Message("assistant", "Let me see.", tool_calls=(ToolCall("f", "{}", "1"), ToolCall("g", "{}", "2"))),
            Message("tool", "21", tool_call_id="1"),
            Message("assistant", attachments=("item_reference",)),
        ),
        "m",
        {"max_tokens": 9, "response_format": {"type": "text"}, "text": {"verbosity": "low"}},
        stream=True,
    )


def test_a_request_is_read_as_it_was_written() -> None:
    dialect = dialects.get("openai-responses")
    asked = Prompt(
        (
            Message("system", "Be brief."),
            Message("user", "Weather?"),
            Message("assistant", "Let me see.", tool_calls=(ToolCall("f", "{}", "call_1"),)),
            Message("tool", "21", tool_call_id="call_1"),
        ),
        "m",
        {"max_tokens": 9, "response_format": {"type": "text"}, "text": {"verbosity": "low"}},
        (Tool("f", "It is.", {"type": "object"}),),
        stream=True,
    )
    request = dialect.encode(asked, "https://api.openai.com/v1")
    assert request.url == URL
    assert dialect.prompt(request) == asked
    with pytest.raises(DialectError, match="stop_sequences"):
        dialect.encode(Prompt(parameters={"stop_sequences": ["x"]}), URL)
    with pytest.raises(DialectError, match=r"\$\.input"):
        dialect.prompt(Request("POST", URL, body=b'{"input": 7}'))


def test_a_poll_is_an_answer_to_its_own_id_and_query() -> None:
    def poll(path: str) -> Request:
        return Request("GET", f"https://x.example/v1/responses/{path}")

    one, other, cut = poll("resp_1"), poll("resp_2"), poll("resp_1?stream=true")
    known = [dialects.recognise(request) for request in (one, other, cut)]
    assert len({found[1] for found in known if found}) == 3
    assert dialects.prompt_of(one) is None
    body = json.dumps(response(output=[{"type": "message", "content": [{"type": "output_text", "text": "ok"}]}]))
    found = dialects.decode(one, Timeline.of(Head(200), [body.encode()]))
    assert found is not None
    assert (found.text, found.finish) == ("ok", "stop")
    assert dialects.recognise(poll("resp_1/input_items")) is None
