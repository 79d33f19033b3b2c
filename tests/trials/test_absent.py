"""Whether a driver is there is found out without running a line of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.cli import main
from harness.trials import why_absent

LOUD = "raise RuntimeError('a package was imported')\n"
MODULE = """
import json as reader
from os import path
raise RuntimeError("a module was imported")
def build(ctx): ...
class Agent:
    def run(self): ...
if True:
    async def later(ctx): ...
try:
    first, (second, *rest) = 1, (2, 3)
except ValueError:
    spare = None
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "loudapp" / "deep").mkdir(parents=True)
    (tmp_path / "loudapp" / "__init__.py").write_text(LOUD, "utf-8")
    (tmp_path / "loudapp" / "deep" / "agent.py").write_text(MODULE, "utf-8")
    (tmp_path / "loudapp" / "open.py").write_text("from loudapp.deep.agent import *\n", "utf-8")
    (tmp_path / "loudapp" / "lazy.py").write_text("def __getattr__(name): ...\n", "utf-8")
    (tmp_path / "loudapp" / "broken.py").write_text("def (\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "name",
    ["build", "Agent", "Agent.run", "later", "reader", "path", "first", "second", "rest", "spare"],
)
def test_what_a_module_binds_is_there(name: str) -> None:
    assert why_absent(f"loudapp.deep.agent:{name}") is None


@pytest.mark.parametrize("name", ["loudapp.open:anything", "loudapp.lazy:anything", "json:loads", "sys:exit"])
def test_of_what_cannot_be_told_nothing_is_said(name: str) -> None:
    assert why_absent(name) is None


@pytest.mark.parametrize(
    "name, said",
    [
        ("nobody.agent:build", "no module nobody.agent is found from here"),
        ("loudapp.agent:build", "no module loudapp.agent is found from here"),
        ("loudapp.deep.agent.more:build", "no module loudapp.deep.agent.more is found"),
        ("loudapp.deep.agent:biuld", "has no 'biuld'. Did you mean 'build'?"),
        ("loudapp.broken:build", "cannot be read: "),
    ],
)
def test_what_is_not_there_is_named(name: str, said: str) -> None:
    assert said in (why_absent(name) or "")


def test_a_check_says_it_with_its_line_and_imports_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = project / "weather.yaml"
    file.write_text(
        "harness: 1\nname: w\ndriver: loudapp.deep.agent:biuld\ncalls: [{id: a, reply: {text: b}}]\n", "utf-8"
    )
    assert main(["check", "weather.yaml"]) == 1
    assert "weather.yaml:3:9: warning: the driver cannot be had: the module loudapp.deep.agent has no 'biuld'" in (
        capsys.readouterr().out
    )
    file.write_text(file.read_text("utf-8").replace("biuld", "build"), "utf-8")
    assert main(["check", "weather.yaml"]) == 0
    assert not [name for name in sys.modules if name.startswith("loudapp")]
