"""parse_tool_call: the fences, the fallbacks, and what is no tool call."""

from __future__ import annotations

import json

import pytest

from harness.contract import parse_tool_call

CALL = {"tool": "move", "to": "north"}
TEXT = json.dumps(CALL)


@pytest.mark.parametrize(
    "raw",
    [
        f"You walk on.\n~~~json\n{TEXT}\n~~~",
        f"You walk on.\n~~~JSON {TEXT} ~~~",
        f"You walk on.\n~~~ json\r\n{TEXT}\r\n~~~\n",
        f"You walk on.\n~~~json\n{TEXT}",
        f"You walk on.\n```json\n{TEXT}\n```",
        f"You walk on.\n~~~\n{TEXT}\n~~~",
        f"You walk on.\n```\n{TEXT}\n```",
        f"You walk on. {TEXT}",
    ],
)
def test_a_tool_call_is_found_in_every_published_form(raw: str) -> None:
    assert parse_tool_call(raw) == ("You walk on.", CALL)


def test_text_without_json_is_all_narrative_and_kept_as_it_is() -> None:
    assert parse_tool_call("  A [door] {creaks}.\n") == ("  A [door] {creaks}.\n", None)
    assert parse_tool_call("") == ("", None)


def test_the_text_on_both_sides_of_a_block_is_narrative() -> None:
    assert parse_tool_call(f"Before.\n~~~json\n{TEXT}\n~~~\nAfter.") == ("Before.\nAfter.", CALL)


@pytest.mark.parametrize(
    "broken", ['{"tool": "move", "args": {"to": 1}', "{tool: move}", "", "null", "42", '{"a": 1} extra']
)
def test_an_undecodable_block_is_no_tool_call_and_no_narrative_either(broken: str) -> None:
    assert parse_tool_call(f"You walk on.\n~~~json\n{broken}\n~~~") == ("You walk on.", None)


def test_a_value_that_is_cut_off_is_not_mined_for_fragments() -> None:
    raw = 'You walk on. {"tool": "move", "args": {"to": "north"}'
    assert parse_tool_call(raw) == (raw, None)
    assert parse_tool_call(raw[:-3])[1] is None


def test_a_json_block_wins_over_an_earlier_bare_one_and_over_longer_json_in_the_text() -> None:
    raw = f"{json.dumps({'long': 'x' * 99})}\n```\n[1]\n```\n~~~json\n{TEXT}\n~~~"
    assert parse_tool_call(raw)[1] == CALL


def test_a_bare_block_that_holds_no_json_is_narrative() -> None:
    raw = f"Run:\n```\nls -l\n```\n{TEXT}"
    assert parse_tool_call(raw) == ("Run:\n```\nls -l\n```", CALL)


def test_the_largest_value_of_the_text_wins() -> None:
    assert parse_tool_call(f"a [1] b {TEXT} c [2, 3]")[1] == CALL
    assert parse_tool_call("a {} b [1, 2, 3]")[1] == [1, 2, 3]


def test_fences_inside_json_strings_do_not_end_the_block() -> None:
    value = {"text": "use ~~~ and ``` freely"}
    assert parse_tool_call(f"~~~json\n{json.dumps(value)}\n~~~") == ("", value)
    assert parse_tool_call(f"```json\n{json.dumps(value)}\n```") == ("", value)


def test_a_nesting_too_deep_to_read_is_no_tool_call() -> None:
    assert parse_tool_call("[" * 100_000)[1] is None
    assert parse_tool_call("~~~json\n" + "[" * 100_000 + "\n~~~")[1] is None


CATEGORICAL = {"name": "mood", "value_type": "categorical", "parameters": ["calm", "angry"]}
RIGHT = {"name": "mood", "value_type": "categorical", "parameters": {"options": ["calm", "angry"]}}
OTHER = {"name": "health", "value_type": "numeric", "parameters": [0, 100]}


@pytest.mark.parametrize("key", ["stats", "entities", "rules", "lore_book", "scheduled_events"])
def test_categorical_parameters_are_put_under_options_in_the_items_of_the_known_lists(key: str) -> None:
    _, call = parse_tool_call(json.dumps({key: [CATEGORICAL, OTHER, "odd"], "else": [CATEGORICAL]}))
    assert call == {key: [RIGHT, OTHER, "odd"], "else": [CATEGORICAL]}


def test_a_list_of_items_is_normalised_too_and_what_is_right_already_stays() -> None:
    assert parse_tool_call(json.dumps([CATEGORICAL, RIGHT]))[1] == [RIGHT, RIGHT]
