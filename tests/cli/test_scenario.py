"""`harness scenario from-cassette`: a recording becomes a file that a person edits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import harness
from harness.cli import main
from harness.scenarios import load_scenario

ROOT = Path(__file__).parents[2]
SCHEMA = Path(harness.__file__).parent / "scenarios" / "schema.json"


def test_it_is_printed_and_the_cassette_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    cassette = ROOT / "cassettes" / "email.yaml"
    before = cassette.read_bytes()
    assert main(["scenario", "from-cassette", str(cassette)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("harness: 1\nname: email\n")
    assert "- id: the-meeting-on-monday" in text
    assert cassette.read_bytes() == before


def test_it_is_written_once_and_replaced_only_when_told_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make = ["scenario", "from-cassette", str(ROOT / "cassettes" / "anthropic-tools.yaml"), "-o", "tools.yaml"]
    assert main(make) == 0
    assert "next: harness check tools.yaml" in capsys.readouterr().err
    assert [call.id for call in load_scenario("tools.yaml").calls] == ["the-weather-in-paris"]
    Path("tools.yaml").write_text("edited", "utf-8")
    assert main(make) == 2
    assert "may have been edited" in capsys.readouterr().err
    assert Path("tools.yaml").read_text("utf-8") == "edited"
    assert main([*make, "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": "tools.yaml", "answers": 1}


def test_an_editor_finds_the_schema_where_it_belongs_to_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    out = tmp_path / "demo.yaml"
    assert main(["scenario", "from-cassette", "cassettes/demo.yaml", "-o", str(out)]) == 0
    first = out.read_text("utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (out.parent / first.partition("=")[2]).resolve() == SCHEMA.resolve()


def test_what_is_no_cassette_has_its_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "no.yaml").write_text("[", "utf-8")
    assert main(["scenario", "from-cassette", str(tmp_path / "no.yaml")]) == 5
    assert "no.yaml" in capsys.readouterr().err
