"""What hangs in real time, where no virtual clock can see it, is ended and named."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.errors import SubjectFailsError
from harness.sweeps import Verdict
from tests.sweeps import agents

CASE = "call=1/headers/kind=http-500-server-error"
SOON_S = 0.5


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """The first client of a process loads what it needs, which takes longer than a case may take here."""
    harness.sweep(agents.run, agents.RECORDING, setup=agents.Agent, cases=[CASE], contract=[agents.DriverError])


def turns() -> None:
    while True:
        pass


def waits_in_c() -> None:
    reader, writer = os.pipe()
    try:
        os.read(reader, 1)
    finally:
        os.close(reader)
        os.close(writer)


async def turns_in_a_thread() -> None:
    await asyncio.to_thread(turns)


async def turns_and_lets_others_run() -> None:
    while True:  # noqa: ASYNC110 - this is the bug
        await asyncio.sleep(0)


HANGS: list[Callable[[], Any]] = [turns, waits_in_c, turns_in_a_thread, turns_and_lets_others_run]


def swept(hang: Callable[[], Any]) -> harness.SweepReport:
    async def run(session: harness.Session, agent: agents.Agent) -> str:
        try:
            return await agent.run()
        except agents.DriverError:
            while asyncio.iscoroutine(waiting := hang()):
                await waiting
            raise

    return harness.sweep(run, agents.RECORDING, setup=agents.Agent, cases=[CASE], real_s_max=SOON_S)


@pytest.mark.parametrize("hang", HANGS, ids=lambda hang: hang.__name__)
def test_what_hangs_for_real_is_ended_and_its_case_is_named(hang: Callable[[], Any]) -> None:
    report = swept(hang)
    assert report[CASE].verdict is Verdict.HUNG
    said = next(str(one) for one in report[CASE].violations if one.checker == "no-hang")
    assert f"{CASE} went on for {SOON_S:g}s of real time, at " in said


def test_what_hangs_for_real_is_waited_for_once_and_not_made_smaller() -> None:
    """Each try would take as long again: half an hour for one failure, at a minute each."""
    hung: list[None] = []

    def counted() -> None:
        hung.append(None)
        turns()

    [failure] = swept(counted).failures
    assert (failure.first.name, failure.shorter, len(hung)) == (CASE, None, 1)


def test_after_a_case_that_hung_the_next_one_runs_as_ever() -> None:
    before = signal.getsignal(signal.SIGURG), threading.active_count()
    swept(turns)
    report = harness.sweep(
        agents.run, agents.RECORDING, setup=agents.Agent, cases=[CASE], contract=[agents.DriverError]
    )
    assert report.ok
    assert report[CASE].verdict is Verdict.FAILED_CLEANLY
    assert signal.getsignal(signal.SIGURG) is before[0]
    assert threading.active_count() <= before[1] + 1


def test_a_run_that_hangs_without_any_fault_is_no_subject() -> None:
    def run(session: harness.Session) -> None:
        turns()

    with pytest.raises(SubjectFailsError, match=r"it hangs: the run without any fault went on for 0\.5s"):
        harness.sweep(run, agents.RECORDING, real_s_max=SOON_S)


def test_the_watchdog_keeps_no_session_that_was_open_when_it_came_up() -> None:
    """In a process of its own: the thread comes up once, and stays."""
    code = """
import gc
import harness
from harness.transports import is_intercepting
from tests.sweeps import agents
from tests.sweeps.test_watchdog import CASE

with harness.replay(harness.Cassette(()), clock="wall"):
    harness.sweep(agents.run, agents.RECORDING, setup=agents.Agent, cases=[CASE], contract=[agents.DriverError])
gc.collect()
assert not is_intercepting()
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
