"""The report for machines that read tests: JUnit's XML, and the annotations of GitHub Actions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from harness.model import Json

_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold: answers of a model may have anything in them."""


def junit(report: Mapping[str, Json]) -> str:
    """`report`, as `SweepReport.to_json` gives it: a test case for each case, the lines to paste in what failed."""
    known: Any = report
    failed = [case for case in known["cases"] if _is_failed(case)]
    suite = ET.Element(
        "testsuite",
        name=_clean(f"sweep of {known['name']}"),
        tests=str(len(known["cases"]) + len(known["stale"])),
        failures=str(len(failed) + len(known["stale"])),
        skipped=str(sum(case["verdict"] == "NOT_STRUCK" for case in known["cases"])),
        errors="0",
        time="0",
    )
    for case in known["cases"]:
        _case(suite, known["name"], case)
    for number, text in enumerate(known["stale"], 1):
        item = ET.SubElement(suite, "testcase", classname=_clean(known["name"]), name=f"known failures {number}")
        ET.SubElement(item, "failure", message=_clean(text)).text = _clean(text)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, "unicode", xml_declaration=True) + "\n"


def github(report: Mapping[str, Json], file: str = "", line: int = 1) -> str:
    """`report` as workflow commands of GitHub Actions, an error for each broken promise, at `line` of `file`.

    The form is that of https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands.
    """
    known: Any = report
    place = f"file={_property(file)},line={line}," if file else ""
    told = [
        f"::error {place}title={_property(_title(failure))}::{_message(_text(failure))}"
        for failure in known["failures"]
    ]
    told += [f"::error {place}title=known failures::{_message(text)}" for text in known["stale"]]
    return "".join(f"{command}\n" for command in told)


def _case(suite: ET.Element, name: str, case: Any) -> None:
    item = ET.SubElement(
        suite,
        "testcase",
        classname=_clean(name),
        name=_clean(case["name"]),
        time=f"{case['ended_at_ns'] / 1e9:.3f}",
    )
    if _is_failed(case):
        told = "\n".join(f"{one['checker']}: {one['text']}" for one in case["violations"])
        failure = ET.SubElement(item, "failure", type=case["verdict"], message=_clean(told.splitlines()[0]))
        failure.text = _clean("\n".join([told, "", case["repro"], "", case["traceback"]]))
    elif case["verdict"] == "NOT_STRUCK":
        ET.SubElement(item, "skipped", message="the fault found nothing to strike")


def _is_failed(case: Any) -> bool:
    return bool(case["violations"]) and not case["known"]


def _title(failure: Mapping[str, Any]) -> str:
    return f"{failure['checker']} under {failure['kind']}"


def _text(failure: Mapping[str, Any]) -> str:
    others: Sequence[str] = failure["others"]
    more = f"\nand {len(others)} more" if others else ""
    return f"{failure['case']}: {failure['text']}{more}\n{failure['repro']}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def _clean(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
