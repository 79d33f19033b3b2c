"""What starting costs, against a Python that does nothing. These two bounds are in milliseconds, not ratios."""

from __future__ import annotations

import subprocess
import sys

from tests.benchmarks.ratio import Ratio, interleaved, seconds

IMPORT_MS_MAX = 50.0
HELP_MS_MAX = 150.0
ROUNDS = 15


def _run(*arguments: str) -> float:
    return seconds(lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True))


def _against(name: str, limit_ms: float, *arguments: str) -> Ratio:
    base, tried = interleaved(lambda: _run("-c", "pass"), lambda: _run(*arguments), ROUNDS)
    added_ms = (tried - base) * 1e3
    return Ratio(f"{name} / what it may add", added_ms / limit_ms, 1.0, f"{added_ms:.0f} of {limit_ms:.0f} ms")


def measure() -> list[Ratio]:
    """`import harness` and `harness --help`."""
    return [
        _against("import harness", IMPORT_MS_MAX, "-c", "import harness"),
        _against("harness --help", HELP_MS_MAX, "-m", "harness.cli", "--help"),
    ]
