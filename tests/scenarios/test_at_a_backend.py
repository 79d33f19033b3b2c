"""What the language means at the backend contract, where there is no wire."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

import harness
from harness.session import Session
from tests.scenarios.playing import HEAD

Open = Callable[..., Session]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Opens a scenario by its body."""

    def made(body: str, case: str | None = None, **options: object) -> Session:
        file = tmp_path / "x.yaml"
        file.write_text(HEAD + body)
        return harness.scenario(file, case, **options)  # type: ignore[arg-type]

    return made


def ask(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_the_parameters_of_a_call_are_asked_for_by_their_path(opened: Open) -> None:
    body = """calls:
  - {id: json, when: {body: {"$.response_format": json, "$.max_tokens": {lte: 50}}}, reply: {json: {stats: [1]}}}
  - {id: plain, when: {body: {"$.call": {equals: generate}}}, reply: {text: "{{ body.model }} says hi"}}
"""
    with opened(body) as session:
        backend = session.backend(model="mine")
        assert backend.complete(ask("x"), response_format="json", max_tokens=20).tool_call == {"stats": [1]}
        assert asyncio.run(backend.generate("x")).text == "mine says hi"


def test_tokens_stream_as_they_are_cut_and_in_their_time(opened: Open) -> None:
    body = """defaults: {timing: {ttft: 1s, per_token: 100ms}, delivery: {tokens: chars}}
calls: [{id: a, reply: {text: "Hé!"}}]
"""
    with opened(body) as session:
        heard = [(token, session.clock.now() / 1e9) for token in session.backend().stream_tokens(ask("x"))]
        assert heard == [("H", 1.0), ("é", 1.1), ("!", 1.2)]


def test_a_story_goes_on_by_its_state(opened: Open) -> None:
    body = """state: {room: hall, moves: 0}
calls:
  - id: go
    when: {state: {room: hall}, user: north}
    reply: {text: "You are in the {{ state.room }} no more."}
    set: {room: tower, moves: "+1"}
  - {id: look, when: {user: look}, reply: {text: "{{ state.room }} after {{ state.moves }}"}}
"""
    with opened(body) as session:
        backend = session.backend()
        said = [backend.complete(ask(text)).narrative_text for text in ("look", "go north", "look")]
        assert said == ["hall after 0", "You are in the hall no more.", "tower after 1"]


def test_a_limit_that_outlasts_the_retries_brings_in_the_other_model(opened: Open) -> None:
    body = """calls:
  - id: main
    when: {model: main}
    sequence: [{fault: {kind: http-429-rate-limit, retry_after: 2s, times: 4}}]
  - {id: other, when: {model: other}, reply: {text: "the other one"}}
"""
    with opened(body) as session:
        said: list[str] = []
        backend = session.backend(model="main", fallback_model="other")
        backend.on_status = said.append
        assert backend.complete(ask("x")).narrative_text == "the other one"
        assert [entry.id for entry in session.history] == ["main"] * 4 + ["other"]
        assert "attempt 1/3 — retry in 2s" in said[0]


def test_several_calls_change_in_one_case_and_health_is_said_in_turn(opened: Open) -> None:
    body = """available: [false, true]
calls:
  - {id: a, when: {user: a}, reply: {text: A}}
  - {id: b, when: {user: b}, reply: {text: B}}
cases:
  - id: both
    replies: {a: {text: AA}, b: {failure: {rc: 1, stderr: broken}}}
"""
    with opened(body, "both") as session:
        backend = session.backend()
        assert [backend.is_available() for _ in range(3)] == [False, True, True]
        assert backend.complete(ask("a")).narrative_text == "AA"
        failed = asyncio.run(backend.generate("b"))
        assert (failed.success, failed.extra["rc"], failed.extra["stderr"]) == (False, 1, "broken")


def test_dice_fall_the_same_at_a_backend_in_every_run(opened: Open) -> None:
    body = """clock: {seed: 5}
calls: [{id: a, timing: {ttft: {uniform: [1s, 9s]}}, reply: {text: x}}]
"""

    def times() -> list[float]:
        with opened(body) as session:
            backend = session.backend()
            for text in ("a", "b", "c"):
                backend.complete(ask(text))
            return [entry.events[-1][0] / 1e9 for entry in session.history]

    first = times()
    assert first == times()
    assert len(set(first)) == 3


def test_a_recording_with_an_edit_laid_over_it_answers_a_backend(tmp_path: Path) -> None:
    cassette = tmp_path / "heard.yaml"
    with harness.RecordingBackend(harness.get_backend("fake", output="one two"), cassette) as live:
        live.complete(ask("x"))
    before = cassette.read_bytes()
    file = tmp_path / "x.yaml"
    file.write_text(
        f"{HEAD}cassette: heard.yaml\n"
        "overlay:\n"
        "  - {at: call=1/attempt=1, kind: http-503-overloaded}\n"
        "  - {at: call=1/attempt=2, patch: [{op: replace, path: /text, value: edited}], times: 1}\n"
    )
    with harness.scenario(file, unplayed="ignore") as session:
        said = session.backend().complete(ask("x")).narrative_text
    assert "edited" in said
    assert cassette.read_bytes() == before
