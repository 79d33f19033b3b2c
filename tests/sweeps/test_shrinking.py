"""What a sweep makes of many failures, of known ones, of a second fault, and of a run that left its recording."""

from __future__ import annotations

from typing import Any

import pytest

import harness
from harness.model import Cassette
from harness.sweeps import Known, Outcome, Verdict
from tests.sweeps import agents, planted

FIRST = "call=2/chunk=2/kind=truncate-clean"


def swept(driver: type[agents.Agent], kinds: str, **keywords: Any) -> harness.SweepReport:
    contract = [agents.DriverError]
    return harness.sweep(agents.run, agents.RECORDING, setup=driver, contract=contract, kinds=kinds, **keywords)


def test_a_failure_is_shown_at_its_earliest_place_once() -> None:
    late = "call=2/chunk=5/kind=truncate-clean/persistent"
    report = swept(agents.Trusting, "truncate-clean", tier="full", invariants="no-partial-success")
    (failure,) = report.failures
    assert (failure.checker, failure.kind) == ("no-partial-success", "truncate-clean")
    assert not failure.first.case.strikes[0].persistent
    assert late in failure.others
    assert len(failure.others) > 3
    assert failure.first.name in failure.first.repro


def test_a_smaller_case_is_run_to_see_whether_it_fails_too() -> None:
    sampled = swept(agents.Trusting, "truncate-clean", tier="sample:2", seed=5, invariants="no-partial-success")
    planned = {case.name for case in sampled.cases[:2]}
    (failure,) = sampled.failures
    assert failure.first.name not in planned
    assert failure.first.name in {case.name for case in sampled.cases}


def test_a_simpler_kind_that_breaks_the_same_promise_is_named() -> None:
    report = swept(planted.LetsErrorsOut, "garbage-bytes malformed-json-event", invariants="contract-exceptions")
    simplest = {failure.kind: failure.simplest for failure in report.failures}
    assert simplest["malformed-json-event"] == ""
    assert simplest["garbage-bytes"].endswith("kind=malformed-json-event")


def test_a_second_fault_is_laid_over_each_recovery_on_request() -> None:
    kinds = "http-500-server-error connect-refused"
    one = swept(planted.Patient, kinds, modes=("once",))
    two = swept(planted.Patient, kinds, modes=("once",), depth=2)
    assert {len(case.case.strikes) for case in one.cases} == {1}
    pairs = [case for case in two.cases if len(case.case.strikes) == 2]
    name = "call=1/headers/kind=http-500-server-error + call=1/attempt=2/headers/kind=http-500-server-error"
    assert name in {case.name for case in pairs}
    assert two[name].outcome.struck == ("http-500-server-error",) * 2
    assert two.ok, two.text()


def test_a_persistent_fault_strikes_the_calls_that_are_there_only_because_of_it() -> None:
    report = swept(planted.Patient, "http-500-server-error", modes=("persistent",))
    first = report["call=1/headers/kind=http-500-server-error/persistent"]
    assert first.outcome.struck == ("http-500-server-error",) * planted.Patient.attempts
    assert first.verdict is Verdict.FAILED_CLEANLY


def test_a_known_failure_is_no_failure() -> None:
    every = swept(agents.Trusting, "truncate-clean", modes=("once",))
    known = [Known(case.name, "on the list") for case in every.cases if case.violations]
    assert known
    report = swept(agents.Trusting, "truncate-clean", modes=("once",), known=known)
    assert report.ok, report.text()
    assert {case.cell for case in report.cases if case.known} == {"k"}


def test_a_known_failure_that_passes_is_one() -> None:
    report = swept(agents.Agent, "truncate-clean", known={FIRST: "it was broken"})
    assert not report.ok
    assert f"known failure {FIRST} passes: take it off the list (it was broken)" in report.text()


def test_a_known_failure_counts_again_after_its_day() -> None:
    over = [Known(FIRST, "for a while", "2020-01-01")]
    report = swept(agents.Trusting, "truncate-clean", modes=("once",), known=over)
    assert f"known failure {FIRST} ran out on 2020-01-01 (for a while)" in report.stale
    assert report[FIRST].failed


def test_a_sample_is_the_same_for_the_same_seed() -> None:
    runs = [[case.name for case in swept(agents.Agent, "default", tier="sample:5", seed=s).cases] for s in (7, 7, 8)]
    assert len(runs[0]) == 5
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert "sample, seed 7" in swept(agents.Agent, "default", tier="sample:1", seed=7).text()


def test_what_the_caller_cannot_tell_apart_is_run_once_and_listed() -> None:
    report = swept(agents.Agent, "connect-timeout tls-handshake-timeout", modes=("once",))
    assert {case.name: case.covers for case in report.cases} == {
        f"call={n}/connect/kind=connect-timeout": (f"call={n}/connect/kind=tls-handshake-timeout",) for n in (1, 2)
    }


def test_a_checker_of_ones_own_is_a_plain_function() -> None:
    def at_most_one_call(outcome: Outcome, baseline: Outcome) -> str | None:
        assert len(baseline.history) == 2
        return f"{len(outcome.history)} calls" if len(outcome.history) > 1 else None

    report = swept(agents.Agent, "connect-refused", checkers=[at_most_one_call], modes=("once",))
    assert [(failure.checker, failure.first.name) for failure in report.failures] == [
        ("at-most-one-call", "call=2/connect/kind=connect-refused")
    ]


class Rephrases(agents.Agent):
    async def run(self) -> str:
        try:
            return await super().run()
        except agents.DriverError:
            text, _, _ = await self.turn([{"role": "user", "content": "Just say the weather."}])
            return text


def test_a_run_that_leaves_its_recording_diverged() -> None:
    report = swept(Rephrases, "http-500-server-error", modes=("once",))
    assert set(report.verdicts) == {Verdict.DIVERGED}
    assert "Just say the weather" in str(report.cases[0].outcome.missed)
    assert {case.cell for case in report.cases} == {"?"}


def test_a_fallback_answers_and_is_never_silent_about_it() -> None:
    other = agents.call([{"role": "user", "content": "Just say the weather."}], agents.TEXT_CHUNKS)
    report = swept(
        Rephrases,
        "http-500-server-error",
        modes=("once",),
        fallback=Cassette((other,)),
        invariants="-stream-protocol",
    )
    assert set(report.verdicts) == {Verdict.DIVERGED}
    assert report.cases[0].outcome.strayed == (
        "POST https://api.openai.com/v1/chat/completions: answered by the fallback",
    )
    assert report.cases[0].outcome.result == agents.ANSWER


@pytest.mark.parametrize("case", [FIRST, f"{FIRST} + call=2/attempt=2/headers/kind=http-500-server-error"])
def test_one_case_is_replayed_by_its_name(case: str) -> None:
    report = swept(agents.Trusting, "default", cases=[case])
    assert [one.name for one in report.cases][:1] == [case]
    assert report[case].verdict is Verdict.WRONG
