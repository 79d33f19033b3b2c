"""OpenAI chat and native: what is true of every question and every answer, however it is cut."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import dialects
from harness.model import (
    Began,
    Chunk,
    Delta,
    End,
    Finish,
    Head,
    Headers,
    Interaction,
    Message,
    Nanos,
    Problem,
    Prompt,
    Refusal,
    Reply,
    Request,
    Status,
    Text,
    Thinking,
    Timeline,
    Tool,
    ToolCall,
    ToolFragment,
    Unknown,
    Usage,
)  # fmt: skip

CHAT = Request("POST", "https://x.example/v1/chat/completions")
ALL = [dialect.name for dialect in dialects.BUILT_IN]
KINDS = ["rate-limit", "quota", "overloaded", "server-error", "auth", "not-found", "context-length", "invalid-request"]

words = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
some_words = words.filter(bool)
counts = st.none() | st.integers(0, 10**6)
tool_calls = st.lists(st.builds(ToolCall, name=some_words, arguments=words, id=some_words), max_size=2).map(tuple)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def replies(draw: st.DrawFn) -> tuple[Reply, list[str]]:
    pieces = draw(st.lists(some_words, max_size=4))
    refusal = draw(st.just("") | some_words)
    calls = () if refusal else draw(tool_calls)  # a model that refuses calls nothing, and some wires cannot say both
    finish = (
        "refusal" if refusal else draw(st.sampled_from(["tool", "length"] if calls else ["stop", "length", "filter"]))
    )
    usage = Usage(draw(st.integers(0, 99)), draw(st.integers(0, 99)), draw(counts), draw(counts))
    return Reply("".join(pieces), draw(words), refusal, calls, finish, usage=usage), pieces


def meaning(reply: Reply) -> tuple[object, ...]:
    return (reply.text, reply.thinking, reply.refusal, reply.tool_calls, reply.finish, reply.usage, reply.problem)


def read(name: str, head: Head, chunks: list[bytes]) -> tuple[Delta, ...]:
    decoder = dialects.get(name).decoder(CHAT, head)
    deltas = [delta for chunk in chunks for delta in decoder.feed(chunk)]
    return (*deltas, *decoder.close())


def cut(body: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(body) + 1) for place in places}), len(body)]
    return [body[a:b] for a, b in pairwise(edges)]


@pytest.mark.parametrize("name", ["openai-chat", "openai-responses", "native"])
@pytest.mark.parametrize("stream", [True, False])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_rendered_decodes_to_the_same_meaning_at_every_chunking(
    name: str, stream: bool, data: st.DataObject
) -> None:
    reply, pieces = data.draw(replies())
    asked = Prompt(model="m", stream=stream, parameters={"stream_options": {"include_usage": True}})
    dialect = dialects.get(name)
    head, chunks = dialect.render(reply, asked, pieces)
    assert (head, chunks) == dialect.render(reply, asked, pieces)
    body = b"".join(chunks)
    whole = read(name, head, [body])
    assert meaning(Reply.of(whole)) == meaning(reply)
    if stream:
        assert [delta.text for delta in whole if isinstance(delta, Text)] == pieces
        assert dialect.frames(head, body) == chunks
    assert read(name, head, cut(body, data.draw(st.lists(st.integers(0, 10**6), max_size=8)))) == whole
    assert b"".join(dialect.frames(head, body)) == body


@pytest.mark.parametrize("name", ["openai-chat", "openai-responses", "native"])
@pytest.mark.parametrize("stream", [True, False])
@given(kind=st.sampled_from(KINDS), message=some_words, wait=st.none() | st.integers(1, 90))
@settings(max_examples=40, deadline=None)
def test_a_problem_keeps_its_kind(name: str, stream: bool, kind: str, message: str, wait: int | None) -> None:
    problem = Problem(kind, message, status=429 if kind == "rate-limit" else None, retry_after_s=wait)  # type: ignore[arg-type]
    head, chunks = dialects.get(name).render(Reply(problem=problem), Prompt(stream=stream), [])
    found = Reply.of(read(name, head, list(chunks))).problem
    assert found is not None
    assert (found.kind, found.message) == (kind, message)
    if name == "native" or head.status >= 400:
        assert found.retry_after_s == wait


@pytest.mark.parametrize("name", ALL)
@given(body=st.binary(max_size=80) | words.map(str.encode), status=st.sampled_from([200, 404, 503]), data=st.data())
@settings(max_examples=60, deadline=None)
def test_strange_bytes_never_raise_and_mean_the_same_when_cut(
    name: str, body: bytes, status: int, data: st.DataObject
) -> None:
    head = Head(
        status, Headers((("content-type", data.draw(st.sampled_from(["text/event-stream", "application/json"]))),))
    )
    whole = read(name, head, [body])
    assert read(name, head, cut(body, data.draw(st.lists(st.integers(0, 80), max_size=5)))) == whole
    assert b"".join(dialects.get(name).frames(head, body)) == body
    assert status == 200 or any(isinstance(delta, Problem) for delta in whole)


@pytest.mark.parametrize("name", ALL)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_json_of_any_shape_never_raises(name: str, data: st.DataObject) -> None:
    words_of_the_wires = (
        "choices delta message content tool_calls function arguments error usage type item response output text finish "
        "tool problem object index candidates parts code status"
    )
    fields = words_of_the_wires.split()
    shapes = st.recursive(
        st.none() | st.booleans() | st.integers() | st.sampled_from(["response", "x", "response.output_text.delta"]),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(fields), inner, max_size=4),
        max_leaves=12,
    )
    value = json.dumps(data.draw(st.dictionaries(st.sampled_from(fields), shapes, max_size=5))).encode()
    for body in (value, b"data: " + value + b"\n\n", value + b"\n"):
        Reply.of(read(name, Head(data.draw(st.sampled_from([200, 500]))), [body]))
    request = Request("POST", "https://x.example/", body=value)
    dialects.prompt_of(request)


roles = st.sampled_from(["user", "assistant", "system", "developer"])
messages = st.builds(Message, role=roles, content=words, name=words, tool_calls=tool_calls) | st.builds(
    Message, role=st.just("tool"), content=words, tool_call_id=some_words
)
tools = st.lists(st.builds(Tool, name=some_words, description=words, schema=st.just({"type": "object"})), max_size=2)
prompts = st.builds(
    Prompt,
    messages=st.lists(messages, max_size=4).map(tuple),
    model=st.sampled_from(["m", "gpt-5-mini", "o3", "openai/gpt-5"]),
    parameters=st.fixed_dictionaries(
        {},
        optional={
            "max_tokens": st.integers(1, 99),
            "temperature": st.floats(0, 2),
            "stop_sequences": st.lists(some_words, min_size=1),
            "response_format": st.just({"type": "json_object"}),
            "seed": st.integers(1, 9),
            "logit_bias": st.just({"1": 2}),
        },
    ),
    tools=tools.map(tuple),
    stream=st.booleans(),
)


@pytest.mark.parametrize("name", ["openai-chat", "native"])
@given(prompt=prompts)
@settings(max_examples=80, deadline=None)
def test_what_is_encoded_is_asked(name: str, prompt: Prompt) -> None:
    request = dialects.get(name).encode(prompt, "https://api.example/v1")
    known = dialects.recognise(request)
    assert known is not None
    assert known[0].name == name
    assert dialects.prompt_of(request) == prompt


some_deltas = st.one_of(
    st.builds(Began, id=words, model=words),
    st.builds(Text, text=words, choice=st.integers(0, 2)),
    st.builds(Thinking, text=words, choice=st.integers(0, 2)),
    st.builds(Refusal, text=words),
    st.builds(ToolFragment, index=st.integers(0, 3), name=words, arguments=words, id=words, choice=st.integers(0, 1)),
    st.builds(Finish, reason=st.sampled_from([None, "stop", "load"]), native=words, choice=st.integers(0, 1)),
    st.builds(Usage, input_tokens=counts, output_tokens=counts, cached_tokens=counts, reasoning_tokens=counts),
    st.builds(
        Problem,
        kind=st.sampled_from(["failure", "malformed", "unknown", "rate-limit"]),
        message=words,
        code=words,
        status=counts,
        retry_after_s=st.none() | st.floats(0, 99),
        extra=st.dictionaries(words, json_values, max_size=2),
    ),
    st.builds(Status, text=words),
    st.builds(Unknown, event=words, data=words),
)


@given(said=st.lists(some_deltas, max_size=6))
@settings(max_examples=100, deadline=None)
def test_every_delta_has_a_native_line_that_gives_it_back(said: list[Delta]) -> None:
    body = b"".join(map(dialects.native_line, said))
    assert list(read("native", Head(200), [body])) == said


@given(said=st.lists(some_deltas, min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_an_interaction_reads_itself_with_the_time_of_each_delta(said: list[Delta]) -> None:
    request = dialects.native_request("stream_tokens", Prompt((Message("user", "hi"),)))
    lines = [(Nanos(10 + i), Chunk(dialects.native_line(delta))) for i, delta in enumerate(said)]
    timeline = Timeline(((Nanos(0), Head(200)), *lines, (Nanos(99), End())))
    assert dialects.deltas(request, timeline) == [(at, delta) for (at, _), delta in zip(lines, said, strict=True)]
    assert Interaction(request, timeline, meaning=dialects.MEANING).reply == Reply.of(said)
