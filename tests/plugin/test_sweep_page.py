"""What the sweeps of a run found, in one file: the page and the JSON of `harness sweep`, for every swept test."""

from __future__ import annotations

import json
import re
from typing import Any

from harness.sweeps import page
from tests.plugin.test_sweep_items import CHECKED, FULL, written

PAIR = CHECKED.format(more="contract=[AgentError]", check=True) + CHECKED.format(
    more="contract=[AgentError]", check=False
).replace("test_agent", "test_trusting")
FILES = ("--harness-sweep-html=out/sweep.html", "--harness-sweep-json=out/sweep.json")


def told(project: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.root / "out" / "sweep.json").read_text("utf-8"))
    return found


def test_every_swept_test_is_a_section_of_one_page(project: Any, text: Any) -> None:
    written(project, PAIR)
    shown = text(project.run(*FILES))
    whole = told(project)
    assert [sweep["name"] for sweep in whole["sweeps"]] == ["test_a.py::test_agent", "test_a.py::test_trusting"]
    assert [sweep["ok"] for sweep in whole["sweeps"]] == [True, False]
    assert not whole["ok"]
    assert (project.root / "out" / "sweep.html").read_text("utf-8") == page(whole)
    assert "harness sweep: wrote out/sweep.html" in shown


def test_a_section_says_what_the_report_of_a_sweep_says(project: Any) -> None:
    written(project, PAIR)
    project.run(*FILES)
    trusting = told(project)["sweeps"][1]
    failure = trusting["failures"][0]
    assert (failure["checker"], failure["kind"]) == ("no-partial-success", "truncate-clean")
    assert failure["case"] == "call=1/headers/kind=truncate-clean"
    assert failure["repro"] == f"pytest 'test_a.py::test_trusting[{failure['case']}]'"
    case = next(one for one in trusting["cases"] if one["name"] == failure["case"])
    assert "size" not in case
    assert case["timeline"][-1]["text"].startswith('returned "its own check failed')
    assert case["requests"][0]["url"] == "https://api.openai.com/v1/chat/completions"
    assert trusting["baseline"]["ending"] == "returned 'the test passed'"
    assert trusting["sites"] == {"truncate-clean": 9}  # as a full sweep finds them


def test_workers_write_one_page_as_one_process_does(project: Any) -> None:
    written(project, PAIR)
    project.run(*FILES)
    alone = told(project)
    project.run_apart("-n", "2", *FILES)
    assert _less_the_frames(told(project)) == _less_the_frames(alone)


def _less_the_frames(whole: dict[str, Any]) -> dict[str, Any]:
    for sweep in whole["sweeps"]:
        for case in sweep["cases"]:
            case["traceback"] = ""
    return whole


def test_the_subtests_of_a_full_sweep_are_on_it(project: Any) -> None:
    written(project, FULL.format(check=False))
    project.run(*FILES)
    sweep = told(project)["sweeps"][0]
    assert len(sweep["cases"]) == 19
    assert {case["cell"] for case in sweep["cases"]} == {"V", "e", "."}


def test_nobody_who_did_not_ask_gets_a_file_and_an_empty_one_is_none(project: Any, text: Any) -> None:
    written(project, PAIR)
    project.run()
    assert not (project.root / "out").exists()
    assert "no case was run" in text(project.run("-k", "not kind", *FILES))
    assert not (project.root / "out").exists()


def test_a_known_failure_that_passes_stands_on_the_page(project: Any) -> None:
    known = "dict(name='call=1/headers/kind=truncate-clean', reason='half an answer')"
    written(project, CHECKED.format(more=f"contract=[AgentError], known=[{known}]", check=True))
    project.run(*FILES)
    assert re.match("known failure .* passes", told(project)["sweeps"][0]["stale"][0])
