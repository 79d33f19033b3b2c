"""What is kept of a request is only what its bytes decide."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.dialects import decode
from harness.engine import History
from harness.model import ZERO, Headers, Request
from harness.scenarios import compile_scenario, parse_scenario
from harness.scenarios._yaml import read
from harness.spec import Found, Mismatch

BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]}).encode()
ASKED = Request("POST", "http://127.0.0.1/v1/chat/completions", Headers(), BODY)


def _asking(calls: str) -> Callable[[Request], str]:
    """Asks a scenario of `calls`, as an engine would."""
    source = compile_scenario(parse_scenario(f"harness: 1\nname: kept\ncalls:\n{calls}"))
    history = History()
    source.follow(history)

    def ask(request: Request) -> str:
        history.begin(request, ZERO)
        found = source.find(request)
        if isinstance(found, Mismatch):
            return found.reason
        assert isinstance(found, Found)
        reply: Any = decode(found.interaction.request, found.interaction.timeline)
        return str(reply.text)

    return ask


def test_the_same_request_gets_the_same_answer_and_another_one_its_own() -> None:
    ask = _asking(
        "  - {id: bye, when: {user: bye}, reply: {text: Salut}}\n  - {id: hi, when: {user: hello}, reply: {text: Hi}}\n"
    )
    assert [ask(ASKED) for _ in range(3)] == ["Hi"] * 3
    assert ask(replace(ASKED, body=BODY.replace(b"hello", b"bye"))) == "Salut"
    assert "no call of kept matches" in ask(replace(ASKED, body=BODY.replace(b"hello", b"what")))


@pytest.mark.parametrize(
    "calls, said",
    [
        ("  - {id: a, when: {call: 2}, reply: {text: 2nd}}\n  - {id: b, reply: {text: y}}\n", "y 2nd y"),
        ("  - {id: a, when: {not: {call: 2}}, reply: {text: x}}\n  - {id: b, reply: {text: y}}\n", "x y x"),
        ("  - {id: a, when: {user: hello}, times: 2, reply: {text: x}}\n  - {id: b, reply: {text: y}}\n", "x x y"),
        ("  - {id: a, sequence: [{text: 1st}, {text: 2nd}], then: last}\n", "1st 2nd 2nd"),
    ],
)  # fmt: skip
def test_what_counts_is_asked_every_time(calls: str, said: str) -> None:
    ask = _asking(calls)
    assert " ".join(ask(ASKED) for _ in range(3)) == said


def test_a_header_is_looked_at_every_time() -> None:
    ask = _asking(
        "  - {id: a, when: {header: {x-tenant: blue}}, reply: {text: b}}\n  - {id: b, reply: {text: other}}\n"
    )
    blue = replace(ASKED, headers=Headers((("x-tenant", "blue"),)))
    assert [ask(ASKED), ask(blue), ask(ASKED)] == ["other", "b", "other"]


def test_what_is_done_to_one_reading_is_not_in_the_next() -> None:
    text = b"a: {b: [1, 2]}\n"
    first = read(text, "x.yaml")
    first.mistake(("a",), "it is wrong")
    assert isinstance(first.value, dict)
    first.value["a"]["b"].append(3)
    second = read(text, "x.yaml")
    assert (second.value, second.places) == ({"a": {"b": [1, 2]}}, [])
    assert read(text, "y.yaml").file == "y.yaml"
