"""The mutation check: every planted bug is found, by the promise that it breaks; the drivers they were made from are
clean."""

from __future__ import annotations

from collections import Counter

import pytest

import harness
from harness.sweeps import INVARIANTS, Known, Verdict
from tests.sweeps import agents, planted

SDK_AND_BOM = [
    Known(f"call=1/headers/kind=benign-bom{mode}", "the openai SDK drops the event after a byte order mark")
    for mode in ("", "/persistent")
]
FEW = (
    "connect-refused stall-mid-stream reset-mid-stream eof-mid-stream truncate-clean malformed-json-event "
    "http-401-auth http-429-rate-limit http-500-server-error benign-comments cancel"
)
"""One of each sort: what the default set has of more, it has in other words."""


def swept(driver: type[agents.Agent], kinds: str, **keywords: object) -> harness.SweepReport:
    contract = [agents.DriverError]
    return harness.sweep(agents.run, agents.RECORDING, setup=driver, contract=contract, kinds=kinds, **keywords)


@pytest.mark.parametrize("driver", planted.PLANTED, ids=lambda driver: driver.__name__)
def test_a_planted_bug_is_found_by_the_promise_that_it_breaks(driver: type[agents.Agent]) -> None:
    checker, kind = planted.PLANTED[driver]
    report = swept(driver, FEW, budget=60)
    found = {(failure.checker, failure.kind) for failure in report.failures}
    assert (checker, kind) in found, report.text()


def test_every_promise_has_a_driver_that_breaks_it() -> None:
    found = {checker for checker, _ in planted.PLANTED.values()}
    assert {*found, "order-neutral"} == set(INVARIANTS), "the last one is broken in test_schedules.py"


def test_a_good_driver_is_clean_under_everything() -> None:
    report = swept(agents.Agent, "default", known=SDK_AND_BOM)
    assert report.ok, report.text()
    assert len(report.cases) >= 400
    assert report.baseline.outcome.tools
    assert report.baseline.outcome.emissions


def test_a_good_driver_that_tries_again_is_clean_too() -> None:
    report = swept(planted.Patient, FEW)
    assert report.ok, report.text()
    assert report.verdicts[Verdict.RECOVERED]


def test_a_patient_driver_recovers_where_a_second_attempt_may_work() -> None:
    report = swept(planted.Patient, "http-500-server-error http-401-auth", modes=("once",))
    cells = Counter(case.cell for case in report.cases)
    assert cells == {"R": 2, "e": 2}
    assert report["call=2/headers/kind=http-500-server-error"].verdict is Verdict.RECOVERED
