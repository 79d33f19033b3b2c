"""A miss explains itself: which recorded request is closest, and where the two part."""

from __future__ import annotations

from typing import Any

import pytest

from harness.matching import Rules, nearest
from harness.matching._differences import shortened
from harness.model import Request
from harness.spec import Difference, Operation

RULES = Rules()


def test_the_word_that_differs_is_shown_with_both_values(ask: Any, recorded: Any) -> None:
    france = recorded(ask("What is the capital of France?"), "#1")
    miss = nearest(ask("What is the capital of Spain?"), [(france, False)], RULES)
    assert miss.nearest == "#1"
    assert miss.differences == (Difference("$.messages[0].content", "'…France?'", "'…Spain?'"),)
    assert not miss.exhausted


def test_the_closest_of_many_is_found_by_its_words(ask: Any, recorded: Any) -> None:
    prompts = ["Write a poem about the sea", "What is the capital of France?", "Translate 'good day' into Dutch"]
    candidates = [(recorded(ask(prompt), f"#{i}"), False) for i, prompt in enumerate(prompts, 1)]
    assert nearest(ask("What is the capital of Spain?"), candidates, RULES).nearest == "#2"


def test_more_messages_are_one_difference_each(ask: Any, recorded: Any) -> None:
    more = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    miss = nearest(ask(messages=more), [(recorded(ask(messages=more[:1]), "#1"), False)], RULES)
    assert miss.differences == (
        Difference("$.messages[1]", "nothing", '{"content": "b", "role": "assistant"}'),
    )  # fmt: skip


def test_an_inserted_message_does_not_shift_those_behind_it(ask: Any, recorded: Any) -> None:
    one, two, new = ({"role": "user", "content": text} for text in ("one", "two", "new"))
    miss = nearest(ask(messages=[one, new, two]), [(recorded(ask(messages=[one, two]), "#1"), False)], RULES)
    assert [difference.path for difference in miss.differences] == ["$.messages[1]"]


def test_what_is_equal_and_played_is_exhausted_and_not_different(ask: Any, recorded: Any) -> None:
    candidates = [(recorded(ask("a"), "#1"), True), (recorded(ask("b"), "#2"), False), (recorded(ask("a"), "#3"), True)]
    miss = nearest(ask("a"), candidates, RULES)
    assert (miss.nearest, miss.exhausted, miss.differences) == ("#3", True, ())
    assert "2 times" in miss.reason


def test_of_two_equally_far_the_unplayed_one_is_nearest(ask: Any, recorded: Any) -> None:
    candidates = [(recorded(ask("b one"), "#1"), True), (recorded(ask("b one"), "#2"), False)]
    assert nearest(ask("a one"), candidates, RULES).nearest == "#2"


def test_method_and_url_are_named(ask: Any, recorded: Any) -> None:
    there = recorded(ask("a", url="https://api.openai.com/v1/responses"), "#1")
    miss = nearest(ask("a"), [(there, False)], RULES)
    assert [difference.path for difference in miss.differences] == ["url"]
    assert miss.differences[0].recorded.endswith("/v1/responses")
    got = nearest(Request("GET", "https://h/a"), [(recorded(Request("POST", "https://h/a"), "#1"), False)], RULES)
    assert got.differences == (Difference("method", "POST", "GET"),)


def test_the_same_operation_elsewhere_is_no_difference(ask: Any, recorded: Any) -> None:
    there = recorded(ask("a", url="http://proxy/v1/chat/completions"), "#1")
    chat = Operation("openai", "openai.chat")
    assert nearest(ask("a"), [(there, True)], RULES, operation=lambda _: chat).exhausted
    assert not nearest(ask("a"), [(there, True)], RULES).exhausted


def test_no_secret_is_shown_and_none_makes_a_difference(ask: Any, recorded: Any) -> None:
    secret = "sk-" + "proj-" + "Ab1" * 20
    there = recorded(ask(f"use {secret} and go", api_key="one"), "#1")
    miss = nearest(ask("use nothing and go", api_key="two"), [(there, False)], RULES)
    assert [difference.path for difference in miss.differences] == ["$.messages[0].content"]
    assert "REDACTED-openai-key" in miss.differences[0].recorded
    assert "sk-" not in repr(miss)


def test_what_is_ignored_is_no_difference(ask: Any, recorded: Any) -> None:
    rules = Rules.of(ignore=["$.user"])
    miss = nearest(ask("b", user="x"), [(recorded(ask("a", user="y"), "#1"), False)], rules)
    assert [difference.path for difference in miss.differences] == ["$.messages[0].content"]


def test_bodies_of_two_kinds_are_compared_as_text(ask: Any, recorded: Any) -> None:
    miss = nearest(ask(raw=b"plain words"), [(recorded(ask(raw=b'{"a": 1}'), "#1"), False)], RULES)
    assert miss.differences == (Difference("body", "'{\"a\":1}'", "'plain words'"),)


def test_an_empty_recording_says_so(ask: Any) -> None:
    miss = nearest(ask("a"), [], RULES)
    assert miss.nearest == ""
    assert "nothing is recorded" in miss.reason


def test_more_differences_than_a_reader_reads_are_counted(ask: Any, recorded: Any) -> None:
    one, other = ({f"field_{i}": i + offset for i in range(20)} for offset in (0, 1))
    miss = nearest(ask(**other), [(recorded(ask(**one), "#1"), False)], RULES)
    assert len(miss.differences) == 8
    assert "12 more" in miss.reason


@pytest.mark.parametrize(
    "left, right, shown",
    [
        ("Paris", "Rome", ("Paris", "Rome")),
        ("in Paris", "in Rome", ("in Paris", "in Rome")),
        ("What is the weather in Paris in winter?", "What is the weather in Rome in winter?", ("…Paris…", "…Rome…")),
        ("a long beginning here", "a long beginning here and more", ("…here", "…here and more")),
        ("", "x", ("", "x")),
        ("one two three four", "one two three four", ("…four", "…four")),
        ("x" * 200, "y", ("x" * 60 + "…", "y")),
    ],
)
def test_texts_are_shortened_around_what_differs(left: str, right: str, shown: tuple[str, str]) -> None:
    assert shortened(left, right) == shown


def test_a_thousand_candidates_take_no_quadratic_time(ask: Any, recorded: Any) -> None:
    text = "word " * 200
    candidates = [(recorded(ask(f"{text} number {i}"), f"#{i}"), False) for i in range(1000)]
    assert nearest(ask(f"{text} number 7x"), candidates, RULES).nearest == "#0"
    assert nearest(ask(f"{text} number 7", seed=1), candidates, RULES).nearest == "#7"
