"""A scenario is played against its driver, and every expectation that is not met says where it stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import ScenarioError
from harness.trials import play

Written = Callable[..., Path]
TEXT = "It is 21 degrees and sunny in Paris."


@pytest.mark.parametrize("driver", ["generate", "stream", "astream", "Agent"])
def test_a_driver_may_be_a_function_a_generator_or_an_object_with_run_sync_or_async(
    written: Written, driver: str
) -> None:
    trial = play(
        written(driver, f"expect: {{calls: 1, result: {{equals: '{TEXT}'}}, virtual_time: {{min: 1s, max: 2s}}}}")
    )
    assert trial.ok, list(trial.complaints())
    assert trial.result == TEXT
    assert "weather in Paris" in trial.transcript


MET = [
    "calls: 1",
    "calls: {min: 1, max: 2}",
    "attempts: 1",
    "order: [ask]",
    "result: sunny",
    "result: {startswith: It is, not: {contains: rain}}",
    "partial: {endswith: Paris.}",
    "not: [raises, retry]",
    "virtual_time: {min: 1s, max: 3s}",
    "wall_time: {max: 20s}",
    "leaks: none",
    "reusable: true",
    "requests: [{call: 1, when: {user: weather, stream: true}}]",
]
UNMET = [
    ("calls: 2", "calls: wants 2, was 1"),
    ("calls: {min: 2}", "calls: wants at least 2, was 1"),
    ("attempts: {max: 0}", "attempts: wants at most 0, was 1"),
    ("order: [ask, ask]", "order: wants ask, ask, was ask"),
    ("result: {equals: rain}", "result: wants equals 'rain', was 'It is 21"),
    ("partial: rain", "partial: wants contains 'rain', was"),
    ("raises: DriverError", "raises: wants DriverError, was a success"),
    ("not: [success]", "not[0]: wants no success, was a success"),
    ("virtual_time: {min: 10s}", "virtual_time: wants at least 10s, was 1.8s"),
    ("virtual_time: {max: 1ms}", "virtual_time: wants at most 0.001s, was 1.8s"),
    ("gaps: [{after: 1, min: 1s}]", "gaps[0]: wants at least 1s after request 1, was 1 request"),
    ("tools: [{name: get_weather}]", "tools[0]: wants get_weather(), was 0 other tool calls"),
    ("honoured_within: {chunks: 1}", "honoured_within: wants a cancel that is obeyed, was no cancel"),
    ("requests: [{call: 2, when: {}}]", "requests[0]: wants a request number 2, was 1 request"),
    ("requests: [{call: 1, when: {user: rain}}]", "requests[0].when.user: wants contains 'rain'"),
    ("reusable: false", "reusable: wants a second run that fails, was one that is fine"),
]


@pytest.mark.parametrize("expect", MET)
def test_what_came_is_what_was_expected(written: Written, expect: str) -> None:
    trial = play(written("stream", f"expect: {{{expect}}}"))
    assert trial.ok, list(trial.complaints())


@pytest.mark.parametrize("expect, said", UNMET)
def test_an_expectation_that_is_not_met_says_where_it_stands_and_what_was_seen(
    written: Written, expect: str, said: str
) -> None:
    trial = play(written("stream", f"expect: {{{expect}}}"), shown="weather.yaml")
    assert not trial.ok
    (place,) = trial.unmet
    assert place.line == 8
    assert said in str(place)
    assert str(place).startswith("weather.yaml:8:")


def test_an_exception_that_nobody_expected_is_a_failure(written: Written) -> None:
    path = written("Agent", "cases: [{id: reset, faults: [{at: call=1/chunk=3, kind: reset}]}]")
    trial = play(path, "reset")
    assert trial.trouble == ["the driver raised DriverError: no weather"]


def test_the_expectation_of_a_case_takes_the_place_of_that_of_the_scenario(written: Written) -> None:
    more = (
        "expect: {result: sunny}\n"
        "cases:\n"
        "  - id: reset\n"
        "    faults: [{at: call=1/chunk=4, kind: reset}]\n"
        "    expect: {raises: DriverError, partial: {equals: It is 21}, not: [success]}\n"
        "  - id: wrong\n"
        "    faults: [{at: call=1/chunk=4, kind: reset}]\n"
        "    expect: {raises: ValueError}\n"
    )
    path = written("Agent", more)
    assert play(path).ok
    assert play(path, "reset").ok, list(play(path, "reset").complaints())
    wrong = play(path, "wrong")
    assert [place.line for place in wrong.unmet] == [15]
    assert "wants ValueError, was DriverError: no weather" in str(wrong.unmet[0])


def test_a_retry_and_its_gap_are_seen(written: Written) -> None:
    more = (
        "cases:\n"
        "  - id: limited\n"
        "    faults: [{at: call=1, kind: http-429-rate-limit, retry_after: 20s}]\n"
        "    expect: {calls: 1, attempts: 2, gaps: [{after: 1, min: 20s, max: 21s}], result: sunny}\n"
    )
    trial = play(written("Agent", more), "limited")
    assert trial.ok, list(trial.complaints())


def test_a_cancel_that_is_obeyed_in_time(written: Written) -> None:
    more = (
        "cases:\n"
        "  - id: cancel\n"
        "    cancel: {at: call=1/chunk=3}\n"
        "    expect:\n"
        "      raises: GenerationCancelled\n"
        "      partial: {startswith: It is}\n"
        "      honoured_within: {chunks: 1, virtual: 100ms}\n"
        "      reusable: true\n"
    )
    trial = play(written("stream", more), "cancel")
    assert trial.ok, list(trial.complaints())


def test_what_is_left_behind_is_named(written: Written) -> None:
    trial = play(written("leaking", "expect: {leaks: none}"))
    assert "leaks: wants none, was task" in str(trial.unmet[0])


def test_a_miss_is_told_as_a_miss(written: Written, project: Path) -> None:
    path = written("generate")
    path.write_text(path.read_text("utf-8").replace("weather in Paris}", "weather in Rome}"), "utf-8")
    trial = play(path)
    assert not trial.ok
    assert trial.miss is not None


@pytest.mark.parametrize(
    "driver, said",
    [
        ("missing", "has no attribute 'missing'"),
        ("not_a_driver", "is int; a driver is a function of the context"),
        ("takes_nothing", r"takes_nothing\(\); a driver is a function of the context"),
    ],
)
def test_a_driver_that_cannot_be_had_is_named_with_its_line(written: Written, driver: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=rf"weather\.yaml:3:9: the driver cannot be had.*{said}"):
        play(written(driver))


def test_a_driver_whose_module_fails_is_told_as_a_mistake_with_its_line(written: Written, project: Path) -> None:
    path = written("generate")
    (project / "weatherdrivers.py").write_text("1 / 0\n", "utf-8")
    with pytest.raises(ScenarioError, match=r"weather\.yaml:3:9: .*importing weatherdrivers raised ZeroDivisionError"):
        play(path)


def test_a_driver_that_ends_the_process_does_not_end_the_trial(written: Written) -> None:
    trial = play(written("leaving", "expect: {raises: SystemExit}"))
    assert not trial.unmet
    assert isinstance(trial.error, SystemExit)


@pytest.mark.parametrize("driver", ["interrupted", "ainterrupted"])
def test_a_ctrl_c_from_outside_is_no_result(written: Written, driver: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        play(written(driver))


def test_an_exception_in_place_of_a_result_is_told_once(written: Written) -> None:
    path = written(
        "Agent", "expect: {result: sunny}\ncases: [{id: reset, faults: [{at: call=1/chunk=3, kind: reset}]}]"
    )
    told = list(play(path, "reset").complaints())
    assert len([line for line in told if "DriverError: no weather" in line]) == 1


def test_a_scenario_without_a_driver_says_what_to_add(written: Written) -> None:
    path = written("generate")
    path.write_text(path.read_text("utf-8").replace("driver: weatherdrivers:generate\n", ""), "utf-8")
    with pytest.raises(ScenarioError, match="names no driver: say driver: package"):
        play(path)


@pytest.mark.parametrize(
    "expect, said",
    [
        ("{result: a, raises: B}", "it cannot both return and raise"),
        ("{virtual_time: {min: 2s, max: 1s}}", "nothing is both"),
        ("{virtual_time: {}}", "give min, max, or both"),
        ("{calls: many}", "a whole number, or a mapping"),
        ("{raises: 'not a name'}", "the name of an exception"),
        ("{honoured_within: {}}", "give chunks, virtual, or both"),
        ("{cals: 1}", "Did you mean 'calls'"),
        ("{not: [sucess]}", "success"),
    ],
)
def test_an_expectation_that_cannot_be_meant_is_refused_with_its_line(written: Written, expect: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=said) as caught:
        play(written("generate", f"expect: {expect}"))
    assert caught.value.places[0].line == 8
