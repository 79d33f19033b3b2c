"""Matchers: which requests a call answers, and why it does not answer another."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from harness.model import Headers, Message, Prompt, Tool, ToolCall
from tests.scenarios.playing import asked, heard, missed, mistakes, only, source

AGENT = Prompt(
    (
        Message("system", "Be brief."),
        Message("user", "Weather in Paris?"),
        Message("assistant", "Let me look.", tool_calls=(ToolCall("get_weather", "{}", "call_1"),)),
        Message("tool", '{"temp_c": 21, "sky": {"clouds": ["few"]}}', tool_call_id="call_1"),
        Message("assistant", "And the time?", tool_calls=(ToolCall("now", "{}", "call_2"),)),
        Message("tool", "error: no clock", tool_call_id="call_2"),
    ),
    "m-large",
    {"response_format": "json", "max_tokens": 12},
    (Tool("get_weather"), Tool("now")),
)


def rule(when: str) -> str:
    return f"calls:\n  - {{id: a, when: {when}, reply: {{text: yes}}}}\n"


@pytest.mark.parametrize(
    "when,fits",
    [
        ("{last: no clock}", True),
        ("{last: Weather}", False),
        ("{assistant: {equals: 'And the time?'}}", True),
        ("{tools: {includes: now}}", True),
        ("{tools: {includes: [now, get_weather]}}", True),
        ("{tools: {includes: [now, later]}}", False),
        ("{tools: {equals: [get_weather, now]}}", True),
        ("{tools: {startswith: get_}}", True),
        ("{tools: {exists: false}}", False),
        ("{tool_result: {startswith: 'error:'}}", True),
        ("{tool_result: {for: call_1, contains: temp_c}}", True),
        ("{tool_result: {for: get_weather, json: {temp_c: {gte: 21, lte: 21}}}}", True),
        ("{tool_result: {for: call_1, json: {temp_c: {gte: 22}}}}", False),
        ("{tool_result: {for: call_1, json: {sky: {clouds: {includes: few}}}}}", True),
        ("{tool_result: {for: call_1, json: {sky: {clouds: [few]}}}}", True),
        ("{tool_result: {for: call_1, json: {sky: {clouds: [few, more]}}}}", False),
        ("{tool_result: {for: call_1, json: {rain: {exists: false}}}}", True),
        ("{tool_result: {for: call_1, json: {temp_c: 21}}}", True),
        ("{tool_result: {for: call_1, json: {temp_c: true}}}", False),
        ("{tool_result: {for: call_9, exists: true}}", False),
        ("{tool_result: {for: call_9, exists: false}}", True),
        ("{tool_result: {json: {temp_c: 21}}}", False),
        ("{turn: 3}", True),
        ("{turn: [2, 4]}", True),
        ("{turn: [4, 5]}", False),
        ("{call: 1, attempt: 1}", True),
        ("{call: 2}", False),
        ('{body: {"$.response_format": json}}', True),
        ('{body: {"$.response_format": {equals: js}}}', False),
        ('{body: {"$.max_tokens": 12}}', True),
        ('{body: {"$.max_tokens": {lte: 11}}}', False),
        ('{body: {"$.messages[-1].role": tool}}', True),
        ('{body: {"$.messages[*].content": {contains: Paris}}}', True),
        ('{body: {"$.tools[0]": {name: get_weather}}}', True),
        ('{body: {"$.seed": {exists: true}}}', False),
        ('{body: {"$.seed": {not: {equals: 3}}}}', True),
        ("{path: {endswith: /complete}}", True),
        ("{model: {regex: '^m-(large|small)$'}}", True),
    ],
)  # fmt: skip
def test_a_matcher_means_what_it_says(when: str, fits: bool) -> None:
    answered = source(rule(when)).find(asked(AGENT))
    if fits:
        assert heard(answered).text == "yes"
    else:
        assert missed(answered).differences


def test_a_header_is_asked_for_without_regard_to_case() -> None:
    here = rule("{header: {x-team: {equals: red}}}")
    request = replace(asked(dialect="openai-chat"), headers=Headers((("X-Team", "blue"), ("X-Team", "red"))))
    assert heard(source(here).find(request)).text == "yes"
    assert missed(source(here).find(asked(dialect="openai-chat"))).differences[0].asked == "nothing"


def test_a_predicate_is_passed_in_and_never_brought_by_the_file() -> None:
    here = rule("{predicate: polite}")
    with pytest.raises(ValueError, match=r"x names predicates that are not there: polite"):
        source(here)
    polite = source(here, predicates={"polite": lambda prompt: "please" in prompt.text})
    assert heard(polite.find(asked("please"))).text == "yes"
    assert missed(polite.find(asked("now"))).differences[0].recorded == "polite says yes"


def test_the_call_with_the_highest_priority_answers_and_among_equals_the_first() -> None:
    here = source("""calls:
  - {id: any, reply: {text: any}}
  - {id: urgent, when: {user: urgent}, priority: 1, reply: {text: urgent}}
""")
    assert heard(here.find(asked("urgent"))).text == "urgent"
    assert heard(here.find(asked("hi"))).text == "any"


def test_a_call_that_a_higher_priority_leaves_nothing_for_is_a_mistake() -> None:
    body = """calls:
  - {id: one, when: {user: x}, reply: {text: one}}
  - {id: any, priority: 9, reply: {text: any}}
"""
    assert only(body) == "4:10: 'one' is never reached: 'any' has a higher priority and matches everything"


@pytest.mark.parametrize(
    "rest,text",
    [("unmatched: echo", "something else"), ("unmatched: {call: a}", "yes"), ("unmatched: error", None)],
)
def test_what_no_call_matches_is_a_miss_an_echo_or_the_call_that_is_named(rest: str, text: str | None) -> None:
    here = source(f"{rule('{user: hello}')}{rest}\n")
    answered = here.find(asked("something else"))
    if text is None:
        assert missed(answered).differences[0].path == "when.user"
    else:
        assert heard(answered).text == text


def test_a_pattern_that_others_hang_on_costs_no_more_than_the_text_is_long() -> None:
    here = source(rule("{user: {regex: '(a+)+$'}}"))
    began = time.perf_counter()
    missed(here.find(asked("a" * 200_000 + "b")))
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    "when,mistake",
    [
        ("{user: {regex: '(?=a)b'}}", "look-around, including look-ahead and look-behind, is not supported"),
        (r"{user: {regex: '(a)\1'}}", "backreferences are not supported"),
        ("{user: {regex: 'a{1,1000000}'}}", "exceeds size limit"),
        ("{tool_result: {for: call_1}}", "no rule: it would match everything"),
        ("{tool_result: {json: {temp_c: {gtee: 3}}}}", "'gtee' is no rule. Did you mean 'gte'?"),
        ("{tool_result: {json: {temp_c: {gte: warm}}}}", "gte: Input should be a valid number"),
        ("{turn: {gte: 3}}", "a whole number from one, or the first and the last as [1, 3]"),
        ("{turn: [3, 1]}", "the first and the last as [1, 3]"),
        ("{user: {gte: 3, lte: 2}}", "no number is both"),
        ("{body: {messages: x}}", "'messages' is no JSON path: it starts with `$`"),
        ('{body: {"$.a": {contians: x}}}', "'contians' is no rule. Did you mean 'contains'?"),
        ("{stat: {a: 1}}", "Did you mean 'state'?"),
    ],
)  # fmt: skip
def test_a_matcher_that_could_never_mean_what_it_says_is_a_mistake(when: str, mistake: str) -> None:
    found = only(rule(when))
    assert mistake in found
    assert found.startswith("4:")


def test_a_miss_names_the_rule_the_part_that_differs_and_what_was_asked() -> None:
    here = source("""calls:
  - {id: far, when: {user: x, turn: 7}, reply: {text: no}}
  - {id: near, when: {tool_result: {for: call_1, json: {temp_c: {gte: 30}}}}, reply: {text: no}}
""")
    found = missed(here.find(asked(AGENT)))
    assert found.reason.startswith("no call of x matches; 'near' wants tool_result json {temp_c: {gte 30}}, for call_1")
    difference = found.differences[0]
    assert (difference.path, difference.recorded, difference.asked) == (
        "when.tool_result.json.temp_c", "gte 30", "21",
    )  # fmt: skip


def test_a_request_that_no_dialect_knows_is_answered_by_what_asks_for_its_wire() -> None:
    here = source("""calls:
  - {id: embed, when: {path: /v1/embeddings}, reply: {json: {data: [{embedding: [0.5]}]}}}
  - {id: rest, reply: {text: hello}}
""")
    request = replace(asked(dialect="openai-chat"), url="https://api.openai.com/v1/embeddings", body=b'{"input": "x"}')
    answered = here.find(request)
    assert json.loads(answered.interaction.timeline.body) == {"data": [{"embedding": [0.5]}]}  # type: ignore[union-attr]
    other = replace(request, url="https://api.openai.com/v1/models", method="GET", body=b"")
    assert "when.path" in str(missed(here.find(other)).differences)
    assert heard(here.find(asked("x"))).text == "hello"


def test_several_mistakes_in_matchers_are_all_told() -> None:
    body = """calls:
  - {id: a, when: {user: {regex: '('}}, reply: {text: x}}
  - {id: b, when: {usr: x}, reply: {text: x}}
  - {id: c, when: {turn: 0}, reply: {text: x}}
"""
    assert [found.partition(" ")[0] for found in mistakes(body)] == ["4:34:", "5:20:", "6:26:"]


def test_the_call_for_everything_else_answers_no_more_often_than_it_says() -> None:
    body = """calls:
  - {id: a, when: {user: hello}, reply: {text: yes}}
  - {id: rest, when: {user: never}, times: 1, reply: {text: once}}
unmatched: {call: rest}
"""
    here = source(body)
    assert heard(here.find(asked("x"))).text == "once"
    assert missed(here.find(asked("x")))
