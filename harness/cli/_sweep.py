"""`harness sweep SCENARIO`: break every chunk in turn, and say what the driver does then."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from harness.cli._exit import Exit
from harness.cli._terminal import Terminal
from harness.errors import SweepError
from harness.model import Json
from harness.scenarios import Report, Scenario
from harness.sweeps import Verdict, github, junit, page
from harness.trials import scenario_at, sweep_file


def configure(parser: argparse.ArgumentParser) -> None:
    """What this verb takes."""
    parser.add_argument("file", type=Path, metavar="SCENARIO", help="a scenario, or a cassette with --driver")
    parser.add_argument("--driver", metavar="PKG.MOD:FN", help="the code to sweep: a function of the context")
    parser.add_argument("--scenario-case", metavar="ID", help="the case of the scenario that is swept")
    parser.add_argument("--kinds", metavar="WORDS", help='which faults: --kinds="default -http-* +cancel"')
    parser.add_argument("--tier", metavar="TIER", help="smart (at most 400 points), full, or sample:200")
    parser.add_argument("--seed", type=int, help="of the sample, and of the driver's dice")
    parser.add_argument(
        "--schedules",
        action=argparse.BooleanOptionalAction,
        help="concurrent calls complete in every other order; without it, where calls overlap",
    )
    parser.add_argument("--depth", type=int, choices=(1, 2), help="2: a second fault while recovering from the first")
    parser.add_argument(
        "--invariants", metavar="NAMES", help="which promises are asked: --invariants=-no-leaks is all but one"
    )
    parser.add_argument("--contract", action="append", metavar="PKG.MOD:ERROR", help="an exception that may escape")
    parser.add_argument("--case", action="append", metavar="CASE", help="only 'call=2/chunk=17/kind=reset', say")
    parser.add_argument(
        "--coverage", action="store_true", help="which lines only ever ran under a fault, as coverage.py sees it"
    )
    parser.add_argument("--json", nargs="?", const=True, metavar="PATH", help="the report as JSON, else on the screen")
    parser.add_argument("--html", type=Path, metavar="PATH", help="the report as a page that loads nothing")
    parser.add_argument("--junit", type=Path, metavar="PATH", help="the report as JUnit's XML")
    parser.add_argument(
        "--shrunk-to", type=Path, metavar="DIR", help="recordings that were made shorter, one per failure"
    )
    parser.add_argument("--github", action="store_true", help="failures as annotations of GitHub Actions")


def run(args: argparse.Namespace) -> Exit:
    """Sweep, and tell. 1 where a promise was broken; 2 for what cannot be swept as it was asked for. Raises
    ScenarioError, CassetteError."""
    try:
        loaded = scenario_at(args.file, args.scenario_case)
        report = sweep_file(
            args.file,
            driver=args.driver,
            scenario_case=args.scenario_case,
            cases=args.case,
            kinds=args.kinds,
            tier=args.tier,
            seed=args.seed,
            depth=args.depth,
            schedules=args.schedules,
            invariants=args.invariants,
            contract=args.contract or (),
            shrunk_to=args.shrunk_to,
            coverage=args.coverage,
        )
    except (SweepError, ValueError) as error:
        print(f"harness: {error}", file=sys.stderr)
        return Exit.USAGE
    told = report.to_json()
    if args.json is True:
        print(json.dumps(told, ensure_ascii=False))
    else:
        terminal = Terminal.here()
        print(terminal.printable(report.text(terminal.width)))
    _write(told, _wanted(args, loaded))
    if args.github:
        print(github(told, str(args.file)), end="")
    if unstruck := [case.name for case in report.cases if args.case and case.verdict is Verdict.NOT_STRUCK]:
        print(f"harness: found nothing to strike: {', '.join(unstruck)}", file=sys.stderr)
        print(
            "  next: harness show CASSETTE or harness run SCENARIO says what calls there are, "
            "harness faults KIND where it strikes",
            file=sys.stderr,
        )
        return Exit.SUBJECT_FAILED
    return Exit.FINE if report.ok else Exit.SUBJECT_FAILED


def _wanted(args: argparse.Namespace, loaded: Scenario | None) -> dict[str, str | Path | None]:
    """Where each report goes, by the command, else by the scenario."""
    said = (loaded.report if loaded is not None else None) or Report()
    return {
        "json": args.json if isinstance(args.json, str) else said.json_,
        "html": args.html or said.html,
        "junit": args.junit or said.junit,
    }


def _write(report: Mapping[str, Json], wanted: Mapping[str, str | Path | None]) -> None:
    """Each report that is wanted, at its path, relative to the working directory."""
    makers = {"json": lambda told: json.dumps(told, ensure_ascii=False, indent=1) + "\n", "html": page, "junit": junit}
    for kind, path in wanted.items():
        if path:
            target = Path(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(makers[kind](report), "utf-8")
