"""`harness faults` says what there is, and all about one."""

from __future__ import annotations

import json

import pytest

from harness import faults
from harness.cli import main


def test_the_catalogue_has_a_line_for_every_fault_under_its_phase(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faults"]) == 0
    lines = capsys.readouterr().out.splitlines()
    phases = [line for line in lines if not line.startswith(" ")]
    assert phases == ["connect", "before-headers", "headers", "mid-stream", "end", "semantic", "benign"]
    told = {line.split()[0]: " ".join(line.split()[1:]) for line in lines if line.startswith(" ")}
    assert told.keys() == faults.KNOWN.keys()
    assert all(told.values())


def test_a_fault_is_told_with_its_places_parameters_and_dialects(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faults", "stall"]) == 0
    assert capsys.readouterr().out == (
        "stall-mid-stream  nothing comes after a chunk, then the rest; or nothing ever\n"
        "  when      mid-stream\n"
        "  at        byte, chunk, event, headers, token\n"
        "  for       a duration such as 45s, or forever (forever by default)\n"
        "  dialects  every one\n"
        "  also      stall\n"
        "  write     call=1/kind=stall-mid-stream\n"
    )


def test_the_catalogue_is_for_machines_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faults", "--json", "pause"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told == {
        "name": "pause",
        "phase": "semantic",
        "about": "the model paused and wants to be asked to go on",
        "at": ["end"],
        "params": {},
        "dialects": ["anthropic", "gemini", "native", "openai-responses"],
    }


def test_a_name_that_is_none_is_a_usage_error_that_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faults", "resett"]) == 2
    assert "Did you mean 'reset'?" in capsys.readouterr().err
