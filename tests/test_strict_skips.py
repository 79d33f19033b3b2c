"""CI fails, not skips, when an SDK test cannot run: the rule in conftest.py, tried on a project of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
LATE = "import pytest\ndef test_sdk():\n    pytest.skip('{}')\n"
EARLY = "import pytest\npytest.importorskip('no_such_sdk')\ndef test_sdk(): pass\n"


def _ran(folder: Path, place: str, code: str, required: str, corpus: str = "") -> int:
    tests = folder / "tests"
    (tests / place).mkdir(parents=True)
    (tests / "conftest.py").write_text(CONFTEST.read_text("utf-8"), "utf-8")
    (tests / place / "test_sdk.py").write_text(code, "utf-8")
    (folder / "pytest.ini").touch()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    environ = {**os.environ, "HARNESS_REQUIRE_SDKS": required, "HARNESS_REQUIRE_CORPUS": corpus}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, check=False).returncode


@pytest.mark.parametrize("code", [LATE.format("no openai here"), EARLY])
def test_a_skipped_sdk_test_is_a_failure_where_everything_is_installed(tmp_path: Path, code: str) -> None:
    assert _ran(tmp_path, "against", code, "1") in {1, 2}


@pytest.mark.parametrize(
    "place, code, required",
    [
        ("against", LATE.format("no openai here"), ""),
        ("against", LATE.format("no corpus beside this checkout"), "1"),
        ("model", LATE.format("not on this platform"), "1"),
    ],
)
def test_every_other_skip_is_a_skip(tmp_path: Path, place: str, code: str, required: str) -> None:
    assert _ran(tmp_path, place, code, required) == 0


@pytest.mark.parametrize("place", ["against", "corpus"])
def test_where_the_corpus_is_there_its_tests_run_or_fail(tmp_path: Path, place: str) -> None:
    assert _ran(tmp_path, place, LATE.format("the corpus is not beside this repository"), "1", "1") == 1
