"""`harness check` and `harness show` on every recording of others: no traceback, something useful, few false alarms."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.errors import CassetteError
from harness.storage import load

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
SUFFIXES = (".yaml", ".yml", ".json", ".gz")
FILES = sorted(p for p in CORPUS.rglob("*") if p.name.endswith(SUFFIXES)) if CORPUS.is_dir() else []
pytestmark = pytest.mark.skipif(not FILES, reason=f"the corpus is not beside this repository: {CORPUS.name} is missing")
SECRETS = {
    "$.api_key": 6,  # of a telemetry service, the same six times: a key that its library publishes, so a false alarm
    "cookie": 1,  # a cookie of a live session, which is none
}
"""Every alarm in 200 interactions, by the words that name its place."""


def calls_of(path: Path) -> int:
    try:
        return len(load(path))
    except CassetteError:
        return 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name[:60])
def test_show_tells_every_call(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = calls_of(path)
    code = main(["show", str(path)])
    told = capsys.readouterr()
    if not count:
        assert code == 5
        assert "out of scope" in told.err or "Record it again" in told.err
        return
    assert code == 0
    assert "Traceback" not in told.out + told.err
    assert len(told.out.splitlines()) > count
    assert main(["show", "--json", str(path)]) == 0
    calls: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert len(calls) == count
    for call in calls:
        if call["operation"] and call["status"] < 400:
            assert call["text"] or call["tool_calls"] or call["problem"] or call["finish"] == "pause"
        elif call["operation"]:
            assert call["problem"]


def test_check_of_all_finds_what_is_there_and_little_else(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["check", "--json", str(CORPUS)])
    reports: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    found = [finding for report in reports for finding in report["findings"]]
    kinds = Counter(finding["kind"] for finding in found)
    assert (code, len(reports), kinds) == (5, 85, Counter(unreadable=4, secret=sum(SECRETS.values())))
    alarms = [finding["message"] for finding in found if finding["kind"] == "secret"]
    assert {word: sum(word in alarm for alarm in alarms) for word in SECRETS} == SECRETS


def test_check_says_the_same_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *map(str, FILES)]) == 5
    told = capsys.readouterr()
    assert "Traceback" not in told.out + told.err
    assert told.out.count(": sound, ") == 79
