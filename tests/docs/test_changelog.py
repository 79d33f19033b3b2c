"""The changelog keeps to the grammar that it states."""

from __future__ import annotations

import re
from pathlib import Path

import harness

LINES = (Path(__file__).parent.parent.parent / "CHANGELOG.md").read_text("utf-8").splitlines()
VERSION = re.compile(r"## (\d+\.\d+\.\d+) \((unreleased|\d{4}-\d{2}-\d{2})\)")
GROUPS = {"### Added", "### Changed", "### Deprecated", "### Removed", "### Fixed"}


def test_the_newest_version_is_the_one_that_is_installed() -> None:
    first = next(line for line in LINES if line.startswith("## "))
    found = VERSION.fullmatch(first)
    assert found is not None
    assert found[1] == harness.__version__


def test_every_line_is_a_version_a_group_or_a_sentence() -> None:
    start = next(number for number, line in enumerate(LINES) if line.startswith("## "))
    entries = [line for line in LINES[start:] if line]
    assert [
        line
        for line in entries
        if not (VERSION.fullmatch(line) or line in GROUPS or re.fullmatch(r"- [A-Z`].*\.", line))
    ] == []
