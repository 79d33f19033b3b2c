"""What the semantic faults make of an answer, as its dialect's own decoder reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from harness import dialects, faults
from harness.dialects import deltas
from harness.model import Interaction, Json, Reply, Timeline, ToolCall, Usage
from harness.spec import Asked
from tests.faults.answers import BLOCK, CALL, DIALECTS, TEXT, answer, called, meaning, spoken

STREAMED = [True, False]
RENDERED = [name for name in DIALECTS if dialects.get(name).renders]


def struck(name: str, dialect: str, given: Interaction, params: Mapping[str, Json] | None = None) -> Interaction:
    fault = faults.get(name)
    site = faults.natural_site(fault, given.timeline)
    assert site is not None
    changed = fault.apply(given.timeline, site, params or {}, Asked(dialect, given.request))
    return Interaction(given.request, changed, given.id)


def having(name: str) -> list[str]:
    return [dialect for dialect in DIALECTS if dialect in getattr(faults.get(name), "dialects", ())]


@pytest.mark.parametrize("stream", STREAMED, ids=["stream", "unary"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_another_reason_for_stopping_leaves_what_was_said(dialect: str, stream: bool) -> None:
    given = spoken(dialect, stream=stream)
    long = meaning(struck("finish-length", dialect, given))
    assert (long.finish, long.text, long.usage) == ("length", meaning(given).text, meaning(given).usage)
    new = meaning(struck("unknown-enum-value", dialect, given))
    assert (new.finish, new.text) == (None, meaning(given).text)
    assert new.native_finish.lower().startswith("brand_new")


@pytest.mark.parametrize("stream", STREAMED, ids=["stream", "unary"])
@pytest.mark.parametrize("dialect", having("finish-content-filter"))
def test_a_filter_keeps_back_all_that_was_said(dialect: str, stream: bool) -> None:
    said = meaning(struck("finish-content-filter", dialect, spoken(dialect, stream=stream)))
    assert said.text == ""
    assert said.finish in {"filter", "refusal"}


@pytest.mark.parametrize("dialect", having("pause"))
def test_a_pause_is_one(dialect: str) -> None:
    said = meaning(struck("pause", dialect, spoken(dialect, stream=True)))
    assert said.finish == "pause"
    assert said.native_finish or dialect == "native"


@pytest.mark.parametrize("stream", STREAMED, ids=["stream", "unary"])
def test_a_model_that_was_only_loaded_says_nothing(stream: bool) -> None:
    for dialect in ("ollama", "native"):
        said = meaning(struck("load-only", dialect, spoken(dialect, stream=stream)))
        assert (said.text, said.finish) == ("", "load")


@pytest.mark.parametrize("stream", STREAMED, ids=["stream", "unary"])
@pytest.mark.parametrize(
    "name,dialect",
    [(name, dialect) for name in ("empty-choices", "null-content") for dialect in having(name) if dialect in RENDERED],
)
def test_what_should_hold_text_holds_none(name: str, dialect: str, stream: bool) -> None:
    said = meaning(struck(name, dialect, spoken(dialect, stream=stream)))
    # Their streams say every text elsewhere than in the field that is null.
    said_elsewhere = stream and (name, dialect) in {("null-content", "anthropic"), ("null-content", "openai-responses")}
    assert (said.text, said.problem) == (TEXT if said_elsewhere else "", None)


@pytest.mark.parametrize("stream", STREAMED, ids=["stream", "unary"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_tokens_are_not_counted_or_none_were_used(dialect: str, stream: bool) -> None:
    given = spoken(dialect, stream=stream)
    uncounted = meaning(struck("usage-missing", dialect, given))
    assert (uncounted.usage, uncounted.text) == (None, meaning(given).text)
    zero = meaning(struck("usage-zero", dialect, given)).usage
    assert zero is not None
    assert (zero.input_tokens, zero.output_tokens) == (0, 0)


def test_tokens_are_counted_in_a_chunk_without_choices() -> None:
    quiet = answer("openai-chat", Reply(text=TEXT, finish="stop"), stream=True)
    assert meaning(quiet).usage is None
    assert meaning(struck("usage-only-last-chunk", "openai-chat", quiet)).usage == Usage(9, 7)


@pytest.mark.parametrize("dialect", RENDERED)
def test_behaviours_are_said_in_the_dialect(dialect: str) -> None:
    for stream in STREAMED:
        spoke = spoken(dialect, stream=stream)
        empty = meaning(struck("empty-stop", dialect, spoke))
        assert (empty.text, empty.finish) == ("", "stop")
        block = answer(dialect, Reply(text=BLOCK, finish="stop"), stream=stream)
        cut = meaning(struck("length-in-block", dialect, block))
        assert (cut.text, cut.finish) == ('Done.\n~~~json\n{"items": ', "length")
        unclosed = meaning(struck("unclosed-block", dialect, block))
        assert (unclosed.text, unclosed.finish) == ('Done.\n~~~json\n{"items": [1, 2, 3]}\nAnything else?', "stop")
        told = answer(dialect, Reply(text='{"city": "Paris"}', finish="stop"), stream=stream)
        assert meaning(struck("json-fenced", dialect, told)).text == '```json\n{"city": "Paris"}\n```'
        assert meaning(struck("json-schema-violation", dialect, told)).text == "{}"


@pytest.mark.parametrize("dialect", RENDERED)
def test_an_endless_repetition_ends_at_the_limit_of_the_request(dialect: str) -> None:
    said = meaning(struck("endless-repetition", dialect, spoken(dialect, stream=True), {"text": " yes"}))
    assert said.finish == "length"
    assert said.text == TEXT + " yes" * 60
    assert said.usage == Usage(9, 64)


def test_a_longer_answer_goes_on_at_the_pace_it_had() -> None:
    given = spoken("native", stream=True)
    long = struck("endless-repetition", "native", given).timeline
    chunk_times = [at for at, _ in long.events[1:-1]]
    assert {b - a for a, b in pairwise(chunk_times)} == {10_000_000}


@pytest.mark.parametrize("dialect", having("prompt-blocked"))
def test_who_declines_says_so_apart_from_the_text(dialect: str) -> None:
    said = meaning(struck("refusal", dialect, spoken(dialect, stream=False)))
    assert said.text == ""
    assert said.refusal or (said.problem is not None and said.problem.kind == "content-filter")


def tools(name: str, dialect: str, *, stream: bool, calls: tuple[ToolCall, ...] = (CALL,)) -> Reply:
    return meaning(struck(name, dialect, called(dialect, stream=stream, calls=calls)))


@pytest.mark.parametrize("stream", STREAMED, ids=["stream", "unary"])
@pytest.mark.parametrize("dialect", RENDERED)
def test_tools_are_called_wrongly(dialect: str, stream: bool) -> None:
    assert [call.name for call in tools("tool-unknown-name", dialect, stream=stream).tool_calls] == ["no_such_tool"]
    twice = tools("tool-id-duplicate", dialect, stream=stream).tool_calls
    assert [call.id for call in twice] == ["call_1", "call_1"]
    parallel = tools("tool-parallel-unexpected", dialect, stream=stream).tool_calls
    assert [call.name for call in parallel] == ["get_weather", "get_weather"]
    (lacking,) = tools("tool-args-schema-violation", dialect, stream=stream).tool_calls
    assert json.loads(lacking.arguments) == {"days": 2}
    (nameless,) = tools("tool-id-missing", dialect, stream=stream).tool_calls
    assert nameless.id != CALL.id
    assert (nameless.id, nameless.name) == ("", "get_weather") or dialect == "openai-responses"  # items have ids, too


@pytest.mark.parametrize("dialect", having("tool-args-truncated"))
def test_arguments_are_cut_because_the_tokens_ran_out(dialect: str) -> None:
    if dialect in RENDERED:
        said = tools("tool-args-truncated", dialect, stream=True)
        assert said.finish == "length"
        assert said.tool_calls[0].arguments == CALL.arguments[: len(CALL.arguments) // 2]


@pytest.mark.parametrize("dialect", having("tool-args-wrong-type"))
def test_arguments_have_another_type_than_the_dialect_says(dialect: str) -> None:
    """The decoder may read them or not; the bytes are what a client gets."""
    given = called(dialect, stream=False)
    before, after = (
        types_of_arguments(given.timeline),
        types_of_arguments(struck("tool-args-wrong-type", dialect, given).timeline),
    )
    assert before
    assert before != after


def types_of_arguments(timeline: Timeline) -> list[type]:
    found: list[type] = []

    def look(value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                if key in {"arguments", "args", "input"} and inner:
                    found.append(type(inner))
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    for line in timeline.body.decode().splitlines():
        text = line.removeprefix("data: ")
        if text.startswith("{"):
            look(json.loads(text))
    return found


def test_the_numbers_of_calls_leave_one_out() -> None:
    second = ToolCall("get_weather", '{"city": "Rome"}', "call_2")
    given = called("openai-chat", stream=True, calls=(CALL, second))
    after = struck("tool-index-gap", "openai-chat", given)
    numbers = {delta.index for _, delta in deltas(after.request, after.timeline) if hasattr(delta, "arguments")}
    assert numbers == {0, 2}


def test_an_answer_without_what_a_fault_strikes_is_no_place_for_it() -> None:
    for name in ("tool-unknown-name", "length-in-block", "json-schema-violation", "tool-id-missing", "tool-index-gap"):
        with pytest.raises(faults.NoPlaceError, match="this answer"):
            struck(name, "openai-chat", spoken("openai-chat", stream=True))
