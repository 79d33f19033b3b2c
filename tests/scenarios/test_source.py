"""A scenario as a source: first match wins, in the dialect of the request, and what was promised is remembered."""

from __future__ import annotations

import json

import pytest

from harness.dialects import BUILT_IN, decode, native_request
from harness.model import (
    Message,
    Problem,
    Prompt,
    Reply,
    Request,
    Reset,
    Timeline,
    Unknown,
    as_seconds,
    seconds,
)
from harness.scenarios import ScenarioSource, compile_scenario, function_source, parse_scenario
from harness.spec import Dialect, Found, Mismatch, Source

HEAD = "harness: 1\nname: x\n"
WIRES = [d for d in BUILT_IN if d.renders and d.name != "native"]
CHATS = [d for d in WIRES if d.name != "openai-completions"]


def source(calls: str, rest: str = "", case: str | None = None) -> ScenarioSource:
    return compile_scenario(parse_scenario(f"{HEAD}calls:\n{calls}\n{rest}"), case)


def asked(text: str, *, call: str = "complete", system: str = "", **body: object) -> Request:
    messages = ([Message("system", system)] if system else []) + [Message("user", text)]
    return native_request(call, Prompt(tuple(messages), **body))  # type: ignore[arg-type]


def found(answered: Found | Mismatch) -> tuple[Reply, Timeline]:
    assert isinstance(answered, Found), answered
    reply = decode(answered.interaction.request, answered.interaction.timeline)
    assert reply is not None
    return reply, answered.interaction.timeline


def missed(answered: Found | Mismatch) -> Mismatch:
    assert isinstance(answered, Mismatch), answered
    return answered


TWO = "  - {id: a, when: {user: alpha}, reply: {text: A}}\n  - {id: b, reply: {text: B}}"


def test_the_first_call_that_matches_answers() -> None:
    here = source(TWO)
    assert isinstance(here, Source)
    first = here.find(asked("say alpha"))
    assert isinstance(first, Found)
    assert (first.how, first.interaction.id, found(first)[0].text) == ("rule", "a", "A")
    assert found(here.find(asked("beta")))[0].text == "B"
    assert found(here.find(asked("alpha")))[0].text == "A"


@pytest.mark.parametrize(
    "when,fits",
    [
        ("{user: {equals: Hello you}}", True),
        ("{user: {equals: Hello}}", False),
        ("{user: {startswith: Hello, endswith: you}}", True),
        ("{user: {startswith: Hello, endswith: me}}", False),
        ("{user: {regex: '(?i)^hello'}}", True),
        ("{user: {glob: 'Hello*'}}", True),
        ("{user: {not: {contains: you}}}", False),
        ("{user: {contains: Hello, not: me}}", True),
        ("{system: brief}", True),
        ("{system: long}", False),
        ("{model: {glob: 'm-*'}}", True),
        ("{stream: true}", True),
        ("{stream: false}", False),
        ("{turn: 1}", True),
        ("{turn: 2}", False),
        ("{all: [{user: Hello}, {system: brief}]}", True),
        ("{all: [{user: Hello}, {system: long}]}", False),
        ("{any: [{user: nothing}, {system: brief}]}", True),
        ("{any: [{user: nothing}, {system: long}]}", False),
        ("{not: {user: nothing}}", True),
        ("{not: {user: Hello}}", False),
    ],
)
def test_a_matcher_means_what_it_says(when: str, fits: bool) -> None:
    here = source(f"  - {{id: a, when: {when}, reply: {{text: A}}}}")
    answered = here.find(asked("Hello you", system="be brief", model="m-1", stream=True))
    assert isinstance(answered, Found) is fits


def test_the_second_turn_is_after_the_model_has_spoken() -> None:
    here = source("  - {id: a, when: {turn: 2}, reply: {text: A}}")
    messages = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))
    assert found(here.find(native_request("complete", Prompt(messages))))[0].text == "A"


def test_a_miss_names_the_nearest_call_its_matcher_and_what_was_asked() -> None:
    here = source(
        "  - {id: far, when: {user: zzz, system: yyy, model: xxx}, reply: {text: A}}\n"
        "  - {id: near, when: {user: {contains: alpha}}, reply: {text: B}}"
    )
    miss = missed(here.find(asked("beta " * 100)))
    assert miss.nearest == "near"
    assert "'near' wants user contains 'alpha'" in miss.reason
    (difference,) = miss.differences
    assert (difference.path, difference.recorded) == ("when.user", "contains 'alpha'")
    assert difference.asked.endswith("… (500 characters)")


def test_what_a_miss_shows_of_the_prompt_is_redacted() -> None:
    key = "sk-proj-" + "A1b2C3d4" * 6
    miss = missed(source("  - {id: a, when: {user: x-y-z}, reply: {text: A}}").find(asked(f"my key is {key}")))
    assert key not in miss.differences[0].asked


SEQUENCE = "  - {{id: a, sequence: [{{text: one}}, {{text: two}}], then: {}}}"


@pytest.mark.parametrize(
    "then,texts", [("last", ["one", "two", "two", "two"]), ("cycle", ["one", "two", "one", "two"])]
)
def test_a_sequence_gives_one_item_after_the_other(then: str, texts: list[str]) -> None:
    here = source(SEQUENCE.format(then))
    assert [found(here.find(asked("x")))[0].text for _ in texts] == texts
    assert here.unplayed() == []


def test_a_sequence_that_is_used_up_is_a_miss_and_one_that_is_not_is_unplayed() -> None:
    here = source("  - {id: a, sequence: [{text: one}, {text: two}]}")
    assert found(here.find(asked("x")))[0].text == "one"
    assert here.unplayed() == ["a: item 2 (text) was given 0 of 1 times"]
    here.find(asked("x"))
    miss = missed(here.find(asked("x")))
    assert (miss.exhausted, miss.nearest) == (True, "a")
    assert here.unplayed() == []


def test_a_call_that_answers_twice_is_passed_over_after_that() -> None:
    here = source("  - {id: a, times: 2, reply: {text: A}}\n  - {id: b, reply: {text: B}}")
    assert here.answers == 2
    assert [found(here.find(asked("x")))[0].text for _ in range(3)] == ["A", "A", "B"]
    alone = source("  - {id: a, times: 2, reply: {text: A}}")
    assert found(alone.find(asked("x")))[0].text == "A"
    assert alone.unplayed() == ["a: answers 2 times, and was asked 1 times"]
    alone.find(asked("x"))
    assert missed(alone.find(asked("x"))).exhausted


RATE = "  - {id: a, sequence: [{fault: {kind: http-429-rate-limit, retry_after: 12s, times: 2}}, {text: ok}]}"


@pytest.mark.parametrize("dialect", CHATS, ids=lambda d: d.name)
@pytest.mark.parametrize("stream", [True, False])
def test_a_refusal_is_given_so_many_times_in_the_dialect_of_the_request(dialect: Dialect, stream: bool) -> None:
    here = source(RATE)
    request = dialect.encode(Prompt((Message("user", "x"),), "m", stream=stream), "https://x.example/v1")
    for _ in range(2):
        problem = found(here.find(request))[0].problem
        assert problem is not None
        assert (problem.kind, problem.status, problem.retry_after_s) == ("rate-limit", 429, 12)
    reply, _ = found(here.find(request))
    assert (reply.text, reply.finish) == ("ok", "stop")


@pytest.mark.parametrize("dialect", CHATS, ids=lambda d: d.name)
@pytest.mark.parametrize("stream", [True, False])
def test_a_reply_says_the_same_in_every_dialect(dialect: Dialect, stream: bool) -> None:
    calls = "  - {id: a, reply: {chunks: ['Hé', 'llo ', '🌍'], finish: length, usage: {input: 3, output: 4}}}"
    prompt = Prompt((Message("user", "x"),), "m", {"stream_options": {"include_usage": True}}, stream=stream)
    if dialect.name != "openai-chat":
        prompt = Prompt((Message("user", "x"),), "m", stream=stream)
    reply, _ = found(source(calls).find(dialect.encode(prompt, "https://x.example/v1")))
    assert (reply.text, reply.finish) == ("Héllo 🌍", "length")
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (3, 4)


@pytest.mark.parametrize("dialect", CHATS, ids=lambda d: d.name)
def test_a_tool_call_goes_over_every_wire(dialect: Dialect) -> None:
    here = source("  - {id: a, reply: {tool_calls: [{name: weather, args: {city: Paris}}]}}")
    request = dialect.encode(Prompt((Message("user", "x"),), "m", stream=True), "https://x.example/v1")
    reply, _ = found(here.find(request))
    (call,) = reply.tool_calls
    assert (call.name, json.loads(call.arguments), reply.finish) == ("weather", {"city": "Paris"}, "tool")


def test_a_tool_call_at_a_backend_is_a_miss_that_says_what_to_write() -> None:
    miss = missed(source("  - {id: a, reply: {tool_calls: [{name: f}]}}").find(asked("x")))
    assert "~~~json" in miss.reason


def test_a_soft_failure_reaches_a_backend_and_no_wire() -> None:
    calls = "  - {id: a, reply: {failure: {rc: 127, stderr: not found}}}"
    problem = found(source(calls).find(asked("x", call="generate")))[0].problem
    assert problem == Problem("failure", "not found", extra={"rc": 127, "stderr": "not found"})
    wire = CHATS[0].encode(Prompt((Message("user", "x"),), "m"), "https://x.example/v1")
    assert "no form" in missed(source(calls).find(wire)).reason


def test_extra_travels_beside_the_text() -> None:
    reply, _ = found(source("  - {id: a, reply: {text: x, extra: {rc: 0}}}").find(asked("x")))
    assert Unknown("extra", '{"rc": 0}') in reply.deltas


def test_times_are_those_of_the_reply() -> None:
    calls = "  - {id: a, reply: {text: 'one two three', timing: {ttft: 400ms, per_token: 20ms}}}"
    for stream, first in ((True, 0.4), (False, 0.46)):
        request = CHATS[0].encode(Prompt((Message("user", "x"),), "m", stream=stream), "https://x.example/v1")
        _, timeline = found(source(calls).find(request))
        assert as_seconds(timeline.events[0][0]) == first
        assert as_seconds(timeline.end_at) == pytest.approx(0.46)


def test_a_token_that_never_comes_leaves_the_wire_silent() -> None:
    calls = "  - {id: a, reply: {chunks: [one, two], timing: {ttft: 1s, per_token: forever}}}"
    _, timeline = found(source(calls).find(asked("x")))
    assert (timeline.body, timeline.end, timeline.end_at) == (b'{"text": "one"}\n', "open", seconds(1))


def test_defaults_hold_where_nothing_else_is_said() -> None:
    calls = "  - {id: a, when: {user: x}, reply: {text: one}}\n  - {id: b, timing: {}, reply: {text: two}}"
    here = source(calls, "defaults: {timing: {ttft: 3s}}")
    assert found(here.find(asked("x")))[1].end_at == seconds(3)
    assert found(here.find(asked("y")))[1].end_at == 0


CALM = "  - {id: a, reply: {text: 'one two three four'}}"


@pytest.mark.parametrize(
    "at,text",
    [
        ("call=1/chunk=2", "one two"),
        ("call=1/chunk=-2", "one two three four"),
        ("call=1/token=3", "one two three"),
        ("call=1/token=-1", "one two three four"),
        ("call=1/byte=20", "one"),
        ("call=1", "one two three"),
        ("call=a/chunk=1", "one"),
    ],
)
def test_a_reset_strikes_at_its_place(at: str, text: str) -> None:
    here = source(CALM, f"faults: [{{at: {at}, kind: reset}}]")
    reply, timeline = found(here.find(asked("x")))
    assert reply.text == text
    assert isinstance(timeline.events[-1][1], Reset)
    assert here.unplayed() == []


def test_the_same_request_after_a_failure_is_the_next_attempt() -> None:
    here = source(
        CALM, "faults: [{at: call=1/attempt=2/headers, kind: http-429-rate-limit}, {at: call=1, kind: reset}]"
    )
    ends = [found(here.find(asked("x")))[1].end for _ in range(3)]
    assert ends == ["error", "eof", "eof"]
    assert here.unplayed() == []


def test_a_fault_at_every_attempt_or_so_many_times() -> None:
    always = source(CALM, "faults: [{at: call=1/attempt=*, kind: http-429-rate-limit}]")
    assert [found(always.find(asked("x")))[0].problem is not None for _ in range(4)] == [True] * 4
    twice = source(CALM, "faults: [{at: call=1, kind: http-429-rate-limit, times: 2}]")
    assert [found(twice.find(asked("x")))[0].problem is not None for _ in range(4)] == [True, True, False, False]
    each = source(CALM, "faults: [{at: call=*, kind: http-429-rate-limit}]")
    texts = ["x", "x", "y", "y"]
    assert [found(each.find(asked(text)))[0].problem is not None for text in texts] == [True, False, True, False]


def test_another_request_is_another_call() -> None:
    here = source(CALM, "faults: [{at: call=2, kind: reset}]")
    assert [found(here.find(asked(text)))[1].end for text in ("x", "y", "z")] == ["eof", "error", "eof"]


def test_a_fault_that_never_struck_is_told_with_the_reason() -> None:
    here = source(CALM, "faults: [{at: call=1/chunk=9, kind: reset}, {at: call=2, kind: reset}]")
    assert found(here.find(asked("x")))[1].end == "eof"
    assert here.unstruck() == [
        "the fault reset at call=1/chunk=9 never struck: that answer has 5 chunks",
        "the fault reset at call=2 never struck",
    ]
    assert here.unplayed() == here.unstruck()


def test_two_faults_strike_one_answer() -> None:
    here = source(
        CALM, "faults: [{at: call=1, kind: stall-before-headers, for: 9s}, {at: call=1/chunk=1, kind: reset}]"
    )
    _, timeline = found(here.find(asked("x")))
    assert (timeline.end, timeline.end_at) == ("error", seconds(9))


def test_a_case_changes_replies_and_adds_faults() -> None:
    cases = "cases:\n  - {id: other, reply: {text: B}}\n  - {id: broken, faults: [{at: call=1, kind: reset}]}\n"
    assert found(source(CALM, cases).find(asked("x")))[0].text == "one two three four"
    assert found(source(CALM, cases, "other").find(asked("x")))[0].text == "B"
    assert found(source(CALM, cases, "broken").find(asked("x")))[1].end == "error"
    several = source(TWO, "cases: [{id: c, replies: {b: {text: BB}}}]", "c")
    assert [found(several.find(asked(t)))[0].text for t in ("alpha", "beta")] == ["A", "BB"]


def test_a_case_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"has no case 'brocken'. Did you mean 'broken'\?"):
        source(CALM, "cases: [{id: broken}]", "brocken")


def test_a_cancel_is_there_for_whoever_opens_the_session() -> None:
    here = source(CALM, "cancel: {at: t=12s}\ncases: [{id: c, cancel: {at: call=1/chunk=2}}]", "c")
    assert here.cancels == (("t=12s", "event"), ("call=1/chunk=2", "event"))


def test_a_provider_answers_its_own_wire_and_a_backend() -> None:
    here = source(CALM, "provider: anthropic")
    openai, anthropic = (next(d for d in CHATS if d.name == name) for name in ("openai-chat", "anthropic"))
    prompt = Prompt((Message("user", "x"),), "m")
    assert "answers as anthropic" in missed(here.find(openai.encode(prompt, "https://x.example/v1"))).reason
    assert found(here.find(anthropic.encode(prompt, "https://x.example")))[0].text
    assert found(here.find(asked("x")))[0].text


@pytest.mark.parametrize(
    "request_,reason",
    [
        (Request("GET", "https://x.example/"), "no dialect recognises"),
        (Request("POST", "https://api.anthropic.com/v1/messages", body=b"{"), "no JSON"),
    ],
)
def test_a_request_that_says_nothing_is_a_miss_with_the_reason(request_: Request, reason: str) -> None:
    assert reason in missed(source(CALM).find(request_)).reason
    assert reason in missed(function_source(lambda prompt: "x").find(request_)).reason


OBEYS = "  - {id: a, reply: {text: 'one two STOP three four', obeys: [max_tokens, stop_sequences]}}"


@pytest.mark.parametrize(
    "parameters, text, finish",
    [
        ({}, "one two STOP three four", "stop"),
        ({"max_tokens": 2}, "one two", "length"),
        ({"max_tokens": 5}, "one two STOP three four", "stop"),
        ({"stop_sequences": [" STOP"]}, "one two", "stop"),
        ({"stop_sequences": ["wo", "never"]}, "one t", "stop"),
        ({"max_tokens": 1, "stop_sequences": [" STOP"]}, "one", "length"),
        ({"max_tokens": 4, "stop_sequences": [" STOP"]}, "one two", "stop"),
    ],
)
def test_a_reply_that_obeys_is_as_short_as_the_request_wants_it(
    parameters: dict[str, object], text: str, finish: str
) -> None:
    reply, _ = found(source(OBEYS).find(asked("x", parameters=parameters)))
    assert (reply.text, reply.finish) == (text, finish)


def test_a_reply_that_does_not_obey_is_whole() -> None:
    reply, _ = found(source("  - {id: a, reply: {text: one two three}}").find(asked("x", parameters={"max_tokens": 1})))
    assert (reply.text, reply.finish) == ("one two three", "stop")


def test_an_answer_that_a_fault_took_the_place_of_is_still_to_come() -> None:
    items = "  - {id: a, sequence: [{text: A}, {text: B}]}"
    here = source(items, "faults: [{at: call=1, kind: http-429-rate-limit}, {at: call=2, kind: http-503-overloaded}]")
    said = [found(here.find(asked(text)))[0] for text in ("x", "x", "y", "y")]
    assert [reply.text if reply.problem is None else reply.problem.kind for reply in said] == [
        "rate-limit", "A", "overloaded", "B",
    ]  # fmt: skip
    assert here.unplayed() == []
    once = source("  - {id: a, times: 1, reply: {text: A}}", "faults: [{at: call=1, kind: reset}]")
    assert found(once.find(asked("x")))[1].end == "error"
    assert found(once.find(asked("x")))[0].text == "A"


OLDER_ASKS = [
    (
        "https://api.anthropic.com/v1/complete",
        {"model": "m", "prompt": "hi", "max_tokens_to_sample": 9},
        "/v1/messages",
    ),
    ("https://api.cohere.com/v1/chat", {"model": "m", "message": "hi"}, "/v2/chat"),
    ("https://api.cohere.com/v1/generate", {"model": "m", "prompt": "hi"}, "/v2/chat"),
]


@pytest.mark.parametrize("url, body, newer", OLDER_ASKS)
def test_an_operation_that_is_only_read_is_a_miss_and_not_an_answer_in_the_newer_form(
    url: str, body: dict[str, object], newer: str
) -> None:
    request = Request("POST", url, body=json.dumps(body).encode())
    for here in (source("  - {id: a, reply: {text: A}}"), function_source(lambda _: "A")):
        assert f"the newer {newer}" in missed(here.find(request)).reason
    raw = source("  - {id: a, reply: {raw: {body: {text: A}}}}").find(request)
    assert isinstance(raw, Found)
