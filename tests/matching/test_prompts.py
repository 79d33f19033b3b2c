"""A backend asks with a Prompt: which recorded prompts may answer."""

from __future__ import annotations

from typing import Any

import pytest

from harness.matching import Rules, nearest_prompt, same_prompt
from harness.model import Message, Prompt, Request, Tool, ToolCall

RULES = Rules()
USER = Message("user", "Weather in Paris?")
SYSTEM = Message("system", "Be brief.")


def prompt(*messages: Message, model: str = "", tools: tuple[Tool, ...] = (), **parameters: Any) -> Prompt:
    return Prompt(messages or (USER,), model, parameters, tools)


@pytest.mark.parametrize(
    "recorded, asked",
    [
        (prompt(), prompt()),
        (prompt(SYSTEM, USER), prompt()),
        (prompt(Message("developer", "Be brief."), USER), prompt(SYSTEM, USER)),
        (prompt(temperature=0.2), prompt()),
        (prompt(temperature=1), prompt(temperature=1.0)),
        (prompt(), prompt(temperature=0.7, top_p=1)),
        (prompt(stop_sequences="\n"), prompt(stop_sequences=("\n",))),
        (prompt(response_format={"type": "json_object"}), prompt(response_format="json")),
        (prompt(), prompt(stop_sequences=[], response_format=None)),
        (prompt(model="gpt-4o"), prompt()),
        (prompt(tools=(Tool("get_weather"),)), prompt()),
        (
            prompt(USER, Message("assistant", tool_calls=(ToolCall("f", '{"a": 1, "b": 2}', "call_1"),))),
            prompt(USER, Message("assistant", tool_calls=(ToolCall("f", '{"b":2,"a":1}', "call_9"),))),
        ),
    ],
)
def test_these_are_the_same(recorded: Prompt, asked: Prompt) -> None:
    assert same_prompt(recorded, asked, RULES)


@pytest.mark.parametrize(
    "recorded, asked",
    [
        (prompt(), prompt(Message("user", "Weather in Rome?"))),
        (prompt(USER), prompt(SYSTEM, USER)),
        (prompt(Message("system", "Be long."), USER), prompt(SYSTEM, USER)),
        (prompt(USER, Message("assistant", "Sunny."), USER), prompt()),
        (prompt(Message("assistant", "Weather in Paris?")), prompt()),
        (prompt(temperature=0.2), prompt(temperature=0.3)),
        (prompt(), prompt(temperature=0.2)),
        (prompt(), prompt(max_tokens=5)),
        (prompt(), prompt(response_format="json")),
        (prompt(model="gpt-4o"), prompt(model="gpt-4o-mini")),
        (prompt(), prompt(tools=(Tool("get_weather"),))),
        (prompt(Message("user", "hi", attachments=("image/png",))), prompt(Message("user", "hi"))),
        (
            prompt(USER, Message("assistant", tool_calls=(ToolCall("f", '{"a": 1}'),))),
            prompt(USER, Message("assistant", tool_calls=(ToolCall("f", '{"a": 2}'),))),
        ),
    ],
)
def test_these_are_not_the_same(recorded: Prompt, asked: Prompt) -> None:
    assert not same_prompt(recorded, asked, RULES)


def test_a_parameter_can_be_ignored_by_name() -> None:
    rules = Rules.of(ignore=["$.temperature", {"path": "$.messages[*].content", "regex": "Paris|Rome"}])
    assert same_prompt(prompt(temperature=0.2), prompt(Message("user", "Weather in Rome?"), temperature=0.3), rules)
    assert not same_prompt(prompt(temperature=0.2), prompt(temperature=0.3), RULES)


def test_secrets_do_not_decide() -> None:
    keys = ["sk-" + "proj-" + letter * 30 for letter in "ab"]
    assert same_prompt(prompt(Message("user", keys[0])), prompt(Message("user", keys[1])), RULES)


def test_the_nearest_prompt_is_named_with_what_differs(recorded: Any) -> None:
    prompts = [prompt(Message("user", "Write a poem about the sea")), prompt(SYSTEM, USER, temperature=0.2)]
    candidates = [(recorded(Request("POST", "https://h/"), f"#{i}"), one, False) for i, one in enumerate(prompts, 1)]
    miss = nearest_prompt(prompt(SYSTEM, Message("user", "Weather in Rome?"), temperature=0.2), candidates, RULES)
    assert miss.nearest == "#2"
    assert [(d.path, d.recorded, d.asked) for d in miss.differences] == [
        ("$.messages[1].content", "'…Paris?'", "'…Rome?'")
    ]


def test_an_equal_prompt_that_was_played_is_exhausted(recorded: Any) -> None:
    miss = nearest_prompt(prompt(), [(recorded(Request("POST", "https://h/"), "#1"), prompt(), True)], RULES)
    assert (miss.nearest, miss.exhausted) == ("#1", True)


def test_no_prompt_at_all_says_so() -> None:
    assert "nothing is recorded" in nearest_prompt(prompt(), [], RULES).reason
