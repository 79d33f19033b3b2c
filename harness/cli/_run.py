"""`harness run SCENARIO`: play a scenario against the driver that it names, and say what came of it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.cli._exit import Exit
from harness.scenarios import Scenario, is_scenario, load_scenario
from harness.trials import DriverError, Trial, case_ids, driver_of, play


def configure(parser: argparse.ArgumentParser) -> None:
    """What this verb takes."""
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="SCENARIO", help="files that name a driver, or folders of them"
    )
    parser.add_argument("--case", action="append", metavar="ID", help="only this case; may be given again")
    parser.add_argument("--driver", metavar="PKG.MOD:FN", help="play against this driver and not the one in the file")
    parser.add_argument("--quiet", action="store_true", help="no transcript of what went well")


def run(args: argparse.Namespace) -> Exit:
    """Play the scenario itself and every case, or those that were named, which are not skipped then. 1 where an
    expectation was not met, or where it was and the file says that it is not; 3 for a miss. Raises ScenarioError."""
    try:
        driver = driver_of(args.driver) if args.driver else None
    except DriverError as error:
        print(f"harness: --driver {args.driver}: {error}", file=sys.stderr)
        return Exit.USAGE
    files = [file for path in args.files for file in _files(path)]
    if not files:
        print(
            "harness: no scenario there names a driver; name the file, and --driver package.module:function",
            file=sys.stderr,
        )
        return Exit.USAGE
    trials = [play(file, case, driver=driver) for file in files for case in _cases(file, args.case)]
    if args.json:
        print(json.dumps([trial.to_json() for trial in trials], ensure_ascii=False))
    else:
        print("\n".join(_told(trials, quiet=args.quiet)))
    if any(trial.miss and not trial.as_expected for trial in trials):
        return Exit.MISS
    return Exit.FINE if all(trial.as_expected for trial in trials) else Exit.SUBJECT_FAILED


def _files(path: Path) -> list[Path]:
    """`path` itself, or the scenarios in the folder that it is, those that name a driver."""
    if not path.is_dir():
        return [path]
    found = (file for file in sorted(path.rglob("*.y*ml")) if is_scenario(file))
    return [file for file in found if load_scenario(file).driver is not None]


def _cases(file: Path, chosen: Sequence[str] | None) -> Sequence[str | None]:
    """Those that were named, else all that the file does not skip."""
    if chosen:
        return chosen
    loaded = load_scenario(file)
    return [name for name in case_ids(loaded) if not _is_skipped(loaded, name)]


def _is_skipped(loaded: Scenario, name: str | None) -> bool:
    case = loaded.played(name)[1]
    return case is not None and case.skip is not None


def _told(trials: Sequence[Trial], *, quiet: bool) -> Iterator[str]:
    for trial in trials:
        if trial.as_expected and quiet:
            continue
        yield trial.transcript.rstrip()
        yield _verdict(trial)
        for line in trial.complaints():
            yield "  " + line.replace("\n", "\n  ")
        if not trial.as_expected:
            yield f"  again: {trial.command}"
        yield ""
    failed = sum(not trial.as_expected for trial in trials)
    yield f"{len(trials)} played, {failed} failed" if failed else f"{len(trials)} played, all as expected"


def _verdict(trial: Trial) -> str:
    if not trial.as_expected:
        return f"FAILED  {trial.name}"
    return f"xfail  {trial.name}: {trial.xfail}" if trial.xfail else f"ok  {trial.name}"
