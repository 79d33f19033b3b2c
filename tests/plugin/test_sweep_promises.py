"""What a swept test is asked beyond its result: it leaves nothing, works again, and is the same twice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugin.test_sweep_items import written

STATE = """
import asyncio, itertools, os, threading

count = itertools.count()
gate = threading.Event()

class Sticky:
    broken = False

    def ask(self):
        if Sticky.broken and self.keeps:
            raise AgentError("it was broken before")
        try:
            return agent()
        except AgentError:
            Sticky.broken = True
            raise

@pytest.fixture
def sticky():
    Sticky.broken, Sticky.keeps = False, True
    return Sticky()

@pytest.fixture
def at_work():
    waiting = threading.Thread(target=gate.wait, name="at work", daemon=True)
    waiting.start()
    return waiting
"""
MARK = """
@pytest.mark.harness("weather")
@pytest.mark.harness_sweep(kinds="{kinds}", modes=["once"], contract=[AgentError]{more})
"""
ANSWER = '"It is 20°C in Paris."'


def swept(body: str, kinds: str = "reset-mid-stream", more: str = "") -> str:
    return STATE + MARK.format(kinds=kinds, more=more) + body


LEAVES_A_THREAD = """
def test_agent():
    try:
        said = agent()
    except AgentError:
        threading.Thread(target=gate.wait, name=f"left-{next(count)}", daemon=True).start()
        raise
    assert said == "It is 20°C in Paris."
"""
LEAVES_A_TASK = """
@pytest.mark.asyncio
async def test_agent():
    try:
        said = await asyncio.to_thread(agent)
    except AgentError:
        tasks.append(asyncio.create_task(forever()))
        raise
    assert said == "It is 20°C in Paris."
tasks = []
async def forever():
    while True:
        await asyncio.sleep(3600)
"""
LEAVES_AN_ANSWER = """
def test_agent():
    body = {"messages": [ASK], "model": "gpt-x", "stream": True}
    request = client.build_request("POST", "https://api.openai.com/v1/chat/completions", json=body)
    answer = client.send(request, stream=True)
    kept.append(answer)
    for line in answer.iter_lines():
        if line.startswith("data: {"):
            try:
                json.loads(line[6:])
            except ValueError as error:
                raise AgentError("no JSON") from error
kept, client = [], httpx.Client(verify=False)
"""


@pytest.mark.parametrize(
    "body, kinds, leak",
    [
        (LEAVES_A_THREAD, "reset-mid-stream", "no-leaks: thread left, started at"),
        (LEAVES_A_TASK, "reset-mid-stream", "no-leaks: task Task at"),
        (LEAVES_AN_ANSWER, "malformed-json-event", "no-leaks: answer to call 1 attempt 1 left open"),
    ],
)
def test_what_a_case_leaves_is_a_leak(project: Any, text: Any, body: str, kinds: str, leak: str) -> None:
    written(project, swept(body, kinds))
    shown = text(project.run_apart("-rf"))  # what it leaves is left in that process
    assert leak in shown
    assert "FAILED test_a.py::test_agent[call=1/" in shown


def test_what_is_tidied_up_within_a_second_or_was_there_before_is_none(project: Any, text: Any) -> None:
    tidy = """
    @pytest.mark.asyncio
    async def test_agent(at_work):
        try:
            said = await asyncio.to_thread(agent)
        except AgentError:
            tasks.append(asyncio.create_task(asyncio.sleep(0.5)))
            raise
        assert said == "It is 20°C in Paris."
    tasks = []
    """
    written(project, swept(_dedented(tidy)))
    shown = text(project.run_apart("-v"))  # the thread of the fixture stays at work
    assert "test_agent[call=1/chunk=2/kind=reset-mid-stream] PASSED" in shown
    assert "FAILED" not in shown


def _dedented(body: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in body.splitlines()).lstrip("\n") + "\n"


def test_a_driver_that_stays_broken_is_not_reusable(project: Any, text: Any) -> None:
    written(project, swept(f"def test_agent(sticky):\n    assert sticky.ask() == {ANSWER}\n"))
    shown = text(project.run("-rf"))
    assert "reusable-after-fault: once the model was well again it still failed: test_a.AgentError" in shown
    assert "reusable-after-fault / reset-mid-stream: call=1/headers/kind=reset-mid-stream (and" in shown


def test_a_driver_that_works_again_is(project: Any, text: Any) -> None:
    body = f"def test_agent(sticky):\n    Sticky.keeps = False\n    assert sticky.ask() == {ANSWER}\n"
    written(project, swept(body, more=', invariants="reusable-after-fault"'))
    shown = text(project.run("-v"))
    assert "test_agent[call=1/chunk=2/kind=reset-mid-stream] PASSED" in shown
    assert "FAILED" not in shown


ONCE = f"def test_agent(tmp_path):\n    (tmp_path / 'new').mkdir()\n    assert agent() == {ANSWER}\n"
SNAPPED = "def test_agent(transcript_snapshot):\n    assert agent() == transcript_snapshot\n"


def test_a_test_that_cannot_be_called_twice_is_not_asked_and_the_end_says_so(project: Any, text: Any) -> None:
    written(project, swept(ONCE))
    shown = text(project.run("-v"))
    assert "FAILED" not in shown
    assert "  reusable-after-fault is not asked: called twice with the same fixtures it does not pass" in shown


@pytest.mark.parametrize("body, why", [(ONCE, "FileExistsError"), (SNAPPED, "transcript_snapshot counts")])
def test_who_names_a_promise_that_cannot_be_asked_is_told_before_any_case_runs(
    project: Any, text: Any, body: str, why: str
) -> None:
    written(project, swept(body, more=', invariants="no-hang reusable-after-fault"'))
    project.run("--snapshot-update", "-k", "not sweep")
    shown = text(project.run("-v"))
    assert "reusable-after-fault cannot be asked of it: " in shown
    assert why in shown
    assert "kind=" not in shown


ROLLS = f"""
def test_agent():
    try:
        said = agent()
    except AgentError as error:
        raise AgentError(f"attempt {{next(count)}}") from error
    assert said == {ANSWER}
"""


def test_a_case_that_is_another_one_the_second_time_is_not_deterministic(project: Any, text: Any) -> None:
    written(project, swept(ROLLS, more=', invariants="deterministic"'))
    shown = text(project.run("-rf"))
    assert "deterministic: the same case twice went two ways (traces" in shown
    assert shown.count("FAILED test_a.py") == 1  # smart runs the first case of each phase twice
    project.run("test_a.py::test_agent[call=1/chunk=2/kind=reset-mid-stream]", failed=1)


def test_the_folder_of_a_test_is_no_difference(project: Any) -> None:
    body = ROLLS.replace("test_agent()", "test_agent(tmp_path)").replace("{next(count)}", "{tmp_path}")
    written(project, swept(body, more=', invariants="deterministic"'))
    project.run("test_a.py::test_agent[call=1/chunk=2/kind=reset-mid-stream]", passed=1)
