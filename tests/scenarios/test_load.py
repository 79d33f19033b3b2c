"""Loading a scenario: what it may say, and every mistake at once with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import ScenarioError
from harness.model import seconds
from harness.scenarios import load_scenario, parse_scenario, schema_text
from harness.scenarios._scenario import When
from harness.scenarios._schema import shipped

SHIPPED = Path(__file__).parents[2] / "scenarios"
HEAD = "harness: 1\nname: x\n"


def mistakes(text: str) -> list[str]:
    """`line:column: message` of each mistake in `text`."""
    with pytest.raises(ScenarioError) as raised:
        parse_scenario(text)
    return [f"{place.line}:{place.column}: {place.message}" for place in raised.value.places]


def only(text: str) -> str:
    found = mistakes(text)
    assert len(found) == 1, found
    return found[0]


def call(body: str) -> str:
    return f"{HEAD}calls:\n  - {{id: a, {body}}}\n"


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.name)
def test_a_shipped_scenario_loads_in_each_of_its_cases(path: Path) -> None:
    scenario = load_scenario(path)
    for case in scenario.case_ids:
        assert load_scenario(path, case).played(case)
    assert scenario.calls or scenario.recording


def test_all_mistakes_are_named_at_once_in_the_order_of_the_file() -> None:
    text = """\
harness: 1
name: bad
provider: antropic
sweep: {shard: 1/2}
calls:
  - id: a
    when: {usr: hi, stream: no}
    reply: {text: hello, chunks: [a]}
  - id: b
    when: {user: {contians: x}}
    replay: {text: 3}
  - id: b
    reply: {text: "x", timing: {ttft: soon}}
cases:
  - id: x
    faults: [{at: call=1, kind: restart}]
  - id: x
    id: y
"""
    found = mistakes(text)
    assert [one.partition(" ")[0] for one in found] == [
        "3:11:", "4:9:", "7:12:", "7:29:", "8:12:", "10:19:", "11:5:", "12:9:", "13:39:", "16:33:", "17:9:", "18:5:",
    ]  # fmt: skip
    for wanted in (
        "Did you mean 'anthropic'?",
        "Allowed: kinds, where, modes",
        "Did you mean 'user'? Allowed: user, system",
        "found 'no', allowed is true or false",
        "text and chunks in one reply",
        "Did you mean 'contains'?",
        "Did you mean 'reply'?",
        "the id 'b' stands twice",
        "allowed is a duration such as 400ms",
        "no fault is called 'restart'",
        "the case 'x' stands twice",
        "the key 'id' stands twice; it stands on line 17 already",
    ):
        assert any(wanted in one for one in found), wanted


def test_an_error_names_file_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(HEAD + "calls: []\n")
    with pytest.raises(ScenarioError, match=r"bad\.yaml:3:8: a scenario needs at least one call"):
        load_scenario(file)
    with pytest.raises(ScenarioError, match=r"missing\.yaml:1:1: cannot be read"):
        load_scenario(tmp_path / "missing.yaml")


@pytest.mark.parametrize(
    "body,message",
    [
        ("reply: {text: 3}", "found 3, allowed is a text"),
        ("reply: {chunks: a}", "found 'a', allowed is a list"),
        ("reply: {}", "it says nothing"),
        ("reply: {text: a, refusal: b}", "text and refusal in one reply"),
        ("reply: {failure: {rc: 1}, text: x}", "text and failure in one reply"),
        ("reply: {text: x, finish: stopp}", "Did you mean 'stop'?"),
        ("reply: {text: x}, times: 0", "a whole number from one"),
        ("reply: {text: x}, then: last", "`then` says what comes after a sequence"),
        ("reply: {text: x}, sequence: [{text: y}]", "both are there"),
        ("when: {}", "neither is there"),
        ("sequence: []", "needs at least one reply"),
        ("when: {user: {}}, reply: {text: x}", "it would match everything"),
        ("when: {user: ''}, reply: {text: x}", "would match everything"),
        ("when: {user: {regex: '('}}, reply: {text: x}", "not a regular expression"),
        ("when: {turn: 0}, reply: {text: x}", "allowed are numbers from 1"),
        ("reply: {tool_calls: [{name: f, args: {}, raw_args: x}]}", "args and raw_args"),
        ("reply: {fault: reset}", "strikes inside an answer, and there is none"),
        ("sequence: [{fault: reset}, {fault: http-429-rate-limit}]", "strikes inside an answer"),
        ("sequence: [{fault: {kind: http-429-rate-limit, times: forever}}, {text: x}]", "nothing after this is ever"),
        ("reply: {fault: {kind: http-429-rate-limit, retry_afer: 3s}}", "Did you mean 'retry_after'?"),
        ("reply: {fault: {kind: http-429-rate-limit, retry_after: soon}}", "is no duration"),
        (
            "reply: {fault: {kind: http-429-rate-limit, format: http-dates}}",
            "takes one of seconds, ms, http-date, body",
        ),
    ],
)
def test_a_mistake_in_a_call_is_named(body: str, message: str) -> None:
    assert message in only(call(body))


@pytest.mark.parametrize(
    "first,second,why",
    [
        ("", "when: {user: x},", "'a' stands before it and matches everything"),
        ("when: {},", "", "matches everything"),
        ("when: {user: x},", "when: {user: {contains: x}},", "asks the same"),
    ],
)
def test_a_call_that_is_never_reached_is_a_mistake(first: str, second: str, why: str) -> None:
    text = f"{HEAD}calls:\n  - {{id: a, {first} reply: {{text: x}}}}\n  - {{id: b, {second} reply: {{text: y}}}}\n"
    assert why in only(text)


def test_thousands_of_calls_are_compared_by_what_they_ask_and_not_each_with_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def compared(*_: object) -> bool:
        raise AssertionError

    monkeypatch.setattr(When, "__eq__", compared)
    rules = "".join(f"  - {{id: a{n}, when: {{user: q{n}}}, reply: {{text: x}}}}\n" for n in range(50))
    again = "  - {id: again, when: {user: {contains: q7}}, reply: {text: x}}\n"
    assert "'again' is never reached: 'a7' stands before it and asks the same" in only(f"{HEAD}calls:\n{rules}{again}")


@pytest.mark.parametrize(
    "body",
    [
        "when: {user: }, reply: {text: x}",
        "when: {user: {contains: }}, reply: {text: x}",
        "when: {not: }, reply: {text: x}",
        "when: {stream: ~}, reply: {text: x}",
        "times: , reply: {text: x}",
        "reply: {text: x, fault: }",
    ],
)
def test_a_key_with_nothing_behind_it_is_a_mistake_and_no_match_all(body: str) -> None:
    assert "nothing stands here: give a value, or leave the key out" in only(call(body))


def test_a_tool_call_may_have_no_id_and_null_for_arguments() -> None:
    parse_scenario(call("reply: {tool_calls: [{name: now, id: null, args: null}]}"))


def test_what_excludes_each_other_is_named_although_one_of_them_is_malformed_too() -> None:
    found = mistakes(call("reply: {text: x, finish: stopp}, sequence: [{text: y}]"))
    assert any("a reply or a sequence, and both are there" in mistake for mistake in found)
    assert len(found) == 2


def test_what_stands_in_for_a_malformed_part_is_never_shown() -> None:
    text = f"""{HEAD}provider: opnai
calls:
  - {{id: Bad Id, when: {{user: a}}, reply: {{text: x}}}}
  - just text
  - {{id: all, reply: {{text: x}}}}
  - more text
faults:
  - {{at: call=zz, kind: http-429-rate-limit}}
"""
    found = mistakes(text)
    assert "malformed" not in "".join(found)
    assert [mistake.partition(" ")[0] for mistake in found] == ["3:11:", "5:10:", "6:5:", "8:5:", "10:10:"]
    assert found[-1].endswith("There are: all")


def test_a_call_that_answers_so_many_times_lets_the_next_one_through() -> None:
    text = f"{HEAD}calls:\n  - {{id: a, times: 2, reply: {{text: x}}}}\n  - {{id: b, reply: {{text: y}}}}\n"
    assert len(parse_scenario(text).calls) == 2


@pytest.mark.parametrize(
    "fault,message",
    [
        ("{at: call=other, kind: reset}", "no call is called 'other'"),
        ("{at: call=1/chun=2, kind: reset}", "is no place"),
        ("{at: call=1/chunk=0, kind: reset}", "is no place"),
        ("{at: call=1/chunk=2, kind: http-429-rate-limit}", "does not strike at 'chunk', only at: headers"),
        ("{at: call=1/connect, kind: reset}", "does not strike at 'connect'"),
        ("{at: call=1/event=ping, kind: http-429-rate-limit}", "does not strike at 'event'"),
        ("{at: call=1/chunk=*, kind: connect-refused}", "does not strike at 'chunk'"),
        ("{at: call=1/await=1, kind: reset}", "does not strike at 'await'"),
        ("{at: call=1, kind: resett}", "Did you mean 'reset'?"),
        ("{at: call=1, kind: reset, for: 3s}", "takes no parameters"),
        ("{kind: reset}", "'at' is missing"),
    ],
)
def test_a_mistake_in_a_fault_is_named(fault: str, message: str) -> None:
    assert message in only(call("reply: {text: x}") + f"faults: [{fault}]\n")


@pytest.mark.parametrize(
    "case,message",
    [
        ("{id: c, replies: {b: {text: y}}}", "no call is called 'b'"),
        ("{id: c, cancel: {at: call=1/byte=2}}", "no place to cancel at"),
        ("{id: c, cancel: {at: t=soon}}", "is no duration"),
        ("{id: c, cancel: {at: call=1, via: sms}}", "allowed is event"),
        ("{id: C}", "small letters"),
        ("{id: c, expect: {}}", "nothing is expected"),
        ("{id: c, skip: ''}", "at least 1 character"),
    ],
)
def test_a_mistake_in_a_case_is_named(case: str, message: str) -> None:
    assert message in only(call("reply: {text: x}") + f"cases: [{case}]\n")


@pytest.mark.parametrize(
    "key,allowed",
    [
        ("driver: drivers", "found 'drivers', allowed is package.module:function"),
        ("cassette: {file: a.yaml, sha256: abc}", "found 'abc', allowed is what `sha256sum` says of the file"),
        ("faults: [{at: call=1, kind: reset, probability: 0}]", "found 0, allowed are numbers above 0"),
        ("faults: [{at: call=1, kind: reset, probability: 2}]", "found 2, allowed are numbers up to 1"),
        ("faults: [{at: call=1, kind: reset, probability: rarely}]", "found 'rarely', allowed is a number"),
        ("defaults: {timing: {jitter: 2}}", "found 2, allowed are numbers up to 1"),
        ("cassette: {file: ''}", "found '', allowed is a text of at least 1 character"),
        ("sweep: {where: {chunks: odd}}", "found 'odd', allowed is all, smart, or first, last and every:8"),
    ],
)
def test_a_value_of_the_wrong_form_is_told_the_form_of_its_own_key(key: str, allowed: str) -> None:
    assert any(allowed in mistake for mistake in mistakes(call("reply: {text: x}") + f"{key}\n"))


def test_the_reply_of_a_case_has_to_say_of_which_call() -> None:
    text = f"{HEAD}calls:\n  - {{id: a, when: {{user: x}}, reply: {{text: x}}}}\n  - {{id: b, reply: {{text: y}}}}\n"
    assert "which call is this the reply of" in only(text + "cases: [{id: c, reply: {text: z}}]\n")


def test_an_unknown_case_names_those_that_are_there() -> None:
    with pytest.raises(
        ScenarioError, match=r"no case is called 'stal'. Did you mean 'stall'\? There are: stall, reset"
    ):
        load_scenario(SHIPPED / "rate-limit.yaml", "stal")


def test_a_provider_without_a_form_for_a_fault_is_a_mistake_of_the_file() -> None:
    text = call("reply: {fault: http-429-rate-limit}") + "provider: openai-chat\n"
    assert parse_scenario(text).provider == "openai-chat"


# --- YAML ----------------------------------------------------------------------------------------------------------


def test_words_that_yaml_1_1_takes_for_booleans_are_texts() -> None:
    scenario = parse_scenario(call("reply: {text: no}"))
    assert scenario.calls[0].reply is not None
    assert scenario.calls[0].reply.text == "no"
    assert "found 'yes', allowed is true or false" in only(call("when: {stream: yes}, reply: {text: x}"))


@pytest.mark.parametrize("text", ["12:30:45", "2026-01-01", "0o17", "0x1f", "1_000"])
def test_what_looks_like_a_time_or_an_odd_number_is_a_text(text: str) -> None:
    scenario = parse_scenario(call(f"reply: {{text: {text}}}"))
    assert scenario.calls[0].reply is not None
    assert scenario.calls[0].reply.text == text


def test_a_tag_is_refused() -> None:
    assert any("a scenario has no tags" in one for one in mistakes(call("reply: {text: !!python/name:os.system x}")))


def test_an_alias_is_followed_and_a_bomb_of_them_is_not() -> None:
    scenario = parse_scenario(HEAD + "description: &d long\ncalls:\n  - {id: a, reply: {text: *d}}\n")
    assert scenario.calls[0].reply is not None
    assert scenario.calls[0].reply.text == "long"
    levels = "".join(f"k{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 9))
    assert any("more than 50,000 values" in one for one in mistakes(HEAD + "k0: &l0 [1]\n" + levels))


def test_depth_and_size_have_limits() -> None:
    assert any("nested deeper than 40" in one for one in mistakes(f"x: {'[' * 60}{']' * 60}"))
    assert "at most 1,048,576" in mistakes("#" * (1 << 21))[0]
    assert any("nested deeper" in one for one in mistakes("name: &a [*a]\n"))


@pytest.mark.parametrize(
    "text,message",
    [
        ("", "found null, allowed is a mapping that begins with `harness: 1`"),
        ("- a", "found a list, allowed is a mapping"),
        ("harness: [", "1:11: not YAML"),
        ("harness: 2\nname: x\ncalls: []\n", "found 2, allowed is 1"),
        ("harness: true\nname: x\ncalls: [{id: a, reply: {text: x}}]\n", "found true, allowed is 1"),
        ("harness: '1'\nname: x\ncalls: [{id: a, reply: {text: x}}]\n", "found '1', allowed is 1, without quotes"),
        ("interactions: []\nversion: 1\n", "this is a cassette, which holds what was recorded"),
        ("harness: 1\nname: caf\x07", "2:10: not YAML: special characters are not allowed (0x07)"),
        ("harness: 1\n  name: x", "2:7: not YAML"),
        ("\x00", "not YAML"),
        ("[" * 100_000, "not YAML"),
        ("? [a]\n: 1\n", "a key has to be a text"),
    ],
)
def test_what_is_no_scenario_at_all_is_said_in_one_place(text: str, message: str) -> None:
    assert any(message in one for one in mistakes(text))


def test_a_byte_that_is_no_utf_8_is_named_with_its_line_and_column() -> None:
    with pytest.raises(ScenarioError, match=r":3:17: not UTF-8: invalid continuation byte \(0xe9\)"):
        parse_scenario(f"{HEAD}description: caf\xe9\ncalls: []\n".encode("latin-1"))


# --- values --------------------------------------------------------------------------------------------------------


def test_durations_and_a_bare_text_are_read() -> None:
    scenario = parse_scenario(
        call("when: {user: hi}, reply: {text: x}, timing: {ttft: 2s, per_token: 0.5}") + "available: [false, true]\n"
    )
    first = scenario.calls[0]
    assert first.timing is not None
    assert (first.timing.ttft, first.timing.per_token) == (seconds(2), seconds(0.5))
    assert first.when.user is not None
    assert str(first.when.user) == "contains 'hi'"
    assert scenario.available == [False, True]
    assert parse_scenario(call("reply: {text: x}") + "available: false\n").available == [False]


def test_the_shipped_schema_is_the_one_that_the_model_makes() -> None:
    assert shipped() == schema_text(), "write schema_text() to harness/scenarios/schema.json"
    assert json.loads(shipped())["properties"]["harness"] == {"const": 1, "title": "Harness", "type": "integer"}
