"""The last case of a sweep finds what the first one found: nothing of a case is left but the row that reports need, and
no case looks through those before it. Counted, never timed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.plugin.test_sweep_items import written

COUNTING = """
import collections, gc, json, sys
from pathlib import Path

import pytest

found, calls = [], 0

def count(frame, event, arg):
    global calls
    calls += event in ("call", "c_call")

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    global calls
    calls = 0
    sys.setprofile(count)
    try:
        return (yield)
    finally:
        sys.setprofile(None)
        alive = collections.Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())
        found.append([item.name, calls, alive])

def pytest_sessionfinish():
    (Path(__file__).parent / "found.json").write_text(json.dumps(found))
"""
ASKING = """
import asyncio

async def aagent():
    said, finish = "", None
    body = {{"messages": [ASK], "model": "gpt-x", "stream": True}}
    try:
        async with httpx.AsyncClient(verify=False, timeout=20) as client:
            async with client.stream("POST", "https://api.openai.com/v1/chat/completions", json=body) as answer:
                answer.raise_for_status()
                async for line in answer.aiter_lines():
                    if line.startswith("data: {{"):
                        choice = json.loads(line[6:])["choices"][0]
                        said += choice["delta"].get("content") or ""
                        finish = choice["finish_reason"] or finish
    except Exception as error:
        raise AgentError("no answer") from error
    if finish != "stop":
        raise AgentError("it broke off")
    return said

@pytest.mark.parametrize("again", range({times}))
@pytest.mark.harness_sweep(kinds="{kinds}", modes=["once"], contract=[AgentError], tier="{tier}")
{mark}
async def test_agent({given}again):
    {first}
    assert await aagent() == "It is 20°C in Paris."
"""
FULL = {
    "tier": "full",
    "kinds": "reset-mid-stream truncate-clean",
    "mark": '@pytest.mark.harness("weather")',
    "given": "",
    "first": "",
}
SMART = {"tier": "smart", "kinds": "reset-mid-stream", "mark": "", "given": "replay, ", "first": 'replay("weather")'}
NEVER_KEPT = (
    *("harness.", "asyncio.", "_asyncio.", "_pytest.fixtures.", "pytest_asyncio."),
    *("builtins.frame", "builtins.traceback", "builtins.function", "builtins.coroutine", "test_a.AgentError"),
)
PART = 10
"""How many cases an item of a full sweep has."""
ROW_MAX = 30
"""Objects that are kept for a case: the reports that pytest keeps, and in them what a sweep tells at the end."""


def counted(project: Any, text: Any, times: int, how: dict[str, str]) -> list[list[tuple[int, Counter[str]]]]:
    """For each test the items of its sweep: how many calls it took, and how many of what kind was alive after it."""
    written(project, ASKING.format(times=times, **how))
    project.write("conftest.py", COUNTING)
    result = project.run_apart("-q", "-o", "asyncio_mode=auto")
    assert result.ret == 0, text(result)
    found = json.loads(Path(project.root, "found.json").read_text())
    items = [(calls, Counter(alive)) for name, calls, alive in found if "full=" in name or "kind=" in name]
    size = len(items) // times
    assert len(items) == size * times > times
    return [items[at : at + size] for at in range(0, len(items), size)]


@pytest.mark.parametrize("how", [FULL, SMART], ids=["full", "smart"])
def test_a_late_case_finds_no_more_alive_than_an_early_one_and_takes_no_more_calls(
    project: Any, text: Any, how: dict[str, str]
) -> None:
    _, early, late = counted(project, text, 3, how)  # the first imports what the others find
    assert _calls(late) == _calls(early)
    grown = late[-1][1] - late[0][1]
    assert {kind: count for kind, count in grown.items() if kind.startswith(NEVER_KEPT)} == {}
    cases = (len(late) - 1) * (PART if how is FULL else 1)
    assert 0 < grown.total() <= cases * ROW_MAX


def test_a_case_takes_as_many_calls_whether_there_are_few_or_many(project: Any, text: Any) -> None:
    few, many = counted(project, text, 2, SMART), counted(project, text, 4, SMART)
    assert _calls(few[1]) == _calls(many[1]) == _calls(many[2])


def _calls(items: list[tuple[int, Counter[str]]]) -> list[int]:
    """But for the last item, which may end what is shared."""
    return [calls for calls, _ in items[:-1]]
