"""`expect: {invariants: default}`: what a sweep asks of every run is asked of the run of a scenario."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.trials import play

Written = Callable[..., Path]
RESET = "faults: [{at: call=1/chunk=4, kind: reset-mid-stream}]"


def _case(armed: str, expect: str = "{invariants: default}") -> str:
    return f"cases:\n  - id: armed\n    {armed}\n    expect: {expect}"


@pytest.mark.parametrize("driver", ["generate", "stream", "astream", "Agent"])
def test_a_driver_that_does_everything_right_keeps_them_all(written: Written, driver: str) -> None:
    trial = play(written(driver, "expect: {invariants: default}"))
    assert trial.ok, list(trial.complaints())


BROKEN = [
    ("halves", RESET, "no-partial-success, was returned 'It is 21' as a success"),
    ("hasty", "faults: [{at: call=1/attempt=*, kind: http-503-overloaded}]", "no-retry-storm, was 7 requests for one"),
    ("hasty", "faults: [{at: call=1, kind: http-401-auth}]", "retry-only-retryable, was call 1 was asked again"),
    ("Agent", RESET, "contract-exceptions, was weatherdrivers.DriverError escaped"),
    ("deaf", "cancel: {at: call=1/chunk=2}", "cancel-honoured, was it "),
]


@pytest.mark.parametrize(
    "driver, armed, said", BROKEN, ids=[f"{driver}-{number}" for number, (driver, *_) in enumerate(BROKEN)]
)
def test_a_promise_that_is_broken_is_told_by_its_id_and_its_line(
    written: Written, driver: str, armed: str, said: str
) -> None:
    trial = play(written(driver, _case(armed)), "armed", shown="weather.yaml")
    told = [str(place) for place in trial.unmet]
    assert any(said in line for line in told), told
    assert all(line.startswith("weather.yaml:11:") for line in told)


def test_a_leak_that_is_there_without_the_fault_too_is_no_news_and_one_in_a_run_alone_is(written: Written) -> None:
    alone = play(written("leaking", "expect: {invariants: default}"))
    assert any("no-leaks, was task" in str(place) for place in alone.unmet)


def test_an_exception_that_is_expected_by_name_is_no_broken_promise(written: Written) -> None:
    trial = play(written("Agent", _case(RESET, "{raises: DriverError, invariants: default}")), "armed")
    assert trial.ok, list(trial.complaints())


def test_without_being_asked_nobody_looks(written: Written) -> None:
    trial = play(written("halves", _case(RESET, "{result: It is}")), "armed")
    assert trial.ok, list(trial.complaints())


def test_a_result_that_is_expected_by_its_words_is_no_broken_promise(written: Written) -> None:
    trial = play(written("halves", _case(RESET, "{result: {equals: It is 21}, invariants: default}")), "armed")
    assert trial.ok, list(trial.complaints())


def test_who_asks_the_same_again_after_an_answer_does_not_try_again(written: Written) -> None:
    trial = play(written("often", "expect: {calls: 7, invariants: default}"))
    assert trial.ok, list(trial.complaints())
    limited = "cases: [{id: limited, reply: {fault: http-503-overloaded}, expect: {invariants: default}}]"
    (place,) = play(written("hasty", limited), "limited").unmet
    assert "no-retry-storm" in str(place)
