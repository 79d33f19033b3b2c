"""Lines that only ever ran under a fault, and handlers that never did, as coverage.py sees the code under a sweep."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import coverage
import pytest

import harness
from harness.cli import main
from harness.errors import MissingExtraError, SweepError
from harness.model import Cassette
from harness.storage import save
from harness.sweeps import Lines, SweepReport
from tests.sweeps.agents import ASK, TEXT_CHUNKS, call

AGENT = """\
import httpx

class AgentError(Exception):
    pass

def heard():
    body = {"messages": [%s], "model": "gpt-x", "stream": True}
    with httpx.Client(verify=False, timeout=20) as client:
        with client.stream("POST", "https://api.openai.com/v1/chat/completions", json=body) as answer:
            return len(list(answer.iter_lines()))

def agent(session):
    try:
        return heard()
    except (
        httpx.HTTPError
    ) as error:
        told = str(
            error
        )
        raise (
            failed(told)
        )
    except ValueError:
        return 0
    except TypeError:  # pragma: no cover
        return 1

def never_called():
    try:
        return 1
    except ValueError:
        return 2

def failed(told):
    raise AgentError(told)
"""
ONLY = {15: "    except (", 18: "        told = str(", 21: "        raise (", 36: "    raise AgentError(told)"}
"""One line for each statement, also for one of several lines of which the first did not run."""


@pytest.fixture
def agent(tmp_path: Path) -> ModuleType:
    path = tmp_path / "agent_of_lines.py"
    path.write_text(AGENT % json.dumps(ASK))
    spec = importlib.util.spec_from_file_location("agent_of_lines", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def report_of(agent: ModuleType, **more: Any) -> SweepReport:
    recording = Cassette((call([ASK], TEXT_CHUNKS),))
    return harness.sweep(agent.agent, recording, contract=[agent.AgentError], kinds="reset-mid-stream", **more)


def numbers(report: SweepReport, key: str) -> list[int]:
    assert report.coverage is not None
    return [number for one in report.coverage.files if "agent_of_lines" in one.file for number in getattr(one, key)]


def test_lines_that_ran_under_a_fault_and_never_without_are_told(agent: ModuleType) -> None:
    report = report_of(agent, coverage=True)
    assert set(numbers(report, "only_under_faults")) == set(ONLY)
    assert "lines that only ever ran under a fault: 4" in report.text()
    assert "agent_of_lines.py: 15, 18, 21, 36" in report.text()


def test_a_handler_whose_try_ran_and_that_no_fault_reached_is_told(agent: ModuleType) -> None:
    report = report_of(agent, coverage=True)
    assert numbers(report, "never") == [25]  # neither what is excluded, nor what was never called
    assert "handlers that never ran, not even under a fault: 1" in report.text()


def test_the_report_for_machines_has_each_line_with_its_text(agent: ModuleType) -> None:
    told: Any = report_of(agent, coverage=True).to_json()["coverage"]
    file = next(one for one in told["files"] if "agent_of_lines" in one["file"])
    assert {line["line"]: line["text"] for line in file["only_under_faults"]} == ONLY
    assert file["never"] == [{"line": 25, "text": "        return 0"}]


def test_our_own_files_and_those_of_packages_are_none_of_the_program(agent: ModuleType) -> None:
    lines = Lines()
    with lines.during("a fault", faulted=True):
        report_of(agent)
    assert [Path(file).name for file in lines.reached() if "site-packages" in file or "/harness/" in file] == []
    assert [file for file in lines.reached() if file.endswith("agent_of_lines.py")]


def test_nobody_pays_who_does_not_ask(agent: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage.Coverage, "start", lambda self: pytest.fail("it measures"))
    report = report_of(agent)
    assert report.coverage is None
    assert report.to_json()["coverage"] is None


def test_where_coverage_is_missing_the_message_says_what_to_type(
    agent: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "coverage", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'replay-harness\[coverage\]'"):
        report_of(agent, coverage=True)


def test_where_coverage_measures_already_it_goes_on_and_tells_the_runs_apart(agent: ModuleType) -> None:
    measuring = coverage.Coverage(data_file=None, include=["*/agent_of_lines.py"])
    measuring.start()
    try:
        report = report_of(agent, coverage=True)
        assert coverage.Coverage.current() is measuring
        agent.never_called()
    finally:
        measuring.stop()
    assert set(numbers(report, "only_under_faults")) == set(ONLY)
    assert numbers(report, "never") == [25]
    file = next(iter(measuring.get_data().measured_files()))
    assert {18, 31} <= set(measuring.get_data().lines(file) or ())
    assert measuring.get_data().contexts_by_lineno(file)[31] == [""]


def test_contexts_that_are_switched_by_somebody_else_are_refused(agent: ModuleType) -> None:
    measuring = coverage.Coverage(data_file=None, include=["*/agent_of_lines.py"])
    measuring.set_option("run:dynamic_context", "test_function")
    measuring.start()
    try:
        with pytest.raises(SweepError, match="dynamic_context out of its settings"):
            report_of(agent, coverage=True)
    finally:
        measuring.stop()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with 3.12")
def test_a_way_to_measure_that_knows_no_contexts_does_alone_and_is_refused_beside(
    agent: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_CORE", "sysmon")
    assert set(numbers(report_of(agent, coverage=True), "only_under_faults")) == set(ONLY)
    measuring = coverage.Coverage(data_file=None, include=["*/agent_of_lines.py"])
    measuring.start()
    try:
        with pytest.raises(SweepError, match="COVERAGE_CORE=ctrace"):
            report_of(agent, coverage=True)
    finally:
        measuring.stop()


def test_a_tracer_of_somebody_else_is_refused(agent: ModuleType) -> None:
    before = sys.gettrace()
    sys.settrace(lambda *_: None)
    try:
        with pytest.raises(SweepError, match="a debugger, or another tracer"):
            report_of(agent, coverage=True)
    finally:
        sys.settrace(before)


def test_the_command_line_tells_them(
    agent: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "weather.yaml", Cassette((call([ASK], TEXT_CHUNKS),)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "agent_of_lines", agent)
    command = ["sweep", "weather.yaml", "--driver", "agent_of_lines:agent", "--kinds", "reset-mid-stream"]
    main([*command, "--contract", "agent_of_lines:AgentError", "--coverage"])
    assert "  agent_of_lines.py: 15, 18, 21, 36" in capsys.readouterr().out
