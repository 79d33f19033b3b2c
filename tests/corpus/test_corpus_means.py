"""Every generation in the recordings is read: text, tool calls, the provider's own finish word, and token counts.

The judge is a second reading, below, that shares no code with the dialects: json, struct and base64, a few lines for
each API. It knows whole answers and streams, and no more of each API than these recordings have.
"""

from __future__ import annotations

import base64
import json
import random
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import harness
from harness.contract import LLMConnectionError
from harness.dialects import decode, frames, recognise
from harness.errors import CassetteError
from harness.model import Cassette, Interaction, Timeline
from harness.storage import load

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
SUFFIXES = (".yaml", ".yml", ".json", ".gz")
FILES = sorted(p for p in CORPUS.rglob("*") if p.name.endswith(SUFFIXES)) if CORPUS.is_dir() else []
pytestmark = pytest.mark.skipif(not FILES, reason=f"the corpus is not beside this repository: {CORPUS.name} is missing")


def readable() -> Iterator[tuple[str, Interaction]]:
    for path in FILES:
        try:
            cassette = load(path)
        except CassetteError:  # no HTTP: test_corpus_loads says which
            continue
        yield from ((path.name, one) for one in cassette)


EVERY = list(readable())
NO_GENERATION = {
    "/v1/embeddings": "vectors are no text",
    "/embeddings": "vectors are no text",
    "/batch/": "telemetry",
    "/api/models": "which provider has a model",
    "/v1/assistants": "an assistant is set up; it says nothing yet",
    "/v1/threads": "threads and runs are objects that are polled; the text is in a list of messages of all turns",
    "**REDACTED**": "a GET without a body",
}
"""What is plain HTTP, and why. A path that contains one of these."""


def is_generation(one: Interaction) -> bool:
    path = urlsplit(one.request.url).path
    plain = any(part in path for part in NO_GENERATION if part != "**REDACTED**")
    return not plain and not ("**REDACTED**" in path and not one.request.body)


GENERATIONS = [(name, one) for name, one in EVERY if is_generation(one)]
ANSWERED = [(name, one) for name, one in GENERATIONS if one.timeline.head and one.timeline.head.status < 400]
REFUSED = [(name, one) for name, one in GENERATIONS if one.timeline.head and one.timeline.head.status >= 400]


def named(pairs: list[tuple[str, Interaction]]) -> list[str]:
    return [f"{name[:40]}-{one.id}" for name, one in pairs]


# --- the second reading ---------------------------------------------------------------------------------------------


def messages_of(body: bytes) -> Iterator[Any]:
    """The payloads of a binary stream, `chunk` events opened."""
    while body:
        size, told = struct.unpack(">II", body[:8])
        head, payload = body[12 : 12 + told], json.loads(body[12 + told : size - 4])
        name = head.partition(b":event-type\x07")[2][2:].partition(b"\r")[0].decode()
        yield json.loads(base64.b64decode(payload["bytes"])) if "bytes" in payload else {name: payload}
        body = body[size:]


def values_of(body: bytes) -> list[Any]:
    """Every JSON value of an answer, however it is framed."""
    if body[:1] == b"\0":
        return list(messages_of(body))
    try:
        whole = json.loads(body)
    except ValueError:
        lines = [line.removeprefix(b"data:").strip() for line in body.splitlines()]
        return [json.loads(line) for line in lines if line.startswith(b"{")]
    return whole if isinstance(whole, list) else [whole]


Heard = tuple[str, list[str], str, int | None]


def second_reading(name: str, values: list[Any]) -> Heard:
    """Text, names of the tools called, the finish word, and the tokens that were written."""
    api = name.partition("/")[0]
    text, tools, finish, tokens = READERS[api](values)
    return text, tools, finish or "", tokens


def openai(values: list[Any]) -> tuple[str, list[str], Any, Any]:
    text, tools, finish, tokens = "", [], None, None
    for value in values:
        counts = value.get("usage") or value.get("x_groq", {}).get("usage") or {}
        tokens = counts.get("completion_tokens", tokens)
        for choice in [c for c in value.get("choices", []) if c["index"] == 0]:
            said = choice.get("delta") or choice.get("message") or {}
            text += said.get("content") or choice.get("text") or ""
            tools += [n for call in said.get("tool_calls") or [] if (n := call["function"].get("name"))]
            finish = choice.get("finish_reason") or finish
    return text, tools, finish, tokens


def responses(values: list[Any]) -> tuple[str, list[str], Any, Any]:
    whole = [value.get("response", value) for value in values if "output" in value.get("response", value)][-1]
    parts = [part for item in whole["output"] if item["type"] == "message" for part in item["content"]]
    calls = [item["name"] for item in whole["output"] if item["type"] == "function_call"]
    usage = whole.get("usage") or {}
    return "".join(part["text"] for part in parts), calls, whole["status"], usage.get("output_tokens")


def anthropic(values: list[Any]) -> tuple[str, list[str], Any, Any]:
    text, tools, finish, tokens = "", [], None, None
    for value in values:
        if value["type"] == "message_start":
            continue
        blocks = [value["content_block"]] if "content_block" in value else value.get("content", [])
        tools += [block["name"] for block in blocks if block["type"] == "tool_use"]
        text += "".join(block["text"] for block in blocks if block["type"] == "text")
        delta = value.get("delta", {})
        text += delta.get("text", "")
        finish = delta.get("stop_reason") or value.get("stop_reason") or finish
        tokens = value.get("usage", {}).get("output_tokens", tokens)
    return text, tools, finish, tokens


def gemini(values: list[Any]) -> tuple[str, list[str], Any, Any]:
    text, tools, finish, tokens = "", [], None, None
    for value in values:
        first = value.get("candidates", [{}])[0]
        parts = first.get("content", {}).get("parts", [])
        text += "".join(part["text"] for part in parts if "text" in part and not part.get("thought"))
        tools += [part["functionCall"]["name"] for part in parts if "functionCall" in part]
        finish = first.get("finishReason", finish)
        finish = NUMBERED.get(finish, finish)
        tokens = value.get("usageMetadata", {}).get("candidatesTokenCount", tokens)
    return text, tools, finish, tokens


def ollama(values: list[Any]) -> tuple[str, list[str], Any, Any]:
    said = [value.get("message", {}) for value in values]
    text = "".join(one.get("content", "") for one in said) + "".join(value.get("response", "") for value in values)
    tools = [call["function"]["name"] for one in said for call in one.get("tool_calls") or []]
    return text, tools, values[-1].get("done_reason"), values[-1].get("eval_count")


def cohere(values: list[Any]) -> tuple[str, list[str], Any, Any]:
    text, last = "", values[-1]
    for value in values:
        if value.get("event_type") != "stream-end":
            text += value.get("text", "")
        content = value.get("delta", {}).get("message", {}).get("content")
        text += content.get("text", "") if isinstance(content, dict) else ""
    end = last.get("delta") or last.get("response") or last
    return text, [], end["finish_reason"], (end.get("usage") or end["meta"])["tokens"]["output_tokens"]


def bedrock(values: list[Any]) -> tuple[str, list[str], Any, Any]:
    text, tools, finish, tokens = "", [], None, None
    for value in values:
        blocks = value.get("output", {}).get("message", {}).get("content", [])
        text += "".join(block.get("text", "") for block in blocks)
        tools += [block["toolUse"]["name"] for block in blocks if "toolUse" in block]
        text += value.get("contentBlockDelta", {}).get("delta", {}).get("text", "")
        start = value.get("contentBlockStart", {}).get("start", {}).get("toolUse")
        tools += [start["name"]] if start else []
        finish = value.get("stopReason") or value.get("messageStop", {}).get("stopReason") or finish
        usage = value.get("usage") or value.get("metadata", {}).get("usage") or {}
        tokens = usage.get("outputTokens", tokens)
        text += value["text"] if value.get("index") == 0 else ""  # Cohere's first of several
        finish = value.get("finish_reason") or finish
        tokens = value.get("amazon-bedrock-invocationMetrics", {}).get("outputTokenCount", tokens)
        for one in value.get("completions", []):  # AI21's
            text, finish = one["data"]["text"], one["finishReason"]["reason"]
    return text, tools, finish, tokens


READERS = {
    "openai.chat": openai, "openai.completions": openai, "openai.responses": responses, "anthropic.messages": anthropic,
    "gemini.generateContent": gemini, "gemini.streamGenerateContent": gemini, "ollama.chat": ollama,
    "ollama.generate": ollama, "cohere.chat": cohere, "cohere.chat-v2": cohere, "bedrock.converse": bedrock,
    "bedrock.converse-stream": bedrock, "bedrock.invoke": bedrock, "bedrock.invoke-with-response-stream": bedrock,
}  # fmt: skip
FAILED_AT_200 = {
    "test_tool_use_failed_error_streaming.yaml-#1": "its stream ends in an error event instead of a finish word",
    "test_prompt_content_filtering_with_events_with_content.yaml-#1": "a gateway's error under a good status",
}
NUMBERED = {1: "STOP"}
"""Vertex's older SDK asks for the numbers of enums; what we tell is the word."""

# --- the tests ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, one", ANSWERED, ids=named(ANSWERED))
def test_an_answer_is_read_as_a_second_reader_reads_it(name: str, one: Interaction) -> None:
    known = recognise(one.request)
    assert known is not None
    text, tools, finish, tokens = second_reading(known[1].name, values_of(one.timeline.body))
    found = one.reply
    assert found is not None
    assert found.text == text
    assert [call.name for call in found.tool_calls] == tools
    assert all(isinstance(json.loads(call.arguments or "{}"), dict) for call in found.tool_calls)
    assert found.native_finish == finish
    assert (found.usage.output_tokens if found.usage else None) == tokens
    failed = f"{name}-{one.id}" in FAILED_AT_200
    assert (found.problem is not None) is failed
    assert found.finish is not None or not finish


@pytest.mark.parametrize("name, one", REFUSED, ids=named(REFUSED))
def test_a_refusal_is_a_problem_in_words(name: str, one: Interaction) -> None:
    found = one.reply
    assert found is not None
    assert found.problem is not None
    assert found.problem.kind not in {"unknown", "malformed"}
    assert found.problem.message in json.dumps(json.loads(one.timeline.body), ensure_ascii=False) or "\n" in (
        found.problem.message
    )
    assert (found.text, found.problem.status) == ("", one.timeline.head and one.timeline.head.status)


@pytest.mark.parametrize("name, one", GENERATIONS, ids=named(GENERATIONS))
def test_the_meaning_is_the_same_at_every_chunking_and_the_frames_join(name: str, one: Interaction) -> None:
    body, head = one.timeline.body, one.timeline.head
    assert head is not None
    assert b"".join(frames(one.request, head, body)) == body
    rolled = random.Random(f"{name}{one.id}")
    for size in (1 if len(body) < 20_000 else 997, *rolled.sample(range(2, 2000), 3)):
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        assert decode(one.request, Timeline.of(head, pieces)) == one.reply


@pytest.mark.parametrize("name, one", GENERATIONS, ids=named(GENERATIONS))
def test_a_cut_answer_is_read_as_far_as_it_goes(name: str, one: Interaction) -> None:
    whole = one.reply
    assert whole is not None
    for part in (1, 2, 3):
        stop = len(one.timeline.chunks) * part // 4
        found = decode(one.request, one.timeline.cut(stop))
        assert found is not None
        assert whole.text.startswith(found.text)


def test_what_is_no_generation_is_not_taken_for_one() -> None:
    others = [one for _, one in EVERY if not is_generation(one)]
    assert [one.request.url for one in others if recognise(one.request)] == []
    assert (len(GENERATIONS), len(others)) == (173, 27)


def test_the_generations_are_those_that_the_collection_counts() -> None:
    counted = Counter(recognise(one.request)[1].name.partition("/")[0] for _, one in GENERATIONS)  # type: ignore[index]
    assert set(counted) == set(READERS)
    rows = [row.split("\t") for row in (CORPUS / "MANIFEST.tsv").read_text().splitlines()]
    column = rows[0].index("n_gen")
    nock = 4  # recorded by nock, which is no layout of ours
    runs = 2  # of an assistant: polled objects, plain HTTP
    assert counted.total() == sum(int(row[column]) for row in rows[1:]) - nock - runs


# --- a backend --------------------------------------------------------------------------------------------------------

ASKED = [(name, one) for name, one in ANSWERED if one.prompt is not None]
IN_WORDS = [
    (name, one)
    for name, one in ASKED
    if one.prompt and not any(message.tool_calls or message.attachments for message in one.prompt.messages)
]
"""The chat contract's messages are a role, a content and a name: it cannot say tool calls and pictures."""


def plainly(one: Interaction) -> list[dict[str, str]]:
    assert one.prompt is not None
    return [{"role": message.role, "content": message.content} for message in one.prompt.messages]


def expects_text(one: Interaction) -> bool:
    return bool(one.reply and one.reply.text and not one.reply.problem)


@pytest.mark.parametrize("name, one", IN_WORDS, ids=named(IN_WORDS))
def test_a_backend_that_is_asked_the_decoded_prompt_answers_with_the_recorded_text(name: str, one: Interaction) -> None:
    recorded = one.reply
    assert recorded is not None
    with harness.replay(Cassette((one,))) as session:
        backend = session.backend(retries=0)
        if recorded.problem and recorded.problem.kind == "content-filter":
            assert backend.complete(plainly(one)).finish_reason == "error"
            return
        if recorded.problem:
            with pytest.raises(LLMConnectionError):
                backend.complete(plainly(one))
            return
        found = backend.complete(plainly(one))
    narrative, call = backend.parse_tool_call(recorded.text)
    assert found.narrative_text in {recorded.text, narrative}
    if recorded.tool_calls and not call:
        assert found.tool_call["name"] == recorded.tool_calls[0].name
    assert found.finish_reason in {"stop", "length", "error"}


@pytest.mark.parametrize("name, one", IN_WORDS, ids=named(IN_WORDS))
def test_a_backend_streams_the_recorded_text(name: str, one: Interaction) -> None:
    if not expects_text(one):
        return
    with harness.replay(Cassette((one,))) as session:
        told = list(session.backend().stream_tokens(plainly(one)))
    assert one.reply is not None
    assert "".join(told) == one.reply.text


@pytest.mark.parametrize("name, one", ASKED, ids=named(ASKED))
def test_a_conversation_with_tools_and_pictures_answers_too(name: str, one: Interaction) -> None:
    assert one.prompt is not None
    with harness.replay(Cassette((one,))) as session:
        told = tuple(session.converse(one.prompt))
    assert harness.Reply.of(told) == one.reply


def test_a_poll_is_the_only_generation_without_a_prompt() -> None:
    silent = {one.request.method for _, one in ANSWERED if one.prompt is None}
    assert silent == {"GET"}
    assert (len(ASKED), len(IN_WORDS)) == (153, 112)
