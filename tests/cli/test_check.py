from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import main
from harness.model import Cassette, Head, Headers, Interaction, Request, Timeline
from harness.storage import save

CASSETTES = Path(__file__).parent.parent.parent / "cassettes"
# Put together here, so that no file of the project holds anything that looks like a key.
KEY = "sk-ant-" + "api03-" + "a1B2c3D4e5F6g7H8" * 3
URL = "https://api.anthropic.com/v1/messages"


def _cassette(path: Path, *, headers: dict[str, str] | None = None, body: bytes = b"{}", url: str = URL) -> Path:
    timeline = Timeline.of(Head(200, Headers.of([("content-type", "application/json")])), [b'{"a":', b"1}"])
    request = Request("POST", url, Headers.of((headers or {}).items()), body)
    save(path, Cassette((Interaction(request, timeline),)))
    return path


def test_our_own_cassettes_are_sound(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(CASSETTES)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(list(CASSETTES.glob("*.yaml")))
    assert all(": sound, " in line for line in lines)


@pytest.mark.parametrize(
    "parts",
    [
        {"headers": {"x-api-key": KEY}},
        {"headers": {"authorization": f"Bearer {KEY}"}},
        {"headers": {"cookie": "session=1234567890abcdef"}},
        {"body": json.dumps({"messages": [{"role": "user", "content": f"my key is {KEY}"}]}).encode()},
        {"url": f"{URL}?api_key={KEY}"},
    ],
)
def test_a_secret_is_found_and_not_printed(
    tmp_path: Path, parts: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    file = _cassette(tmp_path / "leaky.yaml", **parts)  # type: ignore[arg-type]
    assert main(["check", str(file)]) == 4
    shown = capsys.readouterr().out
    assert "interaction #1: secret: request" in shown
    assert KEY not in shown


@pytest.mark.parametrize("value", ["REDACTED", "Bearer DUMMY", "test_api_key_1", "**********", "<filtered>"])
def test_a_header_that_somebody_blanked_already_is_no_secret(tmp_path: Path, value: str) -> None:
    assert main(["check", str(_cassette(tmp_path / "blanked.yaml", headers={"authorization": value}))]) == 0


def test_an_edited_body_is_told_because_its_timeline_no_longer_adds_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "edited.yaml"
    file.write_text((CASSETTES / "demo.yaml").read_text("utf-8").replace('" samurai"', '" cat"'), "utf-8")
    assert main(["check", str(file)]) == 1
    assert "edited.yaml" in capsys.readouterr().out


def test_an_unknown_key_is_told_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _cassette(tmp_path / "odd.yaml")
    file.write_text(file.read_text("utf-8").replace("  response:\n", "  response:\n    flavour: salty\n"), "utf-8")
    assert main(["check", str(file)]) == 1
    assert "interaction #1, response: warning: the key 'flavour' is not known" in capsys.readouterr().out


def test_an_unreadable_file_outranks_a_secret_and_every_file_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leaky = _cassette(tmp_path / "a-leaky.yaml", headers={"x-api-key": KEY})
    (tmp_path / "b-broken.yaml").write_text("interactions:\n- request: {method: GET\n")
    (tmp_path / "c-empty.yaml").write_text("")
    sound = _cassette(tmp_path / "d-sound.yaml")
    assert main(["check", str(tmp_path)]) == 5
    shown = capsys.readouterr().out
    assert f"{leaky}: interaction #1: secret" in shown
    assert "b-broken.yaml: unreadable" in shown
    assert "c-empty.yaml: unreadable" in shown
    assert f"{sound}: sound, 1 call, 2 chunks" in shown


def test_a_file_that_is_not_there_is_unreadable(tmp_path: Path) -> None:
    assert main(["check", str(tmp_path / "absent.yaml")]) == 5


def test_a_folder_without_recordings_is_a_usage_error(tmp_path: Path) -> None:
    assert main(["check", str(tmp_path)]) == 2


def test_json_has_every_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _cassette(tmp_path / "leaky.yaml", headers={"x-api-key": KEY})
    assert main(["check", "--json", str(file)]) == 4
    (report,) = json.loads(capsys.readouterr().out)
    assert not report["sound"]
    assert [finding["kind"] for finding in report["findings"]] == ["secret"]


def test_a_scenario_is_held_to_its_own_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "typo.yaml"
    file.write_text(
        "harness: 1\nname: typo\ncalls:\n  - id: one\n    wen: {user: {contains: x}}\n    reply: {text: hi}\n"
    )
    assert main(["check", str(file)]) == 5
    assert "typo.yaml:5:" in capsys.readouterr().out
