"""Every code block of the README is executed, in a folder that holds the cassettes, the scenarios and their
drivers, and nothing else."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli import main

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")
_BLOCK = re.compile(
    r'^```(?P<language>\w*)(?: title="(?P<title>[^"]+)")?\n(?P<code>.*?)^```$', re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Block:
    """`line` is where it begins, so that a failure can be found."""

    line: int
    language: str
    title: str
    code: str

    def __str__(self) -> str:
        return f"line {self.line} {self.title or self.language}"


BLOCKS = [
    Block(README[: found.start()].count("\n") + 1, found["language"], found["title"] or "", found["code"])
    for found in _BLOCK.finditer(README)
]
TESTS = [block for block in BLOCKS if block.language == "python" and block.title.startswith("test_")]
SCRIPTS = [block for block in BLOCKS if block.language == "python" and not block.title]
FILES = [block for block in BLOCKS if block.language == "yaml"]
COMMANDS = [line for block in BLOCKS if block.language == "console" for line in block.code.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("cassettes", "scenarios"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "tests" / "drivers", tmp_path / "tests" / "drivers")  # which the scenarios name
    (tmp_path / "pyproject.toml").touch()  # what makes it a project
    return tmp_path


def _python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name not in {"CI", "HARNESS_RECORD"}}
    ran = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran


@pytest.mark.parametrize("block", SCRIPTS, ids=str)
def test_a_script_of_the_readme_runs(block: Block, folder: Path) -> None:
    _python(folder, "-W", "error", "-c", block.code)


@pytest.mark.parametrize("block", TESTS, ids=str)
def test_a_test_of_the_readme_passes(block: Block, folder: Path) -> None:
    (folder / block.title).write_text(block.code, "utf-8")
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", block.title)
    if "snapshot" in block.code:
        _python(folder, *command, "--snapshot-update")
    assert " passed" in _python(folder, *command).stdout


def test_the_first_test_has_twelve_lines() -> None:
    first = next(block for block in BLOCKS if block.language == "python")
    assert len([line for line in first.code.splitlines() if line.strip()]) == 12


@pytest.mark.parametrize("block", FILES, ids=str)
def test_a_file_of_the_readme_is_the_file_in_the_repository(block: Block) -> None:
    assert block.code == (ROOT / block.title).read_text("utf-8")


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("harness ")])
def test_a_command_of_the_readme_works(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert main(shlex.split(command)[1:]) == 0
    assert capsys.readouterr().out


def test_two_commands_set_everything_up_and_ci_runs_the_second() -> None:
    installs = [line for line in COMMANDS if line.startswith("pip install")]
    assert len(installs) == 2
    main_job, tests = installs
    assert main_job.endswith("harness demo --yes")
    assert tests in (ROOT / ".ci" / "run").read_text("utf-8")


def test_no_block_is_left_out() -> None:
    run = [*TESTS, *SCRIPTS, *FILES, *(block for block in BLOCKS if block.language == "console")]
    assert sorted(map(str, run)) == sorted(map(str, BLOCKS))
    assert README.count("\n```") == 2 * len(BLOCKS)
    known = ("harness ", "pip install")
    assert [line for line in COMMANDS if not line.startswith(known)] == []
