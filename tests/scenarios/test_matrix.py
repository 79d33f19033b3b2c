"""A matrix: one file, many tests, each with an id that can be typed."""

from __future__ import annotations

from pathlib import Path

import pytest

import harness
from harness.errors import ScenarioError
from harness.scenarios import load_scenario, parse_scenario
from tests.scenarios.playing import HEAD, asked, heard, mistakes, only, played, source

EVERY = """matrix:
  provider: [openai-chat, anthropic, ollama]
  stream: [true, false]
  fault: [reset-before-headers, {kind: http-429-rate-limit, retry_after: 2s}]
  exclude: [{provider: ollama, fault: http-429-rate-limit}]
provider: "${provider}"
calls:
  - id: any
    when: {stream: "${stream}"}
    sequence: [{fault: "${fault}"}, {text: "recovered by ${provider}"}]
    then: last
"""


def test_each_combination_has_an_id_of_the_words_of_its_values() -> None:
    scenario = parse_scenario(HEAD + EVERY)
    assert scenario.case_ids == [
        "openai-chat-stream-reset-before-headers",
        "openai-chat-stream-http-429-rate-limit",
        "openai-chat-no-stream-reset-before-headers",
        "openai-chat-no-stream-http-429-rate-limit",
        "anthropic-stream-reset-before-headers",
        "anthropic-stream-http-429-rate-limit",
        "anthropic-no-stream-reset-before-headers",
        "anthropic-no-stream-http-429-rate-limit",
        "ollama-stream-reset-before-headers",
        "ollama-no-stream-reset-before-headers",
    ]


def test_a_value_stands_where_its_axis_is_named_with_its_type() -> None:
    here = source(EVERY, "anthropic-no-stream-http-429-rate-limit")
    assert heard(here.find(asked(dialect="anthropic", stream=False))).problem is not None
    assert played(here.find(asked(dialect="anthropic", stream=False))).head.status == 200  # type: ignore[union-attr]
    again = source(EVERY, "anthropic-stream-reset-before-headers")
    again.find(asked(dialect="anthropic", stream=True))
    assert heard(again.find(asked(dialect="anthropic", stream=True))).text == "recovered by anthropic"


def test_without_a_case_it_has_to_be_said_which(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(HEAD + EVERY)
    with pytest.raises(ValueError, match=r"x has a matrix: say which case. There are: openai-chat-stream-reset"):
        harness.scenario(file)
    with pytest.raises(ScenarioError, match=r":3:1: no case is called 'anthropic-stream-reset'. Did you mean"):
        load_scenario(file, "anthropic-stream-reset")


def test_cases_and_a_matrix_multiply() -> None:
    body = """matrix: {word: [a, b]}
calls: [{id: c, reply: {text: "${word}"}}]
cases: [{id: other, reply: {text: "other ${word}"}}]
"""
    assert parse_scenario(HEAD + body).case_ids == ["a", "a-other", "b", "b-other"]
    assert heard(source(body, "b-other").find(asked())).text == "other b"
    assert heard(source(body, "a").find(asked())).text == "a"


def test_include_adds_a_combination_and_equal_words_are_told_apart() -> None:
    body = """matrix:
  wait: [{kind: http-429-rate-limit, retry_after: 1s}, {kind: http-429-rate-limit, retry_after: 2s}]
  n: [1, 2]
  include: [{wait: http-503-overloaded, n: 3}]
calls: [{id: c, sequence: [{fault: "${wait}"}, {text: "n ${n}"}]}]
"""
    ids = parse_scenario(HEAD + body).case_ids
    assert ids[-1] == "http-503-overloaded-3"
    assert ids[:4] == [
        "http-429-rate-limit-1", "http-429-rate-limit-2", "http-429-rate-limit-1-2", "http-429-rate-limit-2-2",
    ]  # fmt: skip


def test_a_dollar_and_a_brace_can_be_written() -> None:
    body = 'matrix: {a: [1, 2]}\ncalls: [{id: c, reply: {text: "$${a} is ${a}"}}]\n'
    assert heard(source(body, "2").find(asked())).text == "${a} is 2"


@pytest.mark.parametrize(
    "matrix,text,mistake",
    [
        ("{a: [1]}", "${b}", "4:31: no axis is called 'b'. There are: a"),
        ("{axis: [1]}", "${axs}", "4:31: no axis is called 'axs'. Did you mean 'axis'?"),
        ("{a: [1], b: [2]}", "${a}", "3:18: nothing uses ${b}: every test would be there twice"),
        ("{a: []}", "x", "3:9: the axis 'a' is a list with at least one value"),
        ("{a: 1}", "x", "3:9: the axis 'a' is a list"),
        ("{}", "x", "3:9: a matrix without an axis"),
        ("{A: [1]}", "x", "3:9: the axis 'A': a name of small letters"),
        ("{a: [1], exclude: [{b: 1}]}", "${a}", "3:29: no axis is called 'b'"),
        ("{a: [1, 2], exclude: [{a: 3}]}", "${a}", "3:31: this excludes nothing"),
        ("{a: [1], exclude: [{a: 1}]}", "${a}", "3:18: nothing is left"),
        (
            "{a: [1], b: [1], include: [{a: 1}]}",
            "${a}${b}",
            "3:36: a combination has a value for every axis; missing: b",
        ),
        (f"{{a: {list(range(40))}, b: {list(range(40))}}}", "${a}${b}", "3:1: 1,600 combinations; at most 1,000"),
    ],
)
def test_a_mistake_in_a_matrix_has_its_place(matrix: str, text: str, mistake: str) -> None:
    found = mistakes(f'matrix: {matrix}\ncalls: [{{id: c, reply: {{text: "{text}"}}}}]\n')
    assert any(one.startswith(mistake) for one in found), found


def test_a_mistake_that_only_one_combination_has_is_told_once_with_its_line() -> None:
    body = 'matrix: {p: [openai-chat, opnai]}\nprovider: "${p}"\ncalls: [{id: c, reply: {text: x}}]\n'
    assert only(body).startswith("4:11: found 'opnai'")


def test_a_mistake_that_all_combinations_share_is_told_once() -> None:
    body = 'matrix: {p: [openai-chat, anthropic]}\nprovider: "${p}"\ncalls: [{id: c, reply: {txt: x}}]\n'
    assert len(mistakes(body)) == len({found.partition(" ")[0] for found in mistakes(body)})


def test_a_case_of_a_matrix_is_opened_without_a_look_at_the_others(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(HEAD + 'matrix: {p: [openai-chat, opnai]}\nprovider: "${p}"\ncalls: [{id: c, reply: {text: x}}]\n')
    assert load_scenario(file, "openai-chat").case_ids == ["openai-chat"]
    with pytest.raises(ScenarioError, match="found 'opnai'"):
        load_scenario(file)
