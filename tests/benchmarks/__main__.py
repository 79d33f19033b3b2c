"""`python -m tests.benchmarks [NAME...]`: every ratio with its bound; the exit code is 1 where one does not hold."""

from __future__ import annotations

import sys
from importlib import import_module

NAMES = ("start", "keying", "replay", "recording", "scale", "peers", "scenarios", "server", "sweep", "shards")


def main(names: list[str]) -> int:
    broken = 0
    for name in names or NAMES:
        for ratio in import_module(f"tests.benchmarks.bench_{name}").measure():
            print(ratio, flush=True)
            broken += not ratio.holds
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
