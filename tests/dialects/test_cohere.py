"""Cohere: two versions of chat, and the older generate."""

from __future__ import annotations

import json
from typing import Any

from harness import dialects
from harness.model import Head, Reply, Request, Timeline, Usage

TOKENS = {"billed_units": {"input_tokens": 1, "output_tokens": 2}, "tokens": {"input_tokens": 9.0, "output_tokens": 2}}


def asked(path: str, body: Any) -> Request:
    return Request("POST", f"https://api.cohere.com{path}", body=json.dumps(body).encode())


OLDER = asked("/v1/chat", {"message": "hi", "model": "m", "stream": True})
NEWER = asked("/v2/chat", {"messages": [{"role": "user", "content": "hi"}], "model": "m", "stream": True})


def reply(request: Request, *pieces: bytes, status: int = 200) -> Reply:
    found = dialects.decode(request, Timeline.of(Head(status), pieces))
    assert found is not None
    return found


def lines(*values: Any) -> list[bytes]:
    return [json.dumps(value).encode() + b"\n" for value in values]


def events(*values: Any) -> list[bytes]:
    return [f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode() for value in values]


def test_lines_of_version_1_and_an_end_that_repeats_everything() -> None:
    whole = {"text": "ok", "finish_reason": "COMPLETE", "meta": TOKENS}
    told = lines(
        {"event_type": "stream-start", "generation_id": "g"},
        {"event_type": "text-generation", "text": "o"},
        {"event_type": "text-generation", "text": "k"},
        {"event_type": "stream-end", "finish_reason": "COMPLETE", "response": whole},
    )
    found = reply(OLDER, *told)
    assert (found.id, found.text, found.finish, found.usage) == ("g", "ok", "stop", Usage(9, 2))
    assert dialects.frames(OLDER, Head(200), b"".join(told)) == tuple(told)


def test_tool_calls_of_version_1_count_once_streamed_or_not() -> None:
    calls = [{"name": "look", "parameters": {"a": 1}}]
    piece = {"name": "look", "index": 0, "parameters": '{"a": 1}'}
    end = {"event_type": "stream-end", "finish_reason": "COMPLETE", "response": {"tool_calls": calls}}
    pieced = lines({"event_type": "tool-calls-chunk", "tool_call_delta": piece},
                   {"event_type": "tool-calls-generation", "tool_calls": calls}, end)  # fmt: skip
    whole = lines({"text": "", "tool_calls": calls, "finish_reason": "COMPLETE"})
    for told in (pieced, pieced[1:], pieced[2:], whole):
        found = reply(OLDER, *told)
        assert [(call.name, call.arguments) for call in found.tool_calls] == [("look", '{"a": 1}')]
        assert (found.finish, found.native_finish) == ("tool", "COMPLETE")


def test_events_of_version_2() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": ""}}
    told = events(
        {"type": "message-start", "id": "m1", "delta": {"message": {"role": "assistant"}}},
        {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I will look."}}},
        {"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": call}}},
        {
            "type": "tool-call-delta",
            "index": 0,
            "delta": {"message": {"tool_calls": {"function": {"arguments": "{}"}}}},
        },
        {"type": "tool-call-end", "index": 0},
        {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "ok"}}}},
        {"type": "content-end", "index": 0},
        {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": TOKENS}},
    )
    found = reply(NEWER, *told, b"data: [DONE]\n\n")
    assert (found.id, found.text, found.thinking, found.finish) == ("m1", "ok", "I will look.", "tool")
    assert [(c.name, c.arguments, c.id) for c in found.tool_calls] == [("look", "{}", "c")]
    assert (found.usage, found.problem) == (Usage(9, 2), None)


def test_whole_answers_and_generate() -> None:
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "ok"}]
    newer = {"id": "i", "message": {"content": content}, "finish_reason": "MAX_TOKENS", "usage": TOKENS}
    found = reply(NEWER, *lines(newer))
    assert (found.text, found.thinking, found.finish, found.usage) == ("ok", "hm", "length", Usage(9, 2))
    generate = asked("/v1/generate", {"prompt": "hi", "model": "m"})
    said = reply(generate, *lines({"id": "i", "generations": [{"text": "ok", "finish_reason": "COMPLETE"}]}))
    assert (said.text, said.finish) == ("ok", "stop")


def test_an_error_is_a_sentence_and_a_status() -> None:
    found = reply(NEWER, b'{"id": "x", "message": "no such model"}', status=404).problem
    assert found is not None
    assert (found.kind, found.message) == ("not-found", "no such model")


def test_prompts_of_both_versions_say_the_same() -> None:
    older = {"message": "and?", "preamble": "Be brief.", "model": "m", "p": 0.5, "chat_history": [
        {"role": "USER", "message": "hi"}, {"role": "CHATBOT", "message": "hello"}]}  # fmt: skip
    newer = {"model": "m", "p": 0.5, "messages": [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "text", "text": "hello"}]}, {"role": "user", "content": "and?"}],
    }  # fmt: skip
    assert dialects.prompt_of(asked("/v1/chat", older)) == dialects.prompt_of(asked("/v2/chat", newer))
