"""The native dialect: what a backend was asked, and every Delta that there is."""

from __future__ import annotations

import json

import pytest

from harness import dialects
from harness.errors import DialectError
from harness.model import (
    Began,
    Delta,
    Finish,
    Head,
    Message,
    Problem,
    Prompt,
    Reply,
    Request,
    Status,
    Text,
    Timeline,
    ToolCall,
    Unknown,
    Usage,
)

ASKED = Prompt((Message("user", "hi"),), "llama3", {"temperature": 0.7, "stop_sequences": ["END"]})


def read(body: bytes, status: int = 200) -> tuple[Delta, ...]:
    request = dialects.native_request("complete", ASKED)
    found = dialects.decode(request, Timeline.of(Head(status), [body]))
    assert found is not None
    return found.deltas


def test_only_what_was_set_is_asked() -> None:
    request = dialects.native_request("generate", ASKED)
    assert (request.method, request.url) == ("POST", "native://backend/generate")
    assert json.loads(request.body) == {
        "call": "generate",
        "model": "llama3",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.7,
        "stop_sequences": ["END"],
    }


def test_prompts_compare_without_the_call() -> None:
    prompts = [dialects.prompt_of(dialects.native_request(call, ASKED)) for call in ("complete", "stream_tokens")]
    assert prompts == [ASKED, ASKED]
    known = dialects.recognise(dialects.native_request("stream_tokens", ASKED))
    assert known is not None
    assert known[1].name == "native.stream_tokens"


def test_a_parameter_that_would_be_another_field_is_refused() -> None:
    with pytest.raises(DialectError, match="messages"):
        dialects.native_request("complete", Prompt(parameters={"messages": 1}))


def test_a_line_says_one_thing_in_one_short_field() -> None:
    lines = [dialects.native_line(delta) for delta in (Text("Hé"), Finish("stop"), Usage(0, 2), Status("wait"))]
    assert b"".join(lines).decode() == (
        '{"text": "Hé"}\n{"finish": "stop"}\n{"usage": {"input_tokens": 0, "output_tokens": 2}}\n{"status": "wait"}\n'
    )


def test_half_a_surrogate_pair_that_a_model_said_is_kept() -> None:
    assert read(dialects.native_line(Text("\ud83c")) + dialects.native_line(Text("\udf0d"))) == (
        Text("\ud83c"),
        Text("\udf0d"),
    )


def test_a_soft_failure_keeps_what_is_known() -> None:
    problem = Problem("failure", "it failed", extra={"rc": 1, "stderr": "model not found"})
    head, lines = dialects.get("native").render(Reply(problem=problem), Prompt(), [])
    assert head.status == 200
    assert read(b"".join(lines)) == (problem,)


def test_a_reply_is_rendered_whole_with_its_progress() -> None:
    told = (Status("loading"), Unknown("extra", '{"rc": 0}'))
    reply = Reply("ab", "hm", "", (ToolCall("f", "{", "1"),), "tool", "", Usage(1), None, "id", "m", told)
    _, lines = dialects.get("native").render(reply, Prompt(), ["a", "b"])
    found = Reply.of(read(b"".join(lines)))
    assert found.deltas[:3] == (Began("id", "m"), *told)
    assert (found.text, found.thinking, found.tool_calls, found.finish) == ("ab", "hm", reply.tool_calls, "tool")
    assert [delta for delta in found.deltas if isinstance(delta, Text)] == [Text("a"), Text("b")]


@pytest.mark.parametrize(
    "line, expected",
    [
        ('{"mood": 1}', Unknown("mood", "1")),
        ('{"text": 7}', Unknown("text", "7")),
        ('{"finish": {"a": 1}}', Finish(None)),
        ('{"finish": "tired"}', Finish(None, "tired")),
        ('{"problem": {"kind": "odd"}}', Problem("unknown")),
        ("7", Unknown("", "7")),
    ],
)
def test_what_we_do_not_know_is_kept(line: str, expected: Delta) -> None:
    assert read(line.encode()) == (expected,)


def test_a_cut_line_is_malformed() -> None:
    deltas = read(b'{"text": "a"}\n{"text": "b')
    assert deltas[0] == Text("a")
    assert isinstance(deltas[1], Problem)
    assert deltas[1].kind == "malformed"


def test_a_request_that_is_no_json_is_an_error() -> None:
    with pytest.raises(DialectError, match="native://backend/complete"):
        dialects.get("native").prompt(Request("POST", "native://backend/complete", body=b"{"))
