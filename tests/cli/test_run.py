"""`harness run`: a scenario against its driver, the transcript, and the verdict."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli import main

DRIVER = """
async def headline(ctx):
    result = await ctx.backend(timeout=30).generate("What is the weather?")
    return result.text.upper()
"""
SCENARIO = """\
harness: 1
name: weather
driver: shoutingapp:headline
calls:
  - id: ask
    when: {user: {contains: weather}}
    reply: {text: "sunny"}
expect: {result: {equals: SUNNY}}
cases:
  - id: wrong
    reply: {text: "rain"}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "shoutingapp.py").write_text(DRIVER, "utf-8")
    (tmp_path / "weather.yaml").write_text(SCENARIO, "utf-8")
    monkeypatch.chdir(tmp_path)
    yield "weather.yaml"
    sys.modules.pop("shoutingapp", None)


def test_all_cases_are_played_and_the_verdict_has_the_line(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", file]) == 1
    told = capsys.readouterr().out
    assert "scenario weather.yaml" in told
    assert "ok  weather.yaml\n" in told
    assert "FAILED  weather.yaml::wrong" in told
    assert "weather.yaml:8:18: expect.result: wants equals 'SUNNY', was 'RAIN'" in told
    assert "again: harness run weather.yaml --case wrong" in told
    assert told.rstrip().endswith("2 played, 1 failed")


def test_one_case_and_json(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", file, "--case", "wrong", "--json"]) == 1
    (trial,) = json.loads(capsys.readouterr().out)
    assert (trial["case"], trial["ok"], trial["result"]) == ("wrong", False, "RAIN")


def test_a_miss_has_its_exit_code(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(file).write_text(SCENARIO.replace("contains: weather", "contains: news"), "utf-8")
    assert main(["run", file]) == 3
    assert "when.user: wants contains 'news'" in capsys.readouterr().out


def test_another_driver_may_be_named_and_a_wrong_one_is_told(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", file, "--driver", "shoutingapp:headline", "--quiet", "--case", "wrong"]) == 1
    assert main(["run", file, "--driver", "shoutingapp:whisper"]) == 2
    assert "whisper" in capsys.readouterr().err


def test_a_folder_is_all_its_scenarios_with_a_driver(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("deep").mkdir()
    assert main(["run", "deep"]) == 2
    assert "no scenario there names a driver" in capsys.readouterr().err
    Path(file).rename("deep/weather.yaml")
    Path("deep/other.yaml").write_text(SCENARIO.replace("driver: shoutingapp:headline\n", ""), "utf-8")
    Path("deep/compose.yaml").write_text("services: {}\n", "utf-8")
    assert main(["run", "deep", "--quiet"]) == 1
    assert capsys.readouterr().out.rstrip().endswith("2 played, 1 failed")


@pytest.mark.parametrize("name", ["shoutingapp", "shoutingapp:", ":headline"])
def test_a_driver_that_names_no_function_is_told_how_to_name_one(
    file: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", file, "--driver", name]) == 2
    assert "names no function: write package.module:function" in capsys.readouterr().err


def test_an_unreadable_scenario_has_its_exit_code(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(file).write_text(SCENARIO.replace("driver: shoutingapp", "driver: nobody"), "utf-8")
    assert main(["run", file]) == 5
    assert "weather.yaml:3:9: the driver cannot be had: No module named 'nobody'" in capsys.readouterr().err


def test_what_is_to_fail_and_fails_is_as_expected_and_what_is_skipped_is_not_played(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = "    xfail: the driver shouts\n  - id: later\n    skip: not yet\n    reply: {text: rain}\n"
    Path(file).write_text(SCENARIO + more, "utf-8")
    assert main(["run", file]) == 0
    told = capsys.readouterr().out
    assert "xfail  weather.yaml::wrong: the driver shouts\n  weather.yaml:8:18: expect.result" in told
    assert told.rstrip().endswith("2 played, all as expected")
    assert main(["run", file, "--case", "later"]) == 1, "who names it wants to see it"


def test_what_is_to_fail_and_does_not_is_a_failure(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(file).write_text(SCENARIO.replace('"rain"', '"sunny"') + "    xfail: the driver shouts\n", "utf-8")
    assert main(["run", file, "--quiet"]) == 1
    told = capsys.readouterr().out
    assert "FAILED  weather.yaml::wrong\n  it was to fail (the driver shouts), and did not" in told
