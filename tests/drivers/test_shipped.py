"""The scenarios of `scenarios/` are documentation that runs: each names its driver, and each can fail."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.scenarios import load_scenario
from harness.trials import play

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "scenarios").glob("*.yaml"))
EACH = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_there_are_enough_of_them_and_this_suite_collects_them() -> None:
    assert len(FILES) >= 15
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]["ini_options"]
    assert "scenarios" in configured["testpaths"]


def test_the_page_beside_them_lists_every_one_in_its_own_words() -> None:
    page = (ROOT / "scenarios" / "README.md").read_text("utf-8")
    for path in FILES:
        assert f"| [{path.stem}]({path.name}) | {load_scenario(path).description.rstrip('.')} |" in page


@EACH
def test_each_says_what_it_is_for_and_what_has_to_come_of_every_case(path: Path) -> None:
    assert path.read_text("utf-8").startswith("# yaml-language-server: $schema=../harness/scenarios/schema.json\n")
    loaded = load_scenario(path)
    assert loaded.name == path.stem
    assert len(loaded.description) > 40
    for name in loaded.names:
        scenario, case = loaded.played(name)
        assert scenario.driver is not None
        assert scenario.driver.startswith("tests.drivers.")
        assert (case and case.expect) or scenario.expect


@EACH
def test_a_driver_that_asks_nothing_fails_every_one_of_them(path: Path) -> None:
    first = load_scenario(path).names[0]
    assert not play(path, first, driver=lambda ctx: "nothing was asked").ok


@pytest.mark.parametrize("name", ["email", "narrator", "streaming", "cancel", "breaker", "recipe", "interview"])
def test_a_driver_that_swallows_everything_and_says_nothing_fails_every_case(name: str) -> None:
    """It asks as the real one does, so that what was asked is right, and only what came of it is not."""
    path = ROOT / "scenarios" / f"{name}.yaml"
    loaded = load_scenario(path)
    for case in loaded.names:
        played = loaded.played(case)[0]
        assert played.driver is not None
        trial = play(path, case, driver=_swallowing(played.driver))
        assert trial.unmet, trial.name


def _swallowing(name: str) -> Any:
    from harness.trials import driver_of

    real = driver_of(name)

    async def driver(ctx: Any) -> str:
        try:
            found = real(ctx)
            if hasattr(found, "__await__"):
                await found
            elif isinstance(found, Iterator):
                list(found)
        except BaseException:
            ctx.pieces.clear()
        return ""

    return driver
