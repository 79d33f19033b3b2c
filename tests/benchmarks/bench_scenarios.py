"""What a scenario costs: a stall that nobody waits for, and `generate` beside a function that answers."""

from __future__ import annotations

import asyncio
import gc
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import openai

import harness
from harness.contract import LLMResult
from tests.benchmarks.ratio import Ratio, seconds

STALL_BOUND_MS = 3.0
GENERATE_BOUND_US = 50.0
ROUNDS = 60
CALLS = 200
QUESTION: openai.types.chat.ChatCompletionUserMessageParam = {"role": "user", "content": "weather?"}
_WORDS = "It is 21 degrees and sunny in Paris."
_SCENARIO = f"""\
harness: 1
name: bench
calls:
  - id: ask
    reply: {{text: "{_WORDS}"}}
cases:
  - id: stall
    faults: [{{at: call=1/token=3, kind: stall, for: 30s}}]
"""


def _scenario(folder: str) -> Path:
    path = Path(folder) / "bench.yaml"
    path.write_text(_SCENARIO, "utf-8")
    return path


def _sync_call(client: openai.OpenAI) -> Callable[[], str]:
    def call() -> str:
        heard: list[str] = []
        try:
            heard.extend(
                piece.choices[0].delta.content or ""
                for piece in client.chat.completions.create(model="m", messages=[QUESTION], stream=True)
            )
        except openai.APITimeoutError:
            return "timed out after " + "".join(heard)
        return "".join(heard)

    return call


def _async_call(client: openai.AsyncOpenAI) -> Callable[[], str]:
    async def call() -> str:
        heard: list[str] = []
        try:
            pieces = await client.chat.completions.create(model="m", messages=[QUESTION], stream=True)
            async for piece in pieces:
                heard.append(piece.choices[0].delta.content or "")  # noqa: PERF401 - what came before an error counts
        except openai.APITimeoutError:
            return "timed out after " + "".join(heard)
        return "".join(heard)

    return lambda: asyncio.run(call())


def _cost_ms(path: Path, case: str | None, call: Callable[[], str], wanted: str) -> float:
    def work() -> None:
        said.append(call())

    said: list[str] = []
    with harness.scenario(path, case):
        cost = seconds(work)
    assert said == [wanted], said
    return cost * 1000


def _stalls(path: Path, name: str, call: Callable[[], str]) -> Ratio:
    extra = []
    for _ in range(ROUNDS):
        plain = _cost_ms(path, None, call, _WORDS)
        extra.append(_cost_ms(path, "stall", call, "timed out after It is 21") - plain)
    middle = statistics.median(extra)
    return Ratio(
        f"a 30 s stall under a 10 s timeout, {name}",
        middle / STALL_BOUND_MS,
        1.0,
        f"{middle:.2f} ms more than without, bound {STALL_BOUND_MS:g} ms",
    )


async def _answering(prompt: str) -> LLMResult:
    del prompt
    return LLMResult(success=True, text=_WORDS, model="replay", latency_ms=0, extra={})


def _generating(ask: Callable[[str], object]) -> float:
    async def all_of_them() -> None:
        for _ in range(CALLS):
            await ask("weather?")  # type: ignore[misc]  # both are coroutine functions

    return seconds(lambda: asyncio.run(all_of_them())) / CALLS * 1e6


def _generate(path: Path) -> Ratio:
    """The best of each, and not the best difference, in which a floor that somebody disturbed counts for us."""
    floors, costs = [], []
    for _ in range(ROUNDS):
        gc.collect()
        floors.append(_generating(_answering))
        with harness.scenario(path) as session:
            costs.append(_generating(session.backend().generate))
    extra = min(costs) - min(floors)
    detail = f"{extra:.1f} us more than a function that returns the same, bound {GENERATE_BOUND_US:g} us"
    return Ratio("generate on a scenario", extra / GENERATE_BOUND_US, 1.0, detail)


def measure() -> list[Ratio]:
    """Client construction is left out: the clients are made once, outside."""
    with tempfile.TemporaryDirectory() as folder:
        path = _scenario(folder)
        with openai.OpenAI(api_key="not needed", timeout=10) as client:
            sync = _stalls(path, "openai", _sync_call(client))
        client_async = openai.AsyncOpenAI(api_key="not needed", timeout=10)
        return [sync, _stalls(path, "openai async", _async_call(client_async)), _generate(path)]
