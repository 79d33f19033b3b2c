"""Every dialect that renders, streamed and whole: thinking, text and tool calls in any order and pieces are read as
they were said, however the bytes are cut."""

from __future__ import annotations

import json
from base64 import b64encode
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import dialects
from harness.model import (
    Delta,
    Head,
    Image,
    Message,
    Prompt,
    Refusal,
    Reply,
    Request,
    Spoken,
    Text,
    Thinking,
    ToolCall,
    ToolFragment,
    Usage,
)

ANY = Request("POST", "https://x.example/")
NAMES = [dialect.name for dialect in dialects.BUILT_IN if dialect.renders]
REFUSES = {"openai-chat", "openai-responses", "native"}
"""Those whose wire keeps a refusal apart."""
TEXTS_ONLY = {"openai-completions"}
MODELS = [
    *((name, "m") for name in NAMES),
    ("bedrock-invoke", "eu.amazon.nova-lite-v1:0"),
    ("bedrock-invoke", "openai.gpt-oss-20b-1:0"),
]

words = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
arguments = st.dictionaries(words, st.integers() | words | st.none(), max_size=3).map(
    lambda value: json.dumps(value, ensure_ascii=False)
)
ids = st.sampled_from(["", "call_1", "call_1", "call_2"])
"""None, and the same one twice, because models do that."""


def cut(text: str, places: list[int]) -> list[str]:
    edges = [0, *sorted({place % (len(text) + 1) for place in places}), len(text)]
    return [text[a:b] for a, b in pairwise(edges) if a < b]


@st.composite
def blocks(draw: st.DrawFn, number: int, *, calls: bool, draws: bool) -> list[Spoken]:
    kinds = (["text", "thinking", "call"] if calls else ["text"]) + ["image"] * draws
    kind = draw(st.sampled_from(kinds))
    if kind == "image":
        data = b64encode(draw(st.binary(min_size=1, max_size=9))).decode()
        return [Image(draw(st.sampled_from(["image/png", "image/webp"])), data)]
    if kind == "call":
        pieces = cut(draw(arguments), draw(st.lists(st.integers(0, 99), max_size=3)))
        opening = ToolFragment(number, draw(words), id=draw(ids))
        return [opening, *(ToolFragment(number, arguments=piece) for piece in pieces)]
    say = Text if kind == "text" else Thinking
    return [say(piece) for piece in draw(st.lists(words, min_size=1, max_size=3))]


@st.composite
def spoken(draw: st.DrawFn, name: str) -> tuple[Reply, list[Spoken]]:
    calls = name not in TEXTS_ONLY
    draws = getattr(dialects.get(name), "draws", False)
    said = [piece for at in range(draw(st.integers(0, 4))) for piece in draw(blocks(at, calls=calls, draws=draws))]
    summed = Reply.of([piece for piece in said if not isinstance(piece, str)])
    if name in REFUSES and not summed.tool_calls and draw(st.booleans()):
        said.append(Refusal(draw(words)))
    summed = Reply.of([piece for piece in said if not isinstance(piece, str)])
    finish = "refusal" if summed.refusal else "tool" if summed.tool_calls else draw(st.sampled_from(["stop", "length"]))
    usage = Usage(draw(st.integers(0, 99)), draw(st.integers(0, 99)))
    id_ = draw(st.sampled_from(["", "it_1"]))
    meant = Reply(
        summed.text,
        summed.thinking,
        summed.refusal,
        summed.tool_calls,
        finish,
        usage=usage,
        id=id_,
        images=summed.images,
    )  # type: ignore[arg-type]
    return meant, said


def read(name: str, head: Head, chunks: list[bytes]) -> tuple[Delta, ...]:
    decoder = dialects.get(name).decoder(ANY, head)
    return (*(delta for chunk in chunks for delta in decoder.feed(chunk)), *decoder.close())


def canonical(calls: tuple[ToolCall, ...]) -> list[tuple[str, object, str]]:
    """Wires that carry arguments as values spell them in their own way."""
    return [(call.name, json.loads(call.arguments or "{}"), call.id) for call in calls]


def meaning(reply: Reply) -> tuple[object, ...]:
    return (
        reply.text,
        reply.thinking,
        reply.refusal,
        canonical(reply.tool_calls),
        reply.finish,
        reply.usage,
        reply.images,
    )


@pytest.mark.parametrize("name, model", MODELS, ids=[f"{name}-{model}" for name, model in MODELS])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_what_is_said_in_any_order_and_pieces_is_what_is_read(
    name: str, model: str, stream: bool, data: st.DataObject
) -> None:
    meant, said = data.draw(spoken(name))
    dialect = dialects.get(name)
    asked = Prompt((Message("user", "hi"),), model, {"stream_options": {"include_usage": True}}, (), stream)
    head, chunks = dialect.render(meant, asked, said)
    assert (head, chunks) == dialect.render(meant, asked, said)
    body = b"".join(chunks)
    whole = read(name, head, [body])
    found = Reply.of(whole)
    assert meaning(found) == meaning(meant)
    if meant.id and found.id:
        assert found.id == meant.id
    assert read(name, head, list(chunks)) == whole
    assert read(name, head, [body[at : at + 1] for at in range(len(body))]) == whole
    sizes = data.draw(st.lists(st.integers(0, 10**6), max_size=6))
    edges = [0, *sorted({size % (len(body) + 1) for size in sizes}), len(body)]
    assert read(name, head, [body[a:b] for a, b in pairwise(edges)]) == whole
    if stream:
        texts = [piece.text for piece in said if isinstance(piece, Text)]
        assert [delta.text for delta in whole if isinstance(delta, Text)] == texts
