"""A keyword of the front door that says what cannot be meant is refused, before it switches a check off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import harness
from harness.errors import SessionError
from harness.transports import block_network

LONE = ["allowed_hosts", "ignored_hosts", "ignore", "redact", "allow"]


def answer(_: harness.Prompt) -> str:
    return "hello"


@pytest.mark.parametrize(
    "slip, said",
    [
        ({"unplayed": "Fail"}, "unplayed is one of fail, warn, ignore, not 'Fail'; did you mean 'fail'"),
        ({"on_exhausted": "loop"}, "on_exhausted is one of error, repeat, not 'loop'"),
        ({"clock": "real"}, "clock is one of virtual, wall, not 'real'; did you mean 'wall'"),
        ({"clock": "virtaul"}, "clock is one of virtual, wall, not 'virtaul'; did you mean 'virtual'"),
        ({"clock": 5}, r"clock is one of virtual, wall, or a clock of your own \(harness.spec.Clock\), not 5"),
    ],
)
def test_a_word_that_is_none_is_refused_with_those_there_are(slip: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        harness.replay(answer, **slip)
    with pytest.raises(ValueError, match=said):
        harness.record(tmp_path / "new.yaml", **slip)


@pytest.mark.parametrize("slip, said", [("newepisodes", "new_episodes"), ("onec", "once"), ("new", "new_episodes")])
def test_a_record_mode_that_is_none_names_the_one_that_was_meant(slip: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"'{slip}' is no record mode; the modes are none, .*; did you mean '{said}'"):
        harness.record(tmp_path / "new.yaml", slip)


@pytest.mark.parametrize(
    "slip, typed",
    [
        ("reset-mid-stream", "call=1/kind=reset-mid-stream"),
        ("kind=latency,add=2s", "call=1/kind=latency,add=2s"),
    ],
)
def test_a_fault_without_a_place_is_told_what_to_type(slip: str, typed: str) -> None:
    with pytest.raises(ValueError, match=f"is no case: .*; for that fault in the first call type {typed}$"):
        harness.replay(answer, faults=[slip])
    harness.replay(answer, faults=[typed])


@pytest.mark.parametrize("key", LONE)
def test_a_text_is_no_list_of_its_letters(key: str, tmp_path: Path) -> None:
    """The first letter of `*.local` is a pattern by itself, and that of every host there is."""
    lone: dict[str, Any] = {key: "*.local"}
    with pytest.raises(ValueError, match=rf"{key} has to be a list, not '\*\.local': say {key}=\['\*\.local'\]"):
        harness.replay(answer, **lone)
    with pytest.raises(ValueError, match=f"{key} has to be a list"):
        harness.record(tmp_path / "new.yaml", **lone)


def test_neither_is_it_where_the_network_is_blocked() -> None:
    with pytest.raises(ValueError, match="allowed_hosts has to be a list"), block_network("*.local"):
        pass


def same(recorded: Any, asked: Any) -> bool:
    return recorded is not asked


def test_a_matcher_that_cannot_be_called_is_refused(tmp_path: Path) -> None:
    cassette = harness.Cassette((), name="made")
    for slip in ("body", ["body"], 5):
        lone: dict[str, Any] = {"matcher": slip}
        with pytest.raises(TypeError, match=r"matcher has to be a function of two requests, .*, not "):
            harness.replay(cassette, **lone)
        with pytest.raises(TypeError, match="matcher has to be a function"):
            harness.record(tmp_path / "new.yaml", **lone)


def test_a_matcher_without_a_recording_would_never_be_asked_and_is_refused() -> None:
    with pytest.raises(ValueError, match="matcher is for recordings"):
        harness.replay(answer, matcher=same)


@pytest.mark.parametrize(
    "rule", [{"matcher": same}, {"ignore": ["$.user"]}, {"on_exhausted": "repeat"}], ids=["matcher", "ignore", "again"]
)
def test_a_rule_of_recordings_is_refused_where_a_scenario_is_served(rule: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text("harness: 1\nname: one\ncalls: [{id: a, reply: {text: hello}}]\n")
    (key,) = rule
    with pytest.raises(SessionError, match=rf"^{key}: a scenario says itself what matches"):
        harness.serve(path, **rule)
