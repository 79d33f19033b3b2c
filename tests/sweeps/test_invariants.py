"""Each of the promises: a driver that breaks just it, one that keeps it under the same fault, the switch."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest

import harness
from harness.model import Cassette
from harness.sweeps import INVARIANTS, Verdict
from tests.sweeps import agents, planted


class CarriesOnAfterCancel(agents.Agent):
    """Takes a cancel for a hiccup, asks again, and returns the whole answer."""

    async def run(self) -> str:
        try:
            return await super().run()
        except asyncio.CancelledError:
            return await super().run()


class RunsTheToolAgain(agents.Agent):
    """Does the work of the turn before once more when it asks again."""

    async def read(self, messages: planted.Messages) -> planted.Turn:
        try:
            return await super().read(messages)
        except openai.APIConnectionError:
            if len(messages) > 1:
                self.execute("call_1", "get_weather", '{"city": "Paris"}')
            return await super().read(messages)


JUST: dict[str, tuple[type[agents.Agent], str]] = {
    "no-hang": (planted.WaitsForEver, "call=1/chunk=1/kind=stall-mid-stream"),
    "contract-exceptions": (planted.LetsErrorsOut, "call=1/headers/kind=malformed-json-event"),
    "no-partial-success": (agents.Trusting, "call=1/headers/kind=truncate-clean"),
    "benign-neutral": (planted.TakesAChunkForAnEvent, "call=1/headers/kind=benign-comments"),
    "no-retry-storm": (planted.Storms, "call=1/headers/kind=http-500-server-error/persistent"),
    "retry-only-retryable": (planted.TriesAgainUnauthorised, "call=1/headers/kind=http-401-auth"),
    "no-retry-after-first-token": (planted.TriesAgainAfterTokens, "call=1/chunk=1/kind=reset-mid-stream"),
    "cancel-honoured": (CarriesOnAfterCancel, "call=1/headers/kind=cancel"),
    "reusable-after-fault": (planted.StaysBroken, "call=1/headers/kind=http-500-server-error"),
    "no-leaks": (planted.LeavesATask, "call=1/connect/kind=connect-refused"),
    "tool-at-most-once": (RunsTheToolAgain, "call=2/connect/kind=connect-refused"),
    "history-well-formed": (planted.KeepsHalfATurn, "call=1/headers/kind=eof-mid-stream"),
    "stream-protocol": (planted.SaysDoneAnyway, "call=1/headers/kind=http-500-server-error"),
    "no-secret-leak": (planted.TellsTheKey, "call=1/headers/kind=http-500-server-error"),
    "deterministic": (planted.WaitsByChance, "call=1/connect/kind=connect-refused"),
}


def under(driver: type[agents.Agent], case: str, **keywords: object) -> harness.SweepReport:
    contract = [agents.DriverError]
    return harness.sweep(agents.run, agents.RECORDING, setup=driver, contract=contract, cases=[case], **keywords)


def test_every_promise_is_looked_at() -> None:
    assert {*JUST, "order-neutral"} == set(INVARIANTS), "the last one is broken in test_schedules.py"


@pytest.mark.parametrize("promise", JUST)
def test_a_driver_that_breaks_just_this_promise_is_told_so_and_not_where_nobody_asks(promise: str) -> None:
    driver, case = JUST[promise]
    told = under(driver, case)
    assert {violation.checker for violation in told[case].violations} == {promise}
    assert [failure.checker for failure in told.failures] == [promise]
    assert under(driver, case, invariants=f"-{promise}").ok


@pytest.mark.parametrize("case", sorted({case for _, case in JUST.values()}))
def test_a_driver_that_keeps_all_promises_is_told_of_none(case: str) -> None:
    told = under(planted.Patient if "500" in case else agents.Agent, case)
    assert told.ok, told.text()
    assert told[case].verdict is not Verdict.NOT_STRUCK


@pytest.mark.parametrize(
    "driver,case,verdict",
    [
        (planted.Patient, "call=2/headers/kind=http-500-server-error", Verdict.RECOVERED),
        (agents.Agent, "call=2/headers/kind=http-500-server-error", Verdict.FAILED_CLEANLY),
        (planted.LetsErrorsOut, "call=1/headers/kind=malformed-json-event", Verdict.CRASHED),
        (planted.WaitsForEver, "call=1/chunk=1/kind=stall-mid-stream", Verdict.HUNG),
        (agents.Trusting, "call=1/headers/kind=truncate-clean", Verdict.WRONG),
        (agents.Agent, "call=9/headers/kind=http-401-auth", Verdict.NOT_STRUCK),
        (planted.SwallowsCancel, "call=1/headers/kind=cancel", Verdict.WRONG),
    ],
)
def test_the_verdict_says_how_it_ended(driver: type[agents.Agent], case: str, verdict: Verdict) -> None:
    assert under(driver, case)[case].verdict is verdict


def test_a_driver_that_asks_what_was_never_recorded_diverged() -> None:
    class AsksForHelp(agents.Agent):
        async def run(self) -> str:
            try:
                return await super().run()
            except agents.DriverError:
                text, _, _ = await self.turn([{"role": "user", "content": "help me out of this"}])
                return text

    case = "call=1/connect/kind=connect-refused"
    assert under(AsksForHelp, case)[case].verdict is Verdict.DIVERGED


def test_named_promises_are_the_only_ones_that_are_asked() -> None:
    driver, case = JUST["no-partial-success"]
    told = under(driver, case, invariants="no-hang contract-exceptions")
    assert told.checkers == ("no-hang", "contract-exceptions")
    assert told.ok


def test_a_pool_that_every_run_leaves_is_no_leak_of_a_fault_though_each_is_numbered_anew() -> None:
    pools: list[ThreadPoolExecutor] = []
    body = {"messages": [agents.ASK], "model": "gpt-x", "stream": True}

    def leaves_a_pool(session: harness.Session) -> int:
        pools.append(ThreadPoolExecutor(1))
        pools[-1].submit(int).result()
        try:
            return len(httpx.post(agents.URL, json=body, timeout=9).text)
        except httpx.HTTPError as error:
            raise agents.DriverError from error

    answer = Cassette((agents.call([agents.ASK], agents.TEXT_CHUNKS),))
    try:
        report = harness.sweep(
            leaves_a_pool, answer, contract=[agents.DriverError], kinds="reset-mid-stream", invariants="no-leaks"
        )
    finally:
        for pool in pools:
            pool.shutdown()
    assert any("thread ThreadPoolExecutor" in leak for leak in report.baseline.outcome.leaks)
    assert report.ok
