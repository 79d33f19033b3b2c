"""The sweep on a real client: what it enumerates, what it says, what it refuses."""

from __future__ import annotations

import pytest

import harness
from harness.sweeps import Verdict
from tests.sweeps import agents

WIRE = "reset-mid-stream eof-mid-stream stall-before-headers cancel"


@pytest.fixture(scope="module")
def clean() -> harness.SweepReport:
    return harness.sweep(
        agents.run,
        agents.RECORDING,
        setup=agents.Agent,
        contract=[agents.DriverError],
        kinds=WIRE,
        tier="full",
        invariants="-deterministic",
    )


def test_a_driver_that_keeps_its_promises_is_clean(clean: harness.SweepReport) -> None:
    assert clean.ok
    assert clean.failures == ()
    assert set(clean.verdicts) <= {Verdict.FAILED_CLEANLY, Verdict.RECOVERED, Verdict.NOT_STRUCK}


def test_every_chunk_of_every_call_is_broken(clean: harness.SweepReport) -> None:
    names = {case.name for case in clean.cases} | {name for case in clean.cases for name in case.covers}
    assert {f"call=1/chunk={n}/kind=reset-mid-stream" for n in range(1, 7)} <= names
    assert {f"call=2/chunk={n}/kind=eof-mid-stream/persistent" for n in range(1, 9)} <= names
    assert {f"call=2/chunk={n}/kind=cancel" for n in range(1, 9)} <= names


def test_the_fault_struck_where_the_case_says(clean: harness.SweepReport) -> None:
    case = clean["call=2/chunk=3/kind=reset-mid-stream"]
    assert case.verdict is Verdict.FAILED_CLEANLY
    assert [(seen.call, seen.struck) for seen in case.outcome.seen] == [(1, ()), (2, ("reset-mid-stream",))]
    assert case.outcome.history[1].chunks == 3


def test_a_cancel_at_every_await_reaches_the_task(clean: harness.SweepReport) -> None:
    awaits = [case for case in clean.cases if case.case.strikes[0].at.point == "await"]
    assert len(awaits) > 1
    assert any(case.outcome.struck == ("cancel",) for case in awaits)


def test_the_map_has_a_row_for_each_fault_and_a_column_for_each_chunk(clean: harness.SweepReport) -> None:
    text = clean.text()
    rows = [line.split() for line in text.splitlines()]
    assert ["call=2", "pre", *map(str, range(1, 9)), "byte", "await"] in rows
    assert ["stall-before-headers", "e"] in rows
    assert clean.sites["reset-mid-stream"] == (1 + 6) + (1 + 8) + 1
    assert text.endswith("no case breaks a promise")
