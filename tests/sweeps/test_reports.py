"""What a sweep found, for people and machines: a page that loads nothing, JUnit's XML, annotations, JSON."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import harness
from harness.sweeps import github, junit, page
from tests.sweeps import agents

KINDS = "reset-mid-stream truncate-clean http-401-auth"


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """A driver that takes half an answer for a whole one."""
    return harness.sweep(
        agents.run,
        agents.RECORDING,
        setup=agents.Trusting,
        contract=[agents.DriverError],
        kinds=KINDS,
        known={"call=1/chunk=1/kind=truncate-clean": "known"},
    ).to_json()


def test_it_is_json_all_the_way_down(report: dict[str, Any]) -> None:
    assert json.loads(json.dumps(report)) == report
    assert {case["cell"] for case in report["cases"]} >= {"V", "e"}
    assert not report["ok"]


def test_the_xml_has_a_case_for_each_case_and_the_line_to_paste_in_what_failed(report: dict[str, Any]) -> None:
    suite = ET.fromstring(junit(report)).find("testsuite")
    assert suite is not None
    assert [case.get("name") for case in suite.findall("testcase")][: len(report["cases"])] == [
        case["name"] for case in report["cases"]
    ]
    failed = [case for case in suite.findall("testcase") if case.find("failure") is not None]
    assert len(failed) == int(suite.get("failures", "0")) > 0
    broken = next(case for case in report["cases"] if case["violations"] and not case["known"])
    told = next(case for case in failed if case.get("name") == broken["name"]).findtext("failure") or ""
    assert broken["repro"] in told
    assert broken["violations"][0]["text"].split()[0] in told


def test_what_xml_cannot_hold_is_replaced(report: dict[str, Any]) -> None:
    case = next(case for case in report["cases"] if case["violations"])
    case = {**case, "violations": [{"checker": "mine", "text": "a \x00 and \x1b[31m"}], "known": ""}
    text = junit({**report, "cases": [case]})
    assert ET.fromstring(text).find(".//failure") is not None
    assert "a \N{REPLACEMENT CHARACTER} and" in text


def test_annotations_are_one_line_each_and_name_the_place(report: dict[str, Any]) -> None:
    lines = github(report, "tests/test_agent.py", 12).splitlines()
    assert len(lines) == len(report["failures"]) + len(report["stale"])
    assert all(line.startswith("::error file=tests/test_agent.py,line=12,title=") for line in lines)
    assert re.search(r"::call=\d/\S*kind=", lines[0])
    assert "%0A" in lines[0]


def test_the_page_is_one_file_that_loads_nothing(report: dict[str, Any]) -> None:
    text = page(report)
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?!#)|url\(|@import|https?://(?!127)""", _less_data(text))
    assert "default-src 'none'" in text
    embedded = re.search(r'<script type="application/json" id="report">(.*?)</script>', text, re.DOTALL)
    assert embedded is not None
    assert json.loads(embedded[1]) == report


def test_a_model_that_says_markup_cannot_leave_the_data(report: dict[str, Any]) -> None:
    evil = "</script><script>alert(1)</script>"
    assert page({**report, "name": evil}).count("<script>") == page(report).count("<script>")


def _less_data(text: str) -> str:
    return re.sub(r'(<script type="application/json" id="report">).*?(</script>)', r"\1\2", text, flags=re.DOTALL)
