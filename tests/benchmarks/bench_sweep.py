"""The sweep: a two-call streaming tool agent on the openai SDK under the default set, in cases a second of one core.

Counted in seconds of the processor, which neighbours lengthen less than those on the wall. Four workers are compared
with one where four cores exist; elsewhere that is said, and nothing is measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import harness
from harness.model import Cassette
from tests.benchmarks.ratio import Ratio, seconds
from tests.sweeps import agents

CASES_PER_S_MIN: Final = 100
FEW, MANY = 100, 400
SAME_COST: Final = 1.25
ROUNDS: Final = 3
WORKERS: Final = 4
SPEED_UP_MIN: Final = 3.0
_CALLS, _CHUNKS, _KIND = 10, 50, "reset-mid-stream"
_PART: Final = "import sys\nfrom tests.benchmarks.bench_sweep import part\npart(int(sys.argv[1]), int(sys.argv[2]))"
_processor: Final = time.process_time  # virtual time does not replace this one


def measure() -> Iterator[Ratio]:
    """The rate, whether it holds when there are more cases, and what four workers make of a long recording."""
    swept(FEW)  # imports, and what the SDK makes of its types on first use
    rounds = [(cost(FEW), cost(MANY)) for _ in range(ROUNDS)]
    few, many = min(pair[0] for pair in rounds), min(pair[1] for pair in rounds)
    rate = f"{1 / many:.0f} cases a second of one core"
    yield Ratio("a case of the default sweep / what it may cost", many * CASES_PER_S_MIN, 1.0, rate)
    yield Ratio(f"a case of {MANY} / a case of {FEW}", many / few, SAME_COST, f"{many * 1e3:.1f} ms each")
    yield _sharded()


def swept(count: int) -> harness.SweepReport:
    """`count` cases of the default set."""
    contract = [agents.DriverError]
    return harness.sweep(agents.run, agents.RECORDING, setup=agents.Agent, contract=contract, budget=count)


def cost(count: int) -> float:
    """Seconds of the processor for one case of `count`, with its share of learning and planning."""
    start = _processor()
    report = swept(count)
    assert len(report.cases) == count
    return (_processor() - start) / count


def _sharded() -> Ratio:
    name = f"{WORKERS} workers / one, {_CALLS} calls of {_CHUNKS} chunks, in speed"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores < WORKERS:
        return Ratio(name, 0.0, None, f"not measured: {cores} cores here, {WORKERS} are needed")
    alone = seconds(lambda: _run_parts(1))
    shared = seconds(lambda: _run_parts(WORKERS))
    return Ratio(
        f"{name}: {SPEED_UP_MIN:g} / what it is", SPEED_UP_MIN * shared / alone, 1.0, f"{alone / shared:.1f} x"
    )


def _run_parts(of: int) -> None:
    with ThreadPoolExecutor(of) as pool:
        list(pool.map(lambda place: _run_part(place, of), range(of)))


def _run_part(place: int, of: int) -> None:
    subprocess.run([sys.executable, "-c", _PART, str(place), str(of)], check=True)


def part(place: int, of: int) -> None:
    """Every `of`-th case from `place` on, of a fault at every chunk of a long recording, in this process."""
    calls = [([{"role": "user", "content": f"part {number}"}]) for number in range(_CALLS)]
    words = [agents.event({"content": f"w{n} "}) for n in range(_CHUNKS - 2)]
    chunks = [*words, agents.event({}, "stop"), agents.DONE]
    recording = Cassette(tuple(agents.call(messages, chunks) for messages in calls))

    async def run(session: harness.Session, agent: agents.Agent) -> list[str]:
        return [(await agent.turn(messages))[0] for messages in calls]

    names = [
        f"call={call}/chunk={chunk}/kind={_KIND}" for call in range(1, _CALLS + 1) for chunk in range(1, _CHUNKS + 1)
    ]
    contract = [agents.DriverError]
    report = harness.sweep(run, recording, setup=agents.Agent, contract=contract, cases=names[place::of])
    assert report.ok, report.text()
