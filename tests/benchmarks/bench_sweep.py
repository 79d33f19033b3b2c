"""The sweep: a two-call streaming tool agent on the openai SDK under the default set, in cases a second of one core.

Counted in seconds of the processor, which neighbours lengthen less than those on the wall. Under pytest the same full
sweep is there many times in one run, so that a late case is compared with the very same one early in it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Final

import harness
from tests.benchmarks.bench_shards import write
from tests.benchmarks.ratio import Ratio
from tests.sweeps import agents

CASES_PER_S_MIN: Final = 100
FEW, MANY = 100, 400
SAME_COST: Final = 1.25
SAME_COST_LATE: Final = 1.15
"""More than nothing, because each report of a case is kept by pytest and makes its memory larger."""
AGAIN: Final = 16
_NEARBY: Final = 3
"""How many of the first and of the last sweeps are looked at; the very first imports what the others find."""
_CONFTEST: Final = """
    import json
    import time
    from pathlib import Path

    used = time.process_time  # virtual time does not replace this one
    seen = []

    def pytest_runtest_logreport(report):
        if report.when == "call":
            seen.append((report.nodeid.partition("[")[2].split("-")[0].rstrip("]"), used()))

    def pytest_sessionfinish():
        (Path(__file__).parent / "seen.json").write_text(json.dumps(seen))
"""
ROUNDS: Final = 3
_processor: Final = time.process_time  # virtual time does not replace this one


def measure() -> Iterator[Ratio]:
    """The rate, and whether it holds when there are more cases."""
    swept(FEW)  # imports, and what the SDK makes of its types on first use
    rounds = [(cost(FEW), cost(MANY)) for _ in range(ROUNDS)]
    few, many = min(pair[0] for pair in rounds), min(pair[1] for pair in rounds)
    rate = f"{1 / many:.0f} cases a second of one core"
    yield Ratio("a case of the default sweep / what it may cost", many * CASES_PER_S_MIN, 1.0, rate)
    yield Ratio(f"a case of {MANY} / a case of {FEW}", many / few, SAME_COST, f"{many * 1e3:.1f} ms each")
    yield late()


def late() -> Ratio:
    """A case late in a long run of pytest, and the same one early in it."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), 2, 20, again=AGAIN)
        (Path(folder) / "conftest.py").write_text(dedent(_CONFTEST))
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_agent.py"]
        told = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
        assert told.returncode == 0, told.stdout
        seen = json.loads((Path(folder) / "seen.json").read_text())
    costs, cases = _costs(seen)
    early, last = min(costs[1 : 1 + _NEARBY]), min(costs[-_NEARBY:])
    name = f"under pytest, a case after {cases * (AGAIN - 1):,} / a case after {cases:,}"
    return Ratio(name, last / early, SAME_COST_LATE, f"{last * 1e3:.1f} ms each")


def _costs(seen: list[tuple[str, float]]) -> tuple[list[float], int]:
    """Seconds of the processor for each case of every sweep in turn, and how many cases one has."""
    moments: dict[str, list[float]] = {}
    for sweep, at in seen:
        moments.setdefault(sweep, []).append(at)
    assert len(moments) == AGAIN, list(moments)
    lengths = {len(every) for every in moments.values()}
    assert len(lengths) == 1, lengths
    count = lengths.pop()
    return [(every[-1] - every[0]) / (count - 1) for every in moments.values()], count


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
