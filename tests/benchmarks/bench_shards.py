"""A full sweep of a test of 10 calls of 50 chunks, over the workers of pytest-xdist: how many times the speed of one.

Two figures. On the wall, with as many workers as there are cores, four at most; it is judged only where the machine was
idle, because neighbours take the cores that the workers need. And in seconds of the processor, for four workers
wherever: what one worker needs for all of it, by what the busiest of the four needs, is the speed that four free cores
would make of it. What is learnt in each of them, and parts that are shared out unevenly, show in both.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Final

from harness.model import Cassette
from harness.storage import save
from tests.benchmarks.ratio import Ratio, seconds
from tests.sweeps import agents

WORKERS: Final = 4
EACH_MIN: Final = 0.75
"""Of a worker that is added, so much is to be seen: three times the speed with four, one and a half with two."""
CALLS, CHUNKS = 10, 50
IDLE_MAX: Final = 0.5
"""The load of a machine, for each core, up to which the clock on its wall is believed."""
_KINDS: Final = "reset-mid-stream"
_TEST: Final = """
    import openai
    import pytest

    class AgentError(Exception):
        pass

    @pytest.mark.parametrize("again", range({again}))
    @pytest.mark.harness_sweep(contract=[AgentError], kinds="{kinds}", tier="full")
    @pytest.mark.harness(cassette="long.yaml")
    async def test_agent(again):
        client = openai.AsyncOpenAI(api_key="{key}", max_retries=0, timeout=20)
        for number in range({calls}):
            messages = [{{"role": "user", "content": f"part {{number}}"}}]
            try:
                stream = await client.chat.completions.create(model="gpt-x", messages=messages, stream=True)
                finish = ["", *[piece.choices[0].finish_reason async for piece in stream]][-1]
            except openai.OpenAIError as error:
                raise AgentError from error
            if finish != "stop":
                raise AgentError
"""
_CONFTEST: Final = """
    import os
    import time
    from pathlib import Path

    used = time.process_time  # virtual time does not replace this one

    def pytest_sessionfinish():
        worker = os.environ.get("PYTEST_XDIST_WORKER")
        if worker:
            Path(__file__).with_name(f"{worker}.used").write_text(str(used()))
"""


def measure() -> Iterator[Ratio]:
    """The speed of four workers by the processor, and of as many as there are cores by the wall."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write(place, CALLS, CHUNKS)
        (place / "conftest.py").write_text(dedent(_CONFTEST))
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        is_idle = hasattr(os, "getloadavg") and os.getloadavg()[0] <= IDLE_MAX * cores
        load = f"load {os.getloadavg()[0]:.1f} on {cores} cores" if hasattr(os, "getloadavg") else f"{cores} cores"
        one_s, one = swept(place, 1)
        four_s, four = swept(place, WORKERS)
        yield _ratio(
            WORKERS, sum(one) / max(four), f"busiest {max(four):.1f} s of {sum(four):.1f} s, one {one[0]:.1f} s"
        )
        if cores > 1:
            workers = min(cores, WORKERS)
            shared_s = four_s if workers == WORKERS else swept(place, workers)[0]
            detail = f"{one_s:.1f} s on the wall, then {shared_s:.1f} s, {load}"
            yield _ratio(workers, one_s / shared_s, detail, is_judged=is_idle)


def _ratio(workers: int, speed: float, detail: str, *, is_judged: bool = True) -> Ratio:
    least = EACH_MIN * workers
    name = f"{least:g} x / the speed of {workers} workers, by the {'wall' if 'wall' in detail else 'processor'}"
    return Ratio(name, least / speed, 1.0 if is_judged else None, f"{speed:.2f} x: {detail}")


def write(place: Path, calls: int, chunks: int, *, again: int = 1) -> None:
    """A test of so many calls of so many chunks each, whose full sweep is there `again` times."""
    words = [agents.event({"content": f"w{n} "}) for n in range(chunks - 2)]
    whole = [*words, agents.event({}, "stop"), agents.DONE]
    asked = [{"role": "user", "content": f"part {number}"} for number in range(calls)]
    save(place / "long.yaml", Cassette(tuple(agents.call([ask], whole) for ask in asked)))
    test = dedent(_TEST).format(again=again, calls=calls, kinds=_KINDS, key=agents.KEY)
    (place / "test_agent.py").write_text(test)
    (place / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")


def swept(place: Path, workers: int) -> tuple[float, list[float]]:
    """Seconds on the wall, and those of the processor for each worker."""
    for old in place.glob("*.used"):
        old.unlink()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", str(workers), "test_agent.py"]
    told: list[str] = []
    wall = seconds(
        lambda: told.append(subprocess.run(command, cwd=place, check=False, capture_output=True, text=True).stdout)
    )
    assert f"call={CALLS}" in told[0], told[0]
    assert " failed" not in told[0].splitlines()[-1], told[0]
    used = [float(path.read_text()) for path in place.glob("*.used")]
    assert len(used) == workers, used
    return wall, used


if __name__ == "__main__":
    for ratio in measure():
        print(ratio, flush=True)
