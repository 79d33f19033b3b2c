"""What a swept test may lean on: fresh fixtures, its own snapshots, its parameters, subtests, known failures."""

from __future__ import annotations

from typing import Any

import pytest

from harness.model import Cassette
from harness.storage import save
from tests.sweeps import concurrent
from tests.sweeps.agents import ASK, TEXT_CHUNKS, call

AGENT = """
import json

class AgentError(Exception): pass

ASK = {"role": "user", "content": "What is the weather in Paris today?"}

def agent(check=True):
    said, finish = "", None
    try:
        with httpx.Client(verify=False, timeout=20) as client:
            body = {"messages": [ASK], "model": "gpt-x", "stream": True}
            with client.stream("POST", "https://api.openai.com/v1/chat/completions", json=body) as answer:
                answer.raise_for_status()
                for line in answer.iter_lines():
                    if line.startswith("data: {"):
                        choice = json.loads(line[6:])["choices"][0]
                        said += choice["delta"].get("content") or ""
                        finish = choice["finish_reason"] or finish
    except Exception as error:
        raise AgentError("no answer") from error
    if check and finish != "stop":
        raise AgentError("it broke off")
    return said
"""


def written(project: Any, test: str) -> None:
    project.write("test_a.py", AGENT + test)
    save(project.root / "cassettes" / "weather.yaml", Cassette((call([ASK], TEXT_CHUNKS),)))


def test_fixtures_with_state_are_fresh_for_each_case_and_the_test_keeps_its_name(project: Any, text: Any) -> None:
    written(
        project,
        """
@pytest.mark.harness("weather")
@pytest.mark.harness_sweep(kinds="truncate-clean reset-mid-stream", contract=[AgentError], modes=["once"])
def test_agent(tmp_path, monkeypatch, request):
    assert list(tmp_path.iterdir()) == []
    assert tmp_path.name.startswith("test_agent")
    assert "STATE" not in __import__("os").environ
    monkeypatch.setenv("STATE", "1")
    (tmp_path / "state").touch()
    assert request.node.name == "test_agent"
    assert agent() == "It is 20°C in Paris."
""",
    )
    shown = text(project.run("-v", "-rN", passed=14))
    assert "test_agent[call=1/chunk=2/kind=truncate-clean] PASSED" in shown


SNAPPED = """
@pytest.mark.harness("weather")
@pytest.mark.harness_sweep(kinds="{kinds}", contract=[AgentError], modes=["once"], cancel=False)
@pytest.mark.parametrize("check", [{check}])
def test_agent(replay, transcript_snapshot, check):
    said = agent(check)
    assert said == transcript_snapshot
    assert replay().transcript() == transcript_snapshot
"""


def test_a_snapshot_holds_for_the_result_and_not_for_the_transcript(project: Any, text: Any) -> None:
    written(project, SNAPPED.format(kinds="slow-ttfb", check=True))
    project.run("--snapshot-update", "-k", "not kind")
    project.run("-k", "kind", passed=1)
    written(project, SNAPPED.format(kinds="truncate-clean", check="True, False"))
    project.run("--snapshot-update", "-k", "not kind")
    shown = text(project.run("-k", "kind", "-rf"))
    assert "FAILED test_a.py::test_agent[False-call=1/chunk=2/kind=truncate-clean]" in shown
    assert "FAILED test_a.py::test_agent[True" not in shown


FULL = """
@pytest.mark.harness("weather")
@pytest.mark.harness_sweep(kinds="truncate-clean reset-mid-stream", contract=[AgentError], tier="full", modes=["once"])
def test_agent(tmp_path):
    (tmp_path / "fresh").mkdir()
    assert agent({check}) == "It is 20°C in Paris."
"""


def test_a_full_sweep_is_subtests_and_its_item_fails_with_them(project: Any, text: Any) -> None:
    written(project, FULL.format(check=True))
    shown = text(project.run("-v"))
    assert [f"test_a.py::test_agent[full={n}of2] PASSED" in shown for n in (1, 2)] == [True, True]
    assert "19 subtests passed" in shown
    assert " failed" not in shown
    written(project, FULL.format(check=False))
    shown = text(project.run())
    assert "no-partial-success / truncate-clean: call=1/headers/kind=truncate-clean (and" in shown
    assert "pytest 'test_a.py::test_agent[call=1/headers/kind=truncate-clean]'" in shown
    assert "contains" in shown
    project.run("test_a.py::test_agent[call=1/headers/kind=truncate-clean]", failed=1)


CHECKED = """
@pytest.mark.harness("weather")
@pytest.mark.harness_sweep(kinds="truncate-clean", modes=["once"], {more})
def test_agent():
    assert agent({check}) == "It is 20°C in Paris."
"""
FIRST = "call=1/headers/kind=truncate-clean"


def test_a_check_may_fail_where_the_contract_says_so_and_an_assert_of_the_code_may_not(project: Any, text: Any) -> None:
    written(project, CHECKED.format(more="contract=[AgentError, AssertionError]", check=False))
    project.run(passed=7)
    body = CHECKED.format(more="contract=[AgentError]", check=False).replace("agent(False)", "stop(agent(False))")
    body = body.replace("stop(", "__import__('application').stop(")
    project.write("tests/test_a.py", f"{AGENT}{body}")
    project.write("application.py", "def stop(said):\n    assert said\n    return said\n")
    save(project.root / "tests" / "cassettes" / "weather.yaml", Cassette((call([ASK], TEXT_CHUNKS),)))
    shown = text(project.run(f"tests/test_a.py::test_agent[{FIRST}]", failed=1))
    assert "contract-exceptions: AssertionError escaped" in shown


@pytest.mark.parametrize(
    "until,check,shown",
    [
        ("2999-01-01", False, "1 xfailed"),
        ("2020-01-01", False, "it was known until 2020-01-01 (half an answer)"),
        ("2999-01-01", True, "passes: take it off the list (half an answer)"),
    ],
)
def test_a_known_failure_is_borne_until_its_day_and_has_to_fail(
    project: Any, text: Any, until: str, check: bool, shown: str
) -> None:
    known = f'contract=[AgentError], known=[dict(name="{FIRST}", reason="half an answer", until="{until}")]'
    written(project, CHECKED.format(more=known, check=check))
    assert shown in text(project.run(f"test_a.py::test_agent[{FIRST}]"))


def test_several_cases_and_a_pair_are_run_by_the_option_and_what_does_not_strike_fails(project: Any, text: Any) -> None:
    written(project, CHECKED.format(more="contract=[AgentError]", check=True))
    pair = f"{FIRST} + call=1/attempt=2/kind=connect-refused"
    project.run("--harness-case", FIRST, "--harness-case", pair, passed=2)
    shown = text(project.run("--harness-case", "call=9/kind=connect-refused", failed=1))
    assert "call=9/kind=connect-refused found nothing to strike" in shown


def test_a_thread_is_cancelled_as_the_marker_says(project: Any, text: Any) -> None:
    written(
        project,
        """
@pytest.mark.harness("weather")
@pytest.mark.harness_sweep(kinds="cancel", cancel=lambda session: pressed.append(session.name))
def test_agent():
    pressed.clear()
    assert agent() == "It is 20°C in Paris."
    if pressed:
        raise harness.GenerationCancelled
import harness
pressed = []
""",
    )
    shown = text(project.run("-v"))
    assert "test_agent[call=1/chunk=2/kind=cancel] PASSED" in shown


def test_a_sample_is_that_of_its_seed_in_every_worker(project: Any, text: Any) -> None:
    written(project, CHECKED.format(more="contract=[AgentError]", check=True))
    options = (
        "--harness-sweep-tier=sample:3",
        "--harness-sweep-kinds=truncate-clean reset-mid-stream",
        "--collect-only",
        "-q",
    )
    one, same, other = (text(project.run(*options, f"--harness-sweep-seed={seed}")) for seed in (1, 1, 2))
    assert one.count("kind=") == 3
    assert [line for line in one.splitlines() if "kind=" in line] == [
        line for line in same.splitlines() if "kind=" in line
    ]
    assert one != other


def test_the_map_is_not_wider_than_the_terminal(project: Any, text: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "36")
    written(
        project,
        CHECKED.format(more="contract=[AgentError]", check=True).replace(
            "truncate-clean", "truncate-clean reset-mid-stream"
        ),
    )
    shown = text(project.run("-q"))
    blocks = [line for line in shown.splitlines() if line.startswith("call=1")]
    assert len(blocks) > 1
    assert max(map(len, blocks)) <= 36


def test_a_request_that_left_before_the_cancel_arrived_is_not_held_against_a_test(project: Any, text: Any) -> None:
    written(
        project,
        """
async def two():
    said = []
    async with httpx.AsyncClient(verify=False, timeout=20) as client:
        body = {"messages": [ASK], "model": "gpt-x", "stream": True}
        for question in ("once", "again"):
            body["messages"] = [{"role": "user", "content": question}]
            async with client.stream("POST", "https://api.openai.com/v1/chat/completions", json=body) as answer:
                said += [line async for line in answer.aiter_lines()]
    return said

@pytest.mark.asyncio
@pytest.mark.harness("two")
@pytest.mark.harness_sweep(kinds="cancel", tier="full")
async def test_agent():
    assert len(await two()) == 32
""",
    )
    questions = [{"role": "user", "content": text} for text in ("once", "again")]
    two = Cassette(tuple(call([question], TEXT_CHUNKS) for question in questions))
    save(project.root / "cassettes" / "two.yaml", two)
    shown = text(project.run_apart())
    assert "failed" not in shown
    assert "call=2" in shown
    assert "  cancel   e" in shown


def test_a_testcase_is_swept_and_its_line_to_paste_runs_the_case(project: Any, text: Any) -> None:
    written(
        project,
        """
import unittest

@pytest.mark.harness("weather")
class TestAgent(unittest.TestCase):
    def test_it(self):
        self.assertEqual(agent(False), "It is 20°C in Paris.")
""",
    )
    options = ("--harness-sweep", "--harness-sweep-kinds=truncate-clean")
    shown = text(project.run(*options))
    assert "no-partial-success / truncate-clean: call=1/headers/kind=truncate-clean (and" in shown
    assert f"pytest 'test_a.py::TestAgent::test_it' --harness-case '{FIRST}'" in shown
    project.run("test_a.py::TestAgent::test_it", "--harness-case", FIRST, failed=1)


def test_a_cancel_of_trio_is_a_cancel(project: Any, text: Any) -> None:
    """In a process of its own: a cancel takes anyio's runner of trio with it, which then never ends its loop."""
    written(
        project,
        """
@pytest.fixture
def anyio_backend():
    return "trio"

@pytest.mark.anyio
@pytest.mark.harness("weather")
@pytest.mark.harness_sweep(kinds="cancel")
async def test_agent():
    body = {"messages": [ASK], "model": "gpt-x", "stream": True}
    async with httpx.AsyncClient(verify=False, timeout=20) as client:
        answer = await client.post("https://api.openai.com/v1/chat/completions", json=body)
    assert "Paris" in answer.text
""",
    )
    shown = text(project.run_apart("-p", "anyio"))
    assert "failed" not in shown
    assert "  cancel   e" in shown


TOGETHER = """
import asyncio

async def ask(model, country):
    messages = [{"role": "user", "content": f"What is the capital of {country}?"}]
    said = await model.chat.completions.create(model="gpt-x", messages=messages)
    return said.choices[0].message.content

async def asked():
    model = openai.AsyncOpenAI(api_key="sk-x", timeout=20, max_retries=0)
    tasks = [asyncio.create_task(ask(model, country)) for country in ("France", "Italy", "Spain")]
    return [await done for done in asyncio.as_completed(tasks)]
"""


def together(project: Any, test: str) -> None:
    project.write("test_a.py", "import openai\n" + TOGETHER + test)
    save(project.root / "cassettes" / "capitals.yaml", concurrent.RECORDING)


def test_calls_that_overlap_complete_in_every_order_each_a_test_of_its_own(project: Any, text: Any) -> None:
    together(
        project,
        """
@pytest.mark.harness("capitals")
@pytest.mark.harness_sweep(kinds="order")
@pytest.mark.asyncio
async def test_capitals():
    assert (await asked())[-1] == "Madrid"
""",
    )
    shown = text(project.run("-v", "-rN", passed=2, failed=4))
    assert "test_capitals[call=1-3/kind=order,as=1-2-3] PASSED" in shown
    assert 'order-neutral: in another order it returned "its own check failed' in shown
    assert "order-neutral / order: call=1-3/kind=order,as=2-3-1 (and 3 more)" in shown
    again = "test_a.py::test_capitals[call=1-3/kind=order,as=3-2-1]"
    assert f"pytest '{again}'" in shown
    assert "3-2-1] FAILED" in text(project.run("-v", "-rN", again, failed=1))
    project.run("--harness-case", "call=1-3/kind=order,as=1-2-3", passed=1)


@pytest.mark.parametrize("words", ["schedules=True", "kinds='order'"])
def test_a_test_whose_calls_do_not_overlap_has_no_orders(project: Any, text: Any, words: str) -> None:
    written(
        project,
        f"""
@pytest.mark.harness("weather")
@pytest.mark.harness_sweep({words})
def test_agent():
    agent()
""",
    )
    assert "there is one call, so there is no order to change" in text(project.run("-rN", failed=1))
    again = "call=1-2/kind=order,as=2-1"
    assert "are not open at the same time" in text(project.run("-rN", "--harness-case", again, failed=1))
