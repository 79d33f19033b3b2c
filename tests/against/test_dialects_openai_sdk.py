"""The openai SDK as oracle: what it shows for our bytes, what it sends, and what it makes of others' recordings."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
import yaml

from harness import dialects
from harness.model import Head, Headers, Message, Problem, Prompt, Reply, Request, Timeline, Tool, ToolCall, Usage

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
URL = "https://api.openai.com/v1"
HI = Prompt((Message("user", "hi"),), "m", {"stream_options": {"include_usage": True}}, stream=True)
REPLIES = {
    "text": Reply(text="Hé, 🌍 ok.", finish="stop", usage=Usage(3, 5, 1, 2)),
    "length": Reply(text="Hé", finish="length", usage=Usage(3, 1)),
    "tools": Reply(
        text="Let me see.",
        tool_calls=(ToolCall("weather", '{"city": "Paris"}', "call_1"), ToolCall("time", "", "call_2")),
        finish="tool",
    ),
    "refusal": Reply(refusal="I cannot.", finish="refusal"),
    "thinking": Reply(text="42", thinking="Hm.", finish="stop", id="chatcmpl-1", model="deep"),
}


def client(answer: Callable[[httpx2.Request], httpx2.Response]) -> openai.OpenAI:
    return openai.OpenAI(
        api_key="sk-test",
        base_url=URL,
        max_retries=0,
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
    )


def answering(head: Head, body: bytes) -> openai.OpenAI:
    return client(lambda _: httpx2.Response(head.status, headers=list(head.headers), content=body))


def seen_of_message(message: Any, finish: str | None) -> Reply:
    calls = [c for c in message.tool_calls or [] if c.type == "function"]
    return Reply(
        text=message.content or "",
        refusal=message.refusal or "",
        tool_calls=tuple(ToolCall(c.function.name, c.function.arguments, c.id) for c in calls),
        native_finish=finish or "",
    )


def seen_of_stream(chunks: Iterator[Any]) -> Reply:
    """Choice 0, added up by hand from the SDK's own chunks."""
    text, refusal, finish = "", "", ""
    calls: dict[int, list[str]] = {}
    for chunk in chunks:
        for choice in (c for c in chunk.choices if c.index == 0):
            text += choice.delta.content or ""
            refusal += choice.delta.refusal or ""
            finish = choice.finish_reason or finish
            for call in choice.delta.tool_calls or []:
                known = calls.setdefault(call.index, ["", "", ""])
                known[0] = known[0] or call.function.name or ""
                known[1] += call.function.arguments or ""
                known[2] = known[2] or call.id or ""
    return Reply(text, "", refusal, tuple(ToolCall(*call) for call in calls.values()), native_finish=finish)


def shown(reply: Reply) -> tuple[object, ...]:
    return reply.text, reply.refusal, reply.tool_calls, reply.native_finish


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES.keys())
def test_the_sdk_shows_what_we_render(reply: Reply) -> None:
    chat = dialects.get("openai-chat")
    head, chunks = chat.render(reply, HI, list(reply.text))
    streamed = answering(head, b"".join(chunks)).chat.completions.create(
        model="m", messages=[{"role": "user", "content": "hi"}], stream=True
    )
    native = {"tool": "tool_calls", "refusal": "stop"}.get(reply.finish or "", reply.finish)
    expected = (reply.text, reply.refusal, reply.tool_calls, native)
    assert shown(seen_of_stream(iter(streamed))) == expected
    head, chunks = chat.render(reply, Prompt(stream=False), [])
    whole = answering(head, b"".join(chunks)).chat.completions.create(model="m", messages=[])
    assert shown(seen_of_message(whole.choices[0].message, whole.choices[0].finish_reason)) == expected
    if reply.usage:
        assert whole.usage is not None
        assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (3, reply.usage.output_tokens)


def test_the_sdk_counts_the_usage_that_we_stream() -> None:
    head, chunks = dialects.get("openai-chat").render(REPLIES["text"], HI, ["Hé, ", "🌍 ok."])
    stream = answering(head, b"".join(chunks)).chat.completions.create(model="m", messages=[], stream=True)
    usage = [chunk.usage for chunk in stream if chunk.usage]
    assert [(u.prompt_tokens, u.completion_tokens, u.total_tokens) for u in usage] == [(3, 5, 8)]


@pytest.mark.parametrize(
    "problem, error",
    [
        (Problem("rate-limit", "Slow down.", status=429, retry_after_s=12), openai.RateLimitError),
        (Problem("auth", "No."), openai.AuthenticationError),
        (Problem("not-found", "No such model."), openai.NotFoundError),
        (Problem("context-length", "Too long."), openai.BadRequestError),
        (Problem("overloaded", "Full."), openai.InternalServerError),
    ],
)
def test_the_sdk_raises_the_problem_that_we_render(problem: Problem, error: type[openai.APIStatusError]) -> None:
    head, chunks = dialects.get("openai-chat").render(Reply(problem=problem), Prompt(stream=False), [])
    with pytest.raises(error, match=re.escape(problem.message)) as caught:
        answering(head, b"".join(chunks)).chat.completions.create(model="m", messages=[])
    if problem.retry_after_s:
        assert caught.value.response.headers["retry-after"] == "12"


def test_the_sdk_raises_a_problem_in_the_middle_of_a_stream() -> None:
    reply = Reply(text="Hé", problem=Problem("server-error", "The server had an error."))
    head, chunks = dialects.get("openai-chat").render(reply, HI, ["Hé"])
    stream = answering(head, b"".join(chunks)).chat.completions.create(model="m", messages=[], stream=True)
    with pytest.raises(openai.APIError, match="The server had an error"):
        list(stream)


def asked_by_sdk(ask: Callable[[openai.OpenAI], object]) -> Request:
    kept: list[Request] = []

    def keep(request: httpx2.Request) -> httpx2.Response:
        headers = Headers.of(request.headers.items())
        kept.append(Request(request.method, str(request.url), headers, request.read()))
        return httpx2.Response(400, json={"error": {"message": "kept"}})

    with pytest.raises(openai.BadRequestError):
        ask(client(keep))
    return kept[0]


def test_what_the_sdk_asks_is_what_we_would() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}
    request = asked_by_sdk(
        lambda sdk: sdk.chat.completions.create(
            model="gpt-4o",
            messages=[
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "Weather"}, {"type": "text", "text": "?"}]},
                {
                    "role": "assistant",
                    "tool_calls": [
                        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
                    ],
                },
                {"role": "tool", "tool_call_id": "call_1", "content": "21"},
            ],
            tools=[{"type": "function", "function": {"name": "weather", "description": "W", "parameters": schema}}],
            max_completion_tokens=9,
            stop="END",
            temperature=0,
            stream=True,
        )
    )
    expected = Prompt(
        (
            Message("system", "Be brief."),
            Message("user", "Weather?"),
            Message("assistant", tool_calls=(ToolCall("weather", "{}", "call_1"),)),
            Message("tool", "21", tool_call_id="call_1"),
        ),
        "gpt-4o",
        {"max_tokens": 9, "stop_sequences": ["END"], "temperature": 0},
        (Tool("weather", "W", schema),),
        stream=True,
    )
    assert dialects.prompt_of(request) == expected
    again = dialects.get("openai-chat").encode(expected, URL)
    assert (again.url, dialects.prompt_of(again)) == (request.url, expected)


def test_what_the_sdk_asks_of_responses_is_the_same_question() -> None:
    request = asked_by_sdk(
        lambda sdk: sdk.responses.create(
            model="gpt-4o",
            instructions="Be brief.",
            input=[
                {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
                {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "call_1", "output": "21"},
            ],
            max_output_tokens=9,
            text={"format": {"type": "json_object"}},
        )
    )
    asked = dialects.prompt_of(request)
    assert asked is not None
    assert asked.messages == (
        Message("system", "Be brief."),
        Message("user", "Weather?"),
        Message("assistant", tool_calls=(ToolCall("weather", "{}", "call_1"),)),
        Message("tool", "21", tool_call_id="call_1"),
    )
    assert asked.parameters == {"max_tokens": 9, "response_format": {"type": "json_object"}}


def recorded(api: str) -> Iterator[Any]:
    """The answers of the corpus to `api` that are plain enough for a YAML loader alone."""
    for path in sorted(CORPUS.rglob("*.yaml")) if CORPUS.is_dir() else []:
        try:
            cassette = yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except yaml.YAMLError:
            continue
        interactions = cassette.get("interactions") if isinstance(cassette, dict) else None
        for number, item in enumerate(interactions or []):
            request, response = item.get("request", {}), item.get("response", {})
            if not re.search(api, str(request.get("uri", ""))):
                continue
            body = body_of(response)
            if body:
                yield pytest.param(str(request["uri"]), body, id=f"{path.stem}-{number}")


def body_of(response: dict[str, Any]) -> bytes:
    if response.get("status", {}).get("code") != 200:
        return b""
    if "parsed_body" in response:
        return json.dumps(response["parsed_body"]).encode()
    body = response.get("body")
    text = body.get("string") if isinstance(body, dict) else None
    data = text.encode() if isinstance(text, str) else text or b""
    return b"" if data.startswith(b"\x1f\x8b") else data


def decoded(uri: str, body: bytes) -> Reply:
    reply = dialects.decode(Request("POST", uri), Timeline.of(Head(200), [body]))
    assert reply is not None
    return reply


CHATS = list(recorded(r"/chat/completions"))
RESPONSES = list(recorded(r"/responses(\?|$)"))
needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of recordings is not beside the repository")


@needs_corpus
def test_the_corpus_is_there() -> None:
    assert len(CHATS) >= 20
    assert len(RESPONSES) >= 5


@needs_corpus
@pytest.mark.parametrize("uri, body", CHATS or [("", b"")])
def test_a_recorded_chat_means_what_the_sdk_shows(uri: str, body: bytes) -> None:
    ours = decoded(uri, body)
    streamed = not body.lstrip().startswith(b"{")
    kind = "text/event-stream" if streamed else "application/json"
    sdk = answering(Head(200, Headers((("content-type", kind),))), body)
    if ours.problem:  # an error under status 200: the SDK says so in a stream, and shows an empty answer else
        if not streamed:
            assert sdk.chat.completions.create(model="m", messages=[]).choices is None
            return
        with pytest.raises(openai.APIError, match=re.escape(ours.problem.message)):
            list(sdk.chat.completions.create(model="m", messages=[], stream=True))
        return
    if streamed:
        theirs = seen_of_stream(iter(sdk.chat.completions.create(model="m", messages=[], stream=True)))
    else:
        whole = sdk.chat.completions.create(model="m", messages=[])
        theirs = seen_of_message(whole.choices[0].message, whole.choices[0].finish_reason)
    assert shown(ours) == shown(theirs)
    assert ours.finish is not None or not ours.native_finish


@needs_corpus
@pytest.mark.parametrize("uri, body", RESPONSES or [("", b"")])
def test_a_recorded_response_means_what_the_sdk_shows(uri: str, body: bytes) -> None:
    ours = decoded(uri, body)
    streamed = not body.lstrip().startswith(b"{")
    kind = "text/event-stream" if streamed else "application/json"
    sdk = answering(Head(200, Headers((("content-type", kind),))), body)
    if streamed:
        ends = [e for e in sdk.responses.create(model="m", input="hi", stream=True) if e.type == "response.completed"]
        theirs = ends[0].response
    else:
        theirs = sdk.responses.create(model="m", input="hi")
    calls = [item for item in theirs.output if item.type == "function_call"]
    assert ours.text == theirs.output_text
    assert ours.tool_calls == tuple(ToolCall(c.name, c.arguments, c.call_id) for c in calls)
    assert ours.id == theirs.id
    if theirs.usage:
        assert ours.usage is not None
        assert ours.usage.input_tokens == theirs.usage.input_tokens
        assert ours.usage.output_tokens == theirs.usage.output_tokens
    expected = "tool" if calls else "stop"
    assert ours.finish == (expected if theirs.status == "completed" else "pause")


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES.keys())
def test_the_sdk_shows_the_responses_that_we_render(reply: Reply) -> None:
    dialect = dialects.get("openai-responses")
    head, chunks = dialect.render(reply, Prompt(model="m", stream=True), list(reply.text))
    stream = answering(head, b"".join(chunks)).responses.create(model="m", input="hi", stream=True)
    events = list(stream)
    streamed = getattr(events[-1], "response", None)
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == reply.text
    assert [event.sequence_number for event in events] == list(range(len(events)))
    head, chunks = dialect.render(reply, Prompt(model="m", stream=False), [])
    whole = answering(head, b"".join(chunks)).responses.create(model="m", input="hi")
    for response in (streamed, whole):
        assert response is not None
        calls = tuple(
            ToolCall(item.name, item.arguments, item.call_id)
            for item in response.output
            if item.type == "function_call"
        )
        assert (response.output_text, calls) == (reply.text, reply.tool_calls)
        assert response.status == ("incomplete" if reply.finish in {"length", "filter"} else "completed")
    if reply.usage:
        assert whole.usage is not None
        assert (whole.usage.input_tokens, whole.usage.output_tokens) == (3, reply.usage.output_tokens)


def test_the_sdk_shows_the_completions_that_we_render() -> None:
    dialect = dialects.get("openai-completions")
    reply = Reply(text="Hé 🌍", finish="length")
    head, chunks = dialect.render(reply, Prompt(model="m", stream=True), ["Hé", " 🌍"])
    stream = answering(head, b"".join(chunks)).completions.create(model="m", prompt="hi", stream=True)
    pieces = [(chunk.choices[0].text, chunk.choices[0].finish_reason) for chunk in stream]
    assert pieces == [("Hé", None), (" 🌍", None), ("", "length")]
    head, chunks = dialect.render(reply, Prompt(model="m", stream=False), [])
    whole = answering(head, b"".join(chunks)).completions.create(model="m", prompt="hi")
    assert (whole.choices[0].text, whole.choices[0].finish_reason) == ("Hé 🌍", "length")
