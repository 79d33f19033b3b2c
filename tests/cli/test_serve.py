"""`harness serve` as a process: a line with its URL, then answers, then an exit code that says how it went."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from harness.cli import main

SCENARIO = """\
harness: 1
name: greeting
calls:
  - id: hello
    when: {user: {contains: hello}}
    reply: {text: "Bonjour"}
cases:
  - id: busy
    faults: [{at: call=1, kind: http-503-overloaded}]
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "greeting.yaml"
    path.write_text(SCENARIO, "utf-8")
    return path


@contextmanager
def _serving(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "harness.cli", "serve", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _ask(url: str, text: str) -> httpx.Response:
    body = {"model": "tiny", "messages": [{"role": "user", "content": text}]}
    return httpx.post(f"{url}/v1/chat/completions", json=body)


def test_it_says_where_it_is_and_ends_well_at_a_signal(scenario: Path) -> None:
    with _serving(str(scenario), "--json") as process:
        assert process.stdout is not None
        where = json.loads(process.stdout.readline())
        assert _ask(where["url"], "hello").json()["choices"][0]["message"]["content"] == "Bonjour"
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=20)
    assert json.loads(told) == {"asked": 1, "misses": [], "exit": 0}
    assert process.returncode == 0


def test_a_miss_is_the_exit_code(scenario: Path) -> None:
    with _serving(str(scenario), "--case", "busy") as process:
        assert process.stdout is not None
        url, _, name = process.stdout.readline().strip().partition("  ")
        assert name == "scenario greeting.yaml, case busy"
        assert [_ask(url, text).status_code for text in ("hello", "hello", "goodbye")] == [503, 200, 400]
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
    assert process.returncode == 3
    assert "no answer for POST" in told


@pytest.mark.parametrize(
    "arguments, code, why",
    [
        (("--host", "0.0.0.0"), 2, "token"),
        (("--fault", "kind=ressset"), 2, "is no case"),
        (("--fault", "call=1/kind=ressset"), 2, "no fault is called"),
        (("--rate", "0"), 2, "a clock runs forward"),
        (("--port", "99999"), 2, "port=99999: give a number from 0 (any free one) to 65535"),
        (("--port=-1",), 2, "port=-1"),
        (("--for", "soon"), 2, "soon"),
        (("--case", "other"), 5, "other"),
    ],
)
def test_what_cannot_be_served_is_told_before_anything_listens(
    scenario: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, why: str
) -> None:
    assert main(["serve", str(scenario), *arguments]) == code
    told = capsys.readouterr()
    assert (told.out, why in told.err) == ("", True)


def test_a_file_that_is_not_there_is_unreadable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(tmp_path / "nothing.yaml")]) == 5
    assert "there is no such file" in capsys.readouterr().err


def test_it_stops_by_itself_where_it_was_told_to(scenario: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(scenario), "--for", "10ms"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["asked 0 times, 0 misses"]
