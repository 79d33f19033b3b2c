"""`harness recover [PATH...]`: what a recording had heard when it was cut off becomes a cassette."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.cli._config import rules_for
from harness.cli._exit import Exit
from harness.cli._terminal import Terminal
from harness.errors import CassetteError
from harness.recorder import Recovered, orphans, recover


def configure(parser: argparse.ArgumentParser) -> None:
    """What this verb takes."""
    parser.add_argument(
        "paths", type=Path, nargs="*", metavar="PATH", help="cassettes, journals, or folders of them (default: here)"
    )


def run(args: argparse.Namespace) -> Exit:
    """Recover every journal and say what became of it. One that cannot be is told, the others are not held up."""
    done: list[Recovered] = []
    problems: list[CassetteError] = []
    for path in _sought(args.paths or [Path()]):
        try:
            done += recover(path, rules_for(path))
        except CassetteError as error:
            problems.append(error)
    _tell(done, problems, as_json=args.json)
    return Exit.UNREADABLE if problems else Exit.FINE


def _sought(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from orphans(path) if path.is_dir() else [path]


def _tell(done: Sequence[Recovered], problems: Sequence[CassetteError], *, as_json: bool) -> None:
    terminal = Terminal.here()
    if as_json:
        print(json.dumps([_as_json(one) for one in done], indent=1, ensure_ascii=False))
    else:
        for one in done:
            print(terminal.printable(f"{one.journal}: {one.told}"))
        if not done and not problems:
            print("no recording was cut off here")
    for problem in problems:
        print(f"harness: {terminal.printable(str(problem))}", file=sys.stderr)


def _as_json(one: Recovered) -> dict[str, str | int | None]:
    return {
        "journal": str(one.journal),
        "cassette": str(one.cassette) if one.cassette else None,
        "calls": one.calls,
        "cut_off": one.cut_off,
        "told": one.told,
    }
