"""Every dialect but OpenAI's chat and our own: what is true of every answer, however it is cut."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.dialects._anthropic import Anthropic
from harness.dialects._bedrock import BedrockConverse
from harness.dialects._bedrock_invoke import BedrockInvoke
from harness.dialects._cohere import Cohere
from harness.dialects._gemini import Gemini
from harness.dialects._ollama import Ollama
from harness.model import Head, Headers, Message, Problem, Prompt, Reply, Request, Tool, ToolCall, Usage
from harness.spec import Dialect

DIALECTS: tuple[Dialect, ...] = (Anthropic(), Gemini(), Ollama(), Cohere(), BedrockConverse(), BedrockInvoke())
MODELS = [
    *((dialect, "m") for dialect in DIALECTS),
    (BedrockInvoke(), "eu.amazon.nova-lite-v1:0"),
    (BedrockInvoke(), "openai.gpt-oss-20b-1:0"),
]
by_model = pytest.mark.parametrize("dialect, model", MODELS, ids=[f"{d.name}-{m}" for d, m in MODELS])
WORDLESS = {"cohere", "ollama"}
"""Those whose streams tell of a problem in a sentence, with no word for its kind."""
ANY = Request("POST", "https://x.example/")

words = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
some_words = words.filter(bool)
arguments = st.dictionaries(some_words, st.integers() | words | st.none(), max_size=3).map(
    lambda value: json.dumps(value, ensure_ascii=False)
)
tool_calls = st.lists(st.builds(ToolCall, name=some_words, arguments=arguments, id=some_words), max_size=2).map(tuple)


@st.composite
def replies(draw: st.DrawFn) -> tuple[Reply, list[str]]:
    pieces = draw(st.lists(some_words, max_size=4))
    calls = draw(tool_calls)
    finish = draw(st.sampled_from(["tool", "length"] if calls else ["stop", "length"]))
    usage = Usage(draw(st.integers(0, 10**6)), draw(st.integers(0, 10**6)))
    reply = Reply(text="".join(pieces), thinking=draw(words), tool_calls=calls, finish=finish, usage=usage)
    return reply, pieces


def decoded(dialect: Dialect, head: Head, chunks: list[bytes]) -> Reply:
    decoder = dialect.decoder(ANY, head)
    deltas = [delta for chunk in chunks for delta in decoder.feed(chunk)]
    return Reply.of([*deltas, *decoder.close()])


def cut(body: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(body) + 1) for place in places}), len(body)]
    return [body[a:b] for a, b in pairwise(edges)]


def meaning(reply: Reply) -> tuple[object, ...]:
    return (reply.text, reply.thinking, reply.tool_calls, reply.finish, reply.usage, reply.problem)


@by_model
@pytest.mark.parametrize("stream", [True, False])
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_what_is_rendered_decodes_to_the_same_meaning_at_every_chunking(
    dialect: Dialect, model: str, stream: bool, data: st.DataObject
) -> None:
    reply, pieces = data.draw(replies())
    head, chunks = dialect.render(reply, Prompt(model=model, stream=stream), pieces)
    body = b"".join(chunks)
    whole = decoded(dialect, head, [body])
    expected = meaning(reply)
    if dialect.name == "ollama":
        assert all("\n" not in chunk.decode().removesuffix("\n") for chunk in chunks)
    assert meaning(whole) == expected
    places = data.draw(st.lists(st.integers(0, 10**6), max_size=8))
    assert decoded(dialect, head, cut(body, places)).deltas == whole.deltas
    assert decoded(dialect, head, [body[at : at + 1] for at in range(len(body))]).deltas == whole.deltas
    assert dialect.frames(head, body) == (chunks if stream else (body,))


@by_model
@given(text=some_words, kind=st.sampled_from(["server-error", "rate-limit", "overloaded"]), data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_problem_after_some_text_is_the_end_of_a_stream_at_every_chunking(
    dialect: Dialect, model: str, text: str, kind: Any, data: st.DataObject
) -> None:
    broken = Reply(text=text, problem=Problem(kind, "sorry: overloaded" if kind == "overloaded" else "sorry"))
    head, chunks = dialect.render(broken, Prompt(model=model, stream=True), [text])
    places = data.draw(st.lists(st.integers(0, 10**6), max_size=8))
    found = decoded(dialect, head, cut(b"".join(chunks), places))
    assert found.problem is not None
    assert (found.text, found.problem.message) == (text, broken.problem and broken.problem.message)
    assert found.problem.kind == (kind if dialect.name not in WORDLESS else found.problem.kind)
    assert found.finish in {None, "error"}


@by_model
@pytest.mark.parametrize("kind", ["server-error", "rate-limit", "overloaded", "auth", "permission", "not-found"])
@pytest.mark.parametrize("stream", [True, False])
def test_a_refusal_reads_as_the_problem_that_it_is(dialect: Dialect, model: str, kind: Any, stream: bool) -> None:
    head, chunks = dialect.render(Reply(problem=Problem(kind, "no")), Prompt(model=model, stream=stream), [])
    found = decoded(dialect, head, list(chunks)).problem
    assert found is not None
    assert (found.kind, found.message, found.status) == (kind, "no", head.status)
    assert head.status >= 400


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
@given(body=st.binary(max_size=80) | words.map(str.encode), status=st.sampled_from([200, 404, 503]), data=st.data())
@settings(max_examples=150, deadline=None)
def test_strange_bytes_never_raise_and_never_mean_something_else_when_cut(
    dialect: Dialect, body: bytes, status: int, data: st.DataObject
) -> None:
    head = Head(status, Headers((("content-type", "text/event-stream"),)))
    places = data.draw(st.lists(st.integers(0, 80), max_size=5))
    assert decoded(dialect, head, cut(body, places)).deltas == decoded(dialect, head, [body]).deltas
    assert b"".join(dialect.frames(head, body)) == body


roles = st.sampled_from(["user", "assistant"])
prompts = st.builds(
    Prompt,
    messages=st.lists(st.builds(Message, role=roles, content=some_words), min_size=1, max_size=3).map(tuple),
    model=st.sampled_from(["claude-x", "gemini-2.5", "llama3"]),
    parameters=st.fixed_dictionaries(
        {"max_tokens": st.integers(1, 99)},
        optional={
            "temperature": st.floats(0, 2),
            "top_p": st.floats(0, 1),
            "stop_sequences": st.lists(some_words, min_size=1),
        },
    ),
    tools=st.just(()) | st.just((Tool("weather", "The weather.", {"type": "object", "properties": {}}),)),
    stream=st.booleans(),
)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
@given(prompt=prompts)
@settings(max_examples=60, deadline=None)
def test_what_is_encoded_is_asked(dialect: Dialect, prompt: Prompt) -> None:
    request = dialect.encode(prompt, "https://api.example")
    operation = dialect.operation(request)
    assert operation is not None
    assert operation.dialect == dialect.name
    read = dialect.prompt(request)
    told = {name: value for name, value in read.parameters.items() if name != "anthropic_version"}
    assert replace(read, parameters=told) == prompt
