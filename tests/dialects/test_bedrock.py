"""Bedrock's two operations: binary messages, and everybody's JSON inside them."""

from __future__ import annotations

import json
from base64 import b64encode
from itertools import pairwise
from struct import pack
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import dialects
from harness.model import Head, Headers, Interaction, Reply, Request, Timeline, Usage

BINARY = Head(200, Headers((("content-type", "application/vnd.amazon.eventstream"),)))
HOST = "https://bedrock-runtime.eu-west-9.amazonaws.com/model"


def message(payload: Any, *, kind: str = "event", name: str = "chunk", **more: str) -> bytes:
    word = {"event": ":event-type", "exception": ":exception-type"}.get(kind, ":error-code")
    headers = {word: name, ":content-type": "application/json", ":message-type": kind, **more}
    told = b"".join(
        bytes([len(key)]) + key.encode() + b"\x07" + pack(">H", len(value)) + value.encode()
        for key, value in headers.items()
    )
    body = json.dumps(payload).encode() if payload is not None else b""
    prelude = pack(">II", len(told) + len(body) + 16, len(told))
    start = prelude + pack(">I", crc32(prelude)) + told + body
    return start + pack(">I", crc32(start))


def chunk(payload: Any) -> bytes:
    return message({"bytes": b64encode(json.dumps(payload).encode()).decode(), "p": "abc"})


def asked(verb: str, body: Any, model: str = "maker.model-v1%3A0") -> Request:
    return Request("POST", f"{HOST}/{model}/{verb}", body=json.dumps(body).encode())


def reply(request: Request, head: Head, *pieces: bytes) -> Reply:
    found = dialects.decode(request, Timeline.of(head, pieces))
    assert found is not None
    return found


HI = [{"role": "user", "content": [{"text": "hi"}]}]
STREAM = asked("converse-stream", {"messages": HI})
SAID = (
    message({"role": "assistant"}, name="messageStart"),
    message({"contentBlockIndex": 0, "delta": {"text": "Good"}}, name="contentBlockDelta"),
    message({"contentBlockIndex": 0, "delta": {"text": " däy"}}, name="contentBlockDelta"),
    message({"contentBlockIndex": 0}, name="contentBlockStop"),
    message({"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "t1", "name": "look"}}},
            name="contentBlockStart"),
    message({"contentBlockIndex": 1, "delta": {"toolUse": {"input": '{"a"'}}}, name="contentBlockDelta"),
    message({"contentBlockIndex": 1, "delta": {"toolUse": {"input": ": 1}"}}}, name="contentBlockDelta"),
    message({"stopReason": "tool_use"}, name="messageStop"),
    message({"usage": {"inputTokens": 3, "outputTokens": 4, "cacheReadInputTokens": 1}}, name="metadata"),
)  # fmt: skip


def test_a_binary_stream_is_one_frame_a_message_and_says_what_they_say() -> None:
    found = reply(STREAM, BINARY, *SAID)
    assert dialects.frames(STREAM, BINARY, b"".join(SAID)) == SAID
    assert (found.text, found.finish, found.native_finish) == ("Good däy", "tool", "tool_use")
    assert [(c.name, c.arguments, c.id) for c in found.tool_calls] == [("look", '{"a": 1}', "t1")]
    assert found.usage == Usage(3, 4, 1)


@given(st.lists(st.integers(0, 2000), max_size=9))
def test_a_binary_stream_means_the_same_at_every_chunking(places: list[int]) -> None:
    body = b"".join(SAID)
    edges = [0, *sorted({place % len(body) for place in places}), len(body)]
    assert reply(STREAM, BINARY, *(body[a:b] for a, b in pairwise(edges))) == reply(STREAM, BINARY, body)


@given(st.data())
def test_a_binary_stream_with_any_byte_changed_or_any_end_never_raises(data: st.DataObject) -> None:
    body = bytearray(b"".join(SAID))
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(body), b"".join(SAID)[:place]):
        assert b"".join(dialects.frames(STREAM, BINARY, damaged)) == damaged
        reply(STREAM, BINARY, damaged)


def test_a_wrong_checksum_is_told_and_the_rest_is_read() -> None:
    broken = bytearray(SAID[1])
    broken[-8] ^= 1
    found = reply(STREAM, BINARY, SAID[0], bytes(broken), *SAID[2:])
    assert found.text == " däy"
    assert found.problem is not None
    assert "checksum is wrong" in found.problem.message


def test_a_stream_that_is_cut_or_out_of_step_is_malformed() -> None:
    for damaged in (b"".join(SAID)[:-5], b"".join(SAID) + b"\0\0\0\1\0\0\0\0more than a prelude"):
        found = reply(STREAM, BINARY, damaged)
        assert found.text == "Good däy"
        assert found.problem is not None
        assert found.problem.kind == "malformed"


def test_headers_of_every_type_are_read_over() -> None:
    odd = b"\x01b\x00\x01c\x01\x01d\x02x\x01e\x03xx\x01f\x04xxxx\x01g\x05xxxxxxxx\x01h\x06\x00\x02xx\x01i\x08xxxxxxxx"
    name = b"\x0b:event-type\x07\x00\x0bmessageStop"
    told = odd + b"\x01j\x09" + b"x" * 16 + name
    payload = b'{"stopReason": "end_turn"}'
    prelude = pack(">II", len(told) + len(payload) + 16, len(told))
    start = prelude + pack(">I", crc32(prelude)) + told + payload
    assert reply(STREAM, BINARY, start + pack(">I", crc32(start))).finish == "stop"


@pytest.mark.parametrize(
    "failure, kind",
    [
        (message({"message": "slow down"}, kind="exception", name="throttlingException"), "rate-limit"),
        (message({"message": "Input is too long"}, kind="exception", name="validationException"), "context-length"),
        (message(None, kind="error", name="internalServerException", **{":error-message": "oh"}), "server-error"),
    ],
)
def test_an_exception_inside_a_stream_is_a_problem_after_the_text(failure: bytes, kind: str) -> None:
    found = reply(STREAM, BINARY, *SAID[:3], failure)
    assert found.text == "Good däy"
    assert found.problem is not None
    assert found.problem.kind == kind


def test_a_refusal_names_itself_in_a_header() -> None:
    head = Head(429, Headers((("x-amzn-errortype", "ThrottlingException:http://x"), ("retry-after", "3"))))
    found = reply(asked("converse", {"messages": HI}), head, b'{"message": "Too many requests"}').problem
    assert found is not None
    assert (found.kind, found.code, found.retry_after_s) == ("rate-limit", "ThrottlingException", 3.0)


def test_a_whole_answer_and_its_prompt() -> None:
    request = asked("converse", {
        "messages": [
            *HI,
            {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "look", "input": {"a": 1}}}]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"json": {"b": 2}}]}},
                                         {"text": "and?"}, {"image": {"format": "png"}}]},
        ],
        "system": [{"text": "Be brief."}],
        "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "stopSequences": []},
        "toolConfig": {"tools": [{"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object"}}}}]},
    }, model="eu.maker.model-v1:0")  # fmt: skip
    prompt = dialects.prompt_of(request)
    assert prompt is not None
    assert [(m.role, m.content) for m in prompt.messages] == [
        ("system", "Be brief."), ("user", "hi"), ("assistant", ""), ("tool", '{"b": 2}'), ("user", "and?"),
    ]  # fmt: skip
    assert prompt.messages[-1].attachments == ("image",)
    assert (prompt.model, prompt.parameters) == ("eu.maker.model-v1:0", {"max_tokens": 9, "temperature": 0.5})
    assert [tool.name for tool in prompt.tools] == ["look"]
    content = [{"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}}, {"text": "yes"}]
    body = {"output": {"message": {"content": content}}, "stopReason": "end_turn", "usage": {"inputTokens": 1}}
    found = reply(request, Head(200), json.dumps(body).encode())
    assert (found.text, found.thinking, found.finish, found.usage) == ("yes", "hm", "stop", Usage(1))


def test_a_colon_and_its_escape_are_one_model() -> None:
    plain, escaped = (asked("converse", {}, model=f"maker.m-v1{colon}0") for colon in (":", "%3A"))
    assert [dialects.recognise(one) for one in (plain, escaped)] == [dialects.recognise(plain)] * 2


USER = [{"role": "user", "content": "hi"}]
CLAUDE = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": USER}
FORMS: list[tuple[dict[str, Any], dict[str, Any], Usage | None]] = [
    (CLAUDE, {"type": "message", "content": [{"type": "text", "text": "ok"}], "stop_reason": "end_turn",
              "usage": {"input_tokens": 1, "output_tokens": 2}}, Usage(1, 2)),
    ({"prompt": "hi", "max_tokens_to_sample": 9}, {"completion": "ok", "stop_reason": "stop_sequence"}, None),
    ({"messages": HI, "schemaVersion": "messages-v1"}, {"output": {"message": {"content": [{"text": "ok"}]}},
     "stopReason": "end_turn", "usage": {"inputTokens": 1, "outputTokens": 2}}, Usage(1, 2)),
    ({"inputText": "hi", "textGenerationConfig": {"topP": 1}}, {"inputTextTokenCount": 1, "results": [
        {"tokenCount": 2, "outputText": "ok", "completionReason": "FINISH"}]}, Usage(1, 2)),
    ({"prompt": "hi", "max_gen_len": 9}, {"generation": "ok", "prompt_token_count": 1,
     "generation_token_count": 2, "stop_reason": "stop"}, Usage(1, 2)),
    ({"prompt": "hi"}, {"outputs": [{"text": "ok", "stop_reason": "stop"}]}, None),
    ({"messages": USER}, {"object": "chat.completion", "choices": [{"message": {"content": "ok"},
     "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}, Usage(1, 2)),
    ({"prompt": "hi"}, {"completions": [{"data": {"text": "ok"}, "finishReason": {"reason": "endoftext"}}]}, None),
    ({"prompt": "hi"}, {"generations": [{"text": "ok", "finish_reason": "COMPLETE"}]}, None),
    ({"message": "hi"}, {"response_id": "r", "text": "ok", "finish_reason": "COMPLETE"}, None),
]  # fmt: skip


@pytest.mark.parametrize("body, answer, usage", FORMS)
def test_every_maker_s_form_is_read(body: dict[str, Any], answer: dict[str, Any], usage: Usage | None) -> None:
    request = asked("invoke", body)
    prompt = dialects.prompt_of(request)
    assert prompt is not None
    assert (prompt.text, prompt.model) == ("hi", "maker.model-v1:0")
    found = reply(request, Head(200), json.dumps(answer).encode())
    assert (found.text, found.finish, found.usage, found.problem) == ("ok", "stop", usage, None)


@pytest.mark.parametrize(
    "events",
    [
        [{"type": "message_start", "message": {"id": "m"}}, {"type": "content_block_delta", "index": 0, "delta":
         {"type": "text_delta", "text": "ok"}}, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}],
        [{"outputText": "o", "index": 0, "inputTextTokenCount": 1}, {"outputText": "k", "completionReason": "FINISH"}],
        [{"generation": "o", "stop_reason": None}, {"generation": "k", "stop_reason": "stop"}],
        [{"messageStart": {}}, {"contentBlockDelta": {"delta": {"text": "ok"}}}, {"messageStop": {"stopReason":
         "end_turn"}}],
        [{"text": "o", "is_finished": False, "index": 0}, {"text": "k", "is_finished": False, "index": 0},
         {"is_finished": True, "index": 0, "finish_reason": "COMPLETE"}],
    ],
)  # fmt: skip
def test_a_stream_of_every_maker_is_read_and_counted(events: list[dict[str, Any]]) -> None:
    counts = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 5, "outputTokenCount": 6}}
    told = [*events[:-1], {**events[-1], **counts}]
    found = reply(asked("invoke-with-response-stream", {"prompt": "hi"}), BINARY, *(chunk(event) for event in told))
    assert (found.text, found.finish, found.problem) == ("ok", "stop", None)
    assert found.usage == Usage(5, 6)


def test_a_chunk_that_is_no_base64_is_malformed() -> None:
    found = reply(asked("invoke-with-response-stream", {"prompt": "hi"}), BINARY, message({"bytes": "!"}))
    assert found.problem is not None
    assert found.problem.kind == "malformed"


def test_an_interaction_reads_itself() -> None:
    one = Interaction(STREAM, Timeline.of(BINARY, SAID), meaning=dialects.MEANING)
    assert one.reply is not None
    assert one.prompt is not None
    assert (one.reply.text, one.prompt.text, one.prompt.stream) == ("Good däy", "hi", True)
