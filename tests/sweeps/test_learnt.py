"""A subject that is learnt once: its cases cost one run and its twin, and know nothing of each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import stateful

import harness
from harness.errors import NotDeterministicError, PromiseBrokenError
from harness.model import Case
from harness.storage import save
from harness.sweeps import CaseReport, Learnt, Verdict
from harness.testing import fault_machine
from tests.sweeps import agents, planted

KINDS = ("truncate-clean", "reset-mid-stream", "http-500-server-error")
CASES = tuple(
    Case.parse(name)
    for name in (
        "call=2/chunk=2/kind=truncate-clean",
        "call=1/headers/kind=http-500-server-error/persistent",
        "call=1/headers/kind=http-500-server-error + call=2/chunk=3/kind=reset-mid-stream",
        "call=7/chunk=2/kind=reset-mid-stream",
    )
)


def learnt(driver: type[agents.Agent]) -> Learnt:
    return Learnt(agents.run, agents.RECORDING, kinds=KINDS, contract=[agents.DriverError], setup=driver)


def told(report: CaseReport) -> tuple[Any, ...]:
    return report.name, report.verdict, report.violations, report.outcome.digest, report.outcome.twin


@pytest.mark.parametrize("driver", [agents.Agent, agents.Trusting, planted.Patient])
def test_a_case_comes_to_the_same_whatever_was_run_before_it(driver: type[agents.Agent]) -> None:
    one, other = learnt(driver), learnt(driver)
    forth = [told(one.judged(case)) for case in CASES]
    back = [told(other.judged(case)) for case in reversed(CASES)]
    again = [told(one.judged(case)) for case in CASES]
    assert forth == back[::-1] == again
    assert all(twin for *_, twin in forth)


def test_a_case_comes_to_what_a_sweep_of_it_alone_says() -> None:
    one = learnt(agents.Trusting)
    for case in CASES:
        alone = harness.sweep(
            agents.run, agents.RECORDING, setup=agents.Trusting, contract=[agents.DriverError], cases=[case]
        )[str(case)]
        assert told(one.judged(case))[:4] == told(alone)[:4]


def test_the_run_without_faults_is_learnt_once(tmp_path: Path) -> None:
    made = 0

    class Counted(agents.Agent):
        def __init__(self, session: harness.Session) -> None:
            nonlocal made
            made += 1
            super().__init__(session)

    path = tmp_path / "recorded.yaml"
    save(path, agents.RECORDING)
    machine = fault_machine(agents.run, path, setup=Counted, contract=[agents.DriverError], kinds=KINDS)
    learning = made
    driven = machine()
    for case in (CASES[0], CASES[3], CASES[0]):
        strike(driven, case)
    assert learning == 2
    assert made == learning + 3 * 2


def test_a_subject_that_differs_from_run_to_run_makes_no_machine(tmp_path: Path) -> None:
    runs = iter(range(9))

    async def odd(_: harness.Session, agent: agents.Agent) -> str:
        return f"{await agent.run()} {next(runs)}"

    path = tmp_path / "recorded.yaml"
    save(path, agents.RECORDING)
    with pytest.raises(NotDeterministicError):
        fault_machine(odd, path, setup=agents.Agent, kinds=KINDS)


def test_what_is_not_the_same_twice_is_found_at_any_case() -> None:
    runs = iter(range(99))

    class Moody(agents.Agent):
        def check(self, finish: str | None, *, something: bool) -> None:
            if finish is None:
                self.session.emitted("mood", next(runs))
            super().check(finish, something=something)

    one = learnt(Moody)
    for _ in range(2):
        report = one.judged(CASES[0])
        assert "deterministic" in {violation.checker for violation in report.violations}
        assert report.verdict is Verdict.WRONG


def test_a_machine_fails_with_the_promise_and_the_file(tmp_path: Path) -> None:
    path = tmp_path / "recorded.yaml"
    save(path, agents.RECORDING)
    machine: type[stateful.RuleBasedStateMachine] = fault_machine(
        agents.run, path, setup=agents.Trusting, contract=[agents.DriverError], kinds=KINDS
    )
    with pytest.raises(PromiseBrokenError, match="no-partial-success"):
        strike(machine(), CASES[0])
    assert path.with_name("recorded.yaml.found.yaml").exists()


def strike(driven: Any, case: Case) -> None:
    type(driven).strike.hypothesis_stateful_rule.function(driven, strike=case.strikes[0], persistent=False)
