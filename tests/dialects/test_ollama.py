"""Ollama: what its wire says, read and written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.dialects._ollama import Ollama
from harness.model import Head, Headers, Message, Prompt, Reply, Request, Text, ToolCall, Unknown, Usage

DIALECT = Ollama()
ASK = Request("POST", "http://127.0.0.1:11434/api/chat")


def read(body: bytes, status: int = 200) -> Reply:
    decoder = DIALECT.decoder(ASK, Head(status))
    return Reply.of([*decoder.feed(body), *decoder.close()])


def lines(*items: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


def asked(body: dict[str, Any]) -> Prompt:
    return DIALECT.prompt(Request("POST", ASK.url, Headers(), json.dumps(body).encode()))


def say(text: str) -> dict[str, Any]:
    return {"model": "m", "message": {"role": "assistant", "content": text}, "done": False}


def done(reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    said = {"done_reason": reason} if reason else {}
    return {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True, **said, **more}


@pytest.mark.parametrize(
    "path, name",
    [("/api/chat", "ollama.chat"), ("/x/api/generate", "ollama.generate"), ("/api/embed", None), ("/api/tags", None)],
)
def test_the_operation_is_known_by_its_path(path: str, name: str | None) -> None:
    operation = DIALECT.operation(Request("POST", f"http://x.example{path}"))
    assert (operation and operation.name) == name


def test_chat_and_generate_are_read_from_lines_and_from_one_object() -> None:
    reply = read(lines(say("Hi"), say("!"), done(prompt_eval_count=5, eval_count=2)))
    assert (reply.text, reply.finish, reply.usage, reply.model) == ("Hi!", "stop", Usage(5, 2), "m")
    assert read(b'{"model": "m", "response": "Hi!", "done": true, "done_reason": "length"}').finish == "length"


def test_a_pretty_printed_object_is_read() -> None:
    body = json.dumps({"model": "m", "message": {"content": "Hi"}, "done": True}, indent=2).encode()
    reply = read(body)
    assert (reply.text, reply.finish, reply.problem) == ("Hi", "stop", None)
    assert b"".join(DIALECT.frames(Head(200), body)) == body


@pytest.mark.parametrize(
    "reason, finish", [("stop", "stop"), ("length", "length"), ("load", "load"), ("unload", None), (None, "stop")]
)
def test_a_done_reason_is_sorted(reason: str | None, finish: str | None) -> None:
    assert read(lines(done(reason))).finish == finish


def test_tool_arguments_are_objects_here_and_text_for_us() -> None:
    calls = {"message": {"content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}}
    reply = read(lines({**calls, "done": False}, done()))
    assert reply.tool_calls == (ToolCall("f", '{"a": 1}'),)
    assert (reply.finish, reply.native_finish) == ("tool", "stop")


def test_a_stream_without_done_has_no_finish() -> None:
    reply = read(lines(say("Once")))
    assert (reply.text, reply.finish, reply.problem) == ("Once", None, None)


def test_a_line_that_is_cut_is_malformed_and_the_text_before_it_stands() -> None:
    reply = read(lines(say("Once")) + b'{"model": "m", "mess')
    assert reply.text == "Once"
    assert reply.problem is not None
    assert reply.problem.kind == "malformed"


@pytest.mark.parametrize(
    "status, message, kind",
    [
        (404, "model 'x' not found", "not-found"),
        (503, "server busy, please try again.  maximum pending requests exceeded", "overloaded"),
        (429, "too many requests", "rate-limit"),
        (401, "unauthorized", "auth"),
        (500, "llama runner process has terminated: exit status 2", "server-error"),
        (400, "invalid character '}' looking for beginning of value", "invalid-request"),
    ],
)
def test_an_error_answer_is_sorted_by_its_sentence(status: int, message: str, kind: str) -> None:
    problem = read(json.dumps({"error": message}).encode(), status).problem
    assert problem is not None
    assert (problem.kind, problem.message, problem.status) == (kind, message, status)


def test_an_error_line_comes_after_the_text() -> None:
    reply = read(lines(say("Once"), {"error": "an error was encountered while running the model"}))
    assert reply.text == "Once"
    assert reply.problem is not None
    assert (reply.problem.kind, reply.problem.status) == ("server-error", None)


def test_an_object_that_we_do_not_know_is_kept() -> None:
    assert read(lines({"status": "pulling"}, say("x"))).deltas[0] == Unknown("", '{"status": "pulling"}')
    assert Text("x") in read(lines({"status": "pulling"}, say("x"))).deltas


def test_a_request_streams_unless_it_says_no() -> None:
    assert asked({"model": "m", "messages": []}).stream is True
    assert asked({"model": "m", "messages": [], "stream": False}).stream is False


def test_what_older_clients_send_for_nothing_is_nothing() -> None:
    prompt = asked(
        {
            "model": "llama3", "prompt": "joke?", "system": "", "template": "", "context": [], "stream": True,
            "raw": False, "images": [], "format": "", "options": {}, "keep_alive": None,
        }
    )  # fmt: skip
    assert prompt == Prompt((Message("user", "joke?"),), "llama3", stream=True)


def test_a_request_is_read() -> None:
    prompt = asked(
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "q", "images": ["aGk="]},
                {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]},
                {"role": "tool", "content": "sunny", "tool_name": "f"},
            ],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
            "options": {"num_predict": 3, "stop": ["END"], "num_ctx": 100},
            "format": {"type": "object"},
            "think": True,
        }
    )
    assert prompt.messages == (
        Message("system", "be brief"),
        Message("user", "q", attachments=("image",)),
        Message("assistant", tool_calls=(ToolCall("f", "{}"),)),
        Message("tool", "sunny", name="f"),
    )
    assert prompt.parameters == {
        "max_tokens": 3,
        "stop_sequences": ["END"],
        "num_ctx": 100,
        "response_format": {"type": "object"},
        "think": True,
    }
    assert prompt.tools[0].schema == {"type": "object"}
    assert DIALECT.prompt(DIALECT.encode(Prompt(prompt.messages[2:], "m", prompt.parameters, prompt.tools), "http://x"))


def test_an_answer_that_only_loaded_the_model_says_so() -> None:
    assert read(lines({**done("load")})).finish == "load"


LIVE = (
    b'{"model":"smollm2:135m","created_at":"2026-11-22T00:06:19.375691Z","response":"I","done":false}\n'
    b'{"model":"smollm2:135m","created_at":"2026-11-22T00:06:19.391562Z","response":"\'m","done":false}\n'
    b'{"model":"smollm2:135m","created_at":"2026-11-22T00:06:19.422408Z","response":"","done":true,"done_reason":"length",'
    b'"total_duration":244231549,"load_duration":0,"prompt_eval_count":33,"prompt_eval_duration":195246000,"eval_count":4,'
    b'"eval_duration":46598000}\n'
)


def test_a_stream_of_a_real_server_is_read() -> None:
    reply = read(LIVE)
    assert (reply.text, reply.finish, reply.usage) == ("I'm", "length", Usage(33, 4))
    assert len(DIALECT.frames(Head(200), LIVE)) == 3
