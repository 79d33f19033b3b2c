from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from harness.cli import main


def test_help_names_every_verb_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(word in shown for word in ["demo", "show", "check", "Exit codes", "a miss", "unreadable"])


def test_no_verb_is_a_usage_error_that_shows_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "demo" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["dance"], ["show"], ["check"], ["show", "a.yaml", "--nonsense"]])
def test_what_is_no_command_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"harness {version('replay-harness')}\n"


def test_an_unreadable_file_is_one_message_and_exit_code_5(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("interactions: [")
    assert main(["show", str(file)]) == 5
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("harness: ")
    assert "broken.yaml" in told.err
    assert "Traceback" not in told.err


def test_an_error_is_json_for_a_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--json", str(tmp_path / "absent.yaml")]) == 5
    told = json.loads(capsys.readouterr().out)
    assert told["exit"] == 5
    assert told["kind"] == "CassetteNotFoundError"


def test_a_reader_that_goes_away_is_no_error() -> None:
    demo = Path(__file__).parent.parent.parent / "cassettes" / "openai-chat-streaming.yaml"
    with subprocess.Popen(
        [sys.executable, "-m", "harness.cli", "show", "--json", *[str(demo)]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 0
