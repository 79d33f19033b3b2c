"""The sweep: a two-call streaming tool agent on the openai SDK under the default set, in cases a second of one core.

Counted in seconds of the processor, which neighbours lengthen less than those on the wall.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import harness
from tests.benchmarks.ratio import Ratio
from tests.sweeps import agents

CASES_PER_S_MIN: Final = 100
FEW, MANY = 100, 400
SAME_COST: Final = 1.25
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
