"""State and places to fill: a conversation that remembers, and texts that say what was asked."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import harness
from harness.model import Headers, Message, Prompt, ToolCall
from harness.scenarios import escaped
from tests.scenarios.playing import HEAD, asked, heard, missed, only, source

LOOP = """state: {phase: start, retries: 0}
calls:
  - id: plan
    when: {state: {phase: start}}
    reply: {text: planned}
    set: {phase: waiting}
  - id: failed
    when: {state: {phase: waiting}, user: error}
    reply: {text: again}
    set: {retries: "+1"}
    times: 2
  - id: answer
    when: {state: {phase: waiting, retries: {lte: 1}}}
    reply: {text: "done after {{ state.retries }}"}
    set: {phase: done, retries: "-1"}
"""


def test_a_call_answers_in_its_state_and_sets_the_next_one() -> None:
    here = source(LOOP)
    assert [heard(here.find(asked(text))).text for text in ("go", "error", "fine")] == [
        "planned", "again", "done after 1",
    ]  # fmt: skip
    assert here.state() == {"phase": "done", "retries": 0}
    assert missed(here.find(asked("more"))).differences[0].path.startswith("when.state.phase")


def test_a_further_attempt_sees_the_state_that_the_first_one_saw() -> None:
    here = source(LOOP + "faults: [{at: call=1, kind: http-429-rate-limit}]\n")
    assert heard(here.find(asked("go"))).problem is not None
    assert here.state()["phase"] == "start"
    assert heard(here.find(asked("go"))).text == "planned"


def test_an_answer_that_was_lost_on_its_way_has_set_nothing(tmp_path: pytest.TempPathFactory) -> None:
    """The fault is laid over by the session, after the scenario has answered."""
    file = tmp_path / "x.yaml"  # type: ignore[operator]
    file.write_text(HEAD + LOOP)
    with harness.scenario(file, faults=["call=1/kind=http-503-overloaded"], unplayed="ignore") as session:
        assert session.backend().complete([{"role": "user", "content": "go"}]).narrative_text == "planned"
        assert [entry.attempt for entry in session.history] == [1, 2]


def test_each_conversation_has_a_state_of_its_own() -> None:
    here = source(LOOP)
    red = replace(asked("go"), headers=Headers((("X-Harness-Conversation", "red"),)))
    assert heard(here.find(red)).text == "planned"
    assert (here.state("red")["phase"], here.state()["phase"]) == ("waiting", "start")
    assert heard(here.find(asked("go", parameters={"metadata": {"conversation_id": "blue"}}))).text == "planned"
    assert here.state("blue")["phase"] == "waiting"


@pytest.mark.parametrize(
    "call,mistake",
    [
        ("when: {state: {phse: start}}, reply: {text: x}", "5:28: there is no state 'phse'. Did you mean 'phase'?"),
        ("reply: {text: x}, set: {fase: start}", "5:37: there is no state 'fase'. Did you mean 'phase'?"),
        ('reply: {text: x}, set: {phase: "+1"}', "5:44: '+1' counts, and 'phase' begins as 'start'"),
        ("reply: {text: x}, set: {phase: [a]}", "5:44: the state holds texts, numbers, true and false"),
        ("when: {any: [{not: {state: {a: 1}}}]}, reply: {text: x}", "5:41: there is no state 'a'"),
    ],
)
def test_a_state_that_is_spelled_otherwise_is_a_mistake(call: str, mistake: str) -> None:
    assert only(f"state: {{phase: start}}\ncalls:\n  - {{id: a, {call}}}\n").startswith(mistake)


TOOLS = Prompt(
    (
        Message("system", "Be brief."),
        Message("user", "Weather?"),
        Message("assistant", "", tool_calls=(ToolCall("w", "{}", "c1"),)),
        Message("tool", '{"temp_c": 21, "days": [{"sky": "grey"}], "ok": true}', tool_call_id="c1"),
    ),
    "m",
)


@pytest.mark.parametrize(
    "written,text",
    [
        ("{{ user }} / {{system}}", "Weather? / Be brief."),
        ("{{ tool_result.temp_c }}°C, {{ tool_result.days[0].sky }}", "21°C, grey"),
        ("{{ tool_result.ok }}", "true"),
        ("{{ tool_result.days }}", '[{"sky": "grey"}]'),
        ("{{ model }} {{ turn }} {{ call }} {{ attempt }}", "m 2 1 1"),
        ("{{ body.messages[1].role }}", "user"),
        ('{{ "{{" }} name }}', "{{ name }}"),
        ("no place { here }", "no place { here }"),
        (escaped("{{ user }} and {{ more"), "{{ user }} and {{ more"),
    ],
)
def test_a_place_is_filled_from_what_was_asked(written: str, text: str) -> None:
    here = source(f"calls:\n  - {{id: a, reply: {{text: {json.dumps(written)}}}}}\n")
    assert heard(here.find(asked(TOOLS))).text == text


def test_a_place_alone_keeps_its_type() -> None:
    here = source("""calls:
  - id: a
    reply: {tool_calls: [{name: f, args: {t: "{{ tool_result.temp_c }}", u: "about {{ tool_result.temp_c }}"}}]}
""")
    reply = heard(here.find(asked(TOOLS, dialect="openai-chat")))
    assert json.loads(reply.tool_calls[0].arguments) == {"t": 21, "u": "about 21"}


def test_a_place_with_nothing_to_fill_it_is_a_miss_that_says_so() -> None:
    here = source('calls:\n  - {id: a, reply: {text: "{{ tool_result.wind }}"}}\n')
    assert "{{ tool_result.wind }} leads nowhere in" in missed(here.find(asked(TOOLS))).reason
    assert "{{ tool_result.wind }} has no value" in missed(here.find(asked("hi"))).reason


@pytest.mark.parametrize(
    "written,mistake",
    [
        ("{{ usr }}", "there is no 'usr'. Did you mean 'user'?"),
        ("{{ user", "`{{` without `}}`"),
        ("{{ user | upper }}", "is no place to fill"),
        ("{{ user.__class__() }}", "is no place to fill"),
        ("{{ 7 * 7 }}", "is no place to fill"),
        ("{{ }}", "is no place to fill"),
    ],
)
def test_what_is_no_place_to_fill_is_a_mistake_at_its_text(written: str, mistake: str) -> None:
    found = only(f"calls:\n  - id: a\n    reply: {{chunks: [fine, '{written}']}}\n")
    assert found.startswith("5:28: ")
    assert mistake in found


def test_nothing_of_python_can_be_reached_from_a_place() -> None:
    here = source('calls:\n  - {id: a, reply: {text: "{{ user.__class__ }}"}}\n')
    assert "leads nowhere" in missed(here.find(asked("hi"))).reason


@pytest.mark.parametrize(
    "expect,mistake",
    [
        ("{order: [ask, aks]}", "5:23: no call is called 'aks'. Did you mean 'ask'?"),
        ("{state: {phse: done}}", "5:18: there is no state 'phse'. Did you mean 'phase'?"),
        ("{requests: [{call: 1, when: {state: {phase: x}}}]}", "5:38: state is known while a scenario is played"),
        ("{requests: [{call: 1, when: {not: {predicate: p}}}]}", "predicate is known while a scenario is played"),
    ],
)
def test_an_expectation_that_nothing_can_meet_is_a_mistake(expect: str, mistake: str) -> None:
    body = f"state: {{phase: start}}\ncalls: [{{id: ask, reply: {{text: x}}}}]\nexpect: {expect}\n"
    found = only(body)
    assert mistake in found
    assert found.startswith("5:")
