"""What somebody else's driver asked is recorded at its contract, plays again, becomes a scenario, and takes faults."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import harness
from harness.scenarios import drafted
from harness.storage import load
from harness.trials import Context, play
from tests.outside.drivers import email, turn

DRIVERS = [(email, "Subject: Monday\n\nDear Grace,\nsee you there."), (turn, "The key turns. Snow falls.")]


def run(driver: Callable[[Any], Any], context: Any) -> str:
    made = driver(context)
    return str(made if isinstance(made, str) else asyncio.run(made))


@pytest.fixture(params=DRIVERS, ids=["email", "turn"])
def recorded(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Any, Path, str]:
    """A driver, the recording of one run of it with a live backend, and what came of that run."""
    driver, output = request.param
    path = tmp_path / "recorded.yaml"

    def backend(contract: Any, model: str = "replay", **_: Any) -> Any:
        live = harness.get_backend("fake", output=output, model=model, contract=contract)
        return harness.RecordingBackend(live, path, contract=contract)

    return driver, path, run(driver, SimpleNamespace(backend=backend, emit=lambda _: None))


def test_a_recorded_run_comes_to_the_same_again(recorded: tuple[Any, Path, str]) -> None:
    driver, path, made = recorded
    with harness.replay(path) as session:
        assert run(driver, Context(session, None)) == made


def test_a_scenario_made_of_it_comes_to_the_same(recorded: tuple[Any, Path, str], tmp_path: Path) -> None:
    driver, path, made = recorded
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(drafted(load(path), "made"), "utf-8")
    trial = play(scenario, driver=driver)
    assert trial.ok, list(trial.complaints())
    assert trial.result == made


def test_a_fault_laid_over_it_is_the_exception_of_its_contract(recorded: tuple[Any, Path, str], tmp_path: Path) -> None:
    driver, _, _ = recorded
    scenario = tmp_path / "overlay.yaml"
    scenario.write_text(
        "harness: 1\nname: overlay\ncassette: {file: recorded.yaml}\n"
        "overlay: [{at: call=1/attempt=*, kind: connect-refused}]\n"
        "expect: {calls: 1, raises: LLMConnectionError}\n",
        "utf-8",
    )
    trial = play(scenario, driver=driver)
    assert not trial.unmet, list(trial.complaints())
    assert trial.error is not None
    if driver is turn:  # decnet's contract has no exception for it, so it gets ours
        assert type(trial.error).__module__ == "axiom.backends.base"
