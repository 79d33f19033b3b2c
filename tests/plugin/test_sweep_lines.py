"""Which lines only ever ran under a fault, over all swept tests of a run, with pytest-cov beside it or without."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from tests.plugin.test_sweep_items import AGENT, CHECKED, written

TEST = CHECKED.format(more="contract=[AgentError]", check=True)
RAISES = [1 + AGENT.splitlines().index(line) for line in AGENT.splitlines() if "raise AgentError" in line]
"""The project's own first line stands before it, and its own first is left out."""
OPTIONS = ("--harness-sweep-coverage", "--harness-sweep-json=sweep.json")


def lines(project: Any, key: str) -> dict[int, str]:
    told = json.loads((project.root / "sweep.json").read_text("utf-8"))["coverage"]
    return {line["line"]: line["text"] for file in told["files"] if file["file"] == "test_a.py" for line in file[key]}


def test_the_end_of_a_run_and_its_files_tell_the_lines_that_only_ran_under_a_fault(project: Any, text: Any) -> None:
    written(project, TEST)
    shown = text(project.run(*OPTIONS, "--harness-sweep-html=sweep.html"))
    assert "lines that only ever ran under a fault: 3\n  test_a.py: 20-21, 23" in shown
    assert list(lines(project, "only_under_faults")) == [20, *RAISES] == [20, 21, 23]
    assert lines(project, "only_under_faults")[23] == '        raise AgentError("it broke off")'
    assert "it broke off" in (project.root / "sweep.html").read_text("utf-8")


@pytest.mark.parametrize("more", [("--cov=.", "--cov-context=test"), ("-n", "2", "--cov=.")])
def test_workers_and_pytest_cov_come_to_the_same_lines(project: Any, text: Any, more: tuple[str, ...]) -> None:
    written(project, TEST)
    shown = text(project.run_apart(*OPTIONS, *more))
    assert list(lines(project, "only_under_faults")) == [20, *RAISES]
    assert "TOTAL" in shown
    assert "failed" not in shown


def test_without_coverage_the_option_says_what_to_type(
    project: Any, text: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(project, TEST)
    monkeypatch.setitem(sys.modules, "coverage", None)
    assert "pip install 'replay-harness[coverage]'" in text(project.run(*OPTIONS, "-p", "no:pytest_cov"))


def test_where_nothing_is_swept_there_are_no_lines_to_tell(project: Any, text: Any) -> None:
    written(project, "def test_plain():\n    pass\n")
    assert "under a fault" not in text(project.run("--harness-sweep-coverage", passed=1))
