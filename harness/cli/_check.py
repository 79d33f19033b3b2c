"""`harness check FILE...`: whether cassettes and scenarios can be relied on, each finding with its place."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.cli._config import rules_for
from harness.cli._exit import Exit
from harness.cli._secrets import secrets
from harness.cli._terminal import Role, Terminal
from harness.errors import CassetteError, ScenarioError
from harness.matching import suspects
from harness.model import Cassette, Json
from harness.scenarios import is_scenario, load_scenario, place_in
from harness.storage import check, load
from harness.trials import why_absent

Kind = Literal["unreadable", "secret", "warning"]

_CODES: dict[Kind, Exit] = {"unreadable": Exit.UNREADABLE, "secret": Exit.SECRET, "warning": Exit.SUBJECT_FAILED}
_ROLES: dict[Kind, Role] = {"unreadable": "bad", "secret": "bad", "warning": "tick"}
_SUFFIXES = (".yaml", ".yml", ".json", ".yaml.gz", ".yml.gz", ".json.gz")


@dataclass(frozen=True, slots=True)
class Found:
    """One finding. `place` begins with the file, as editors like it."""

    kind: Kind
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.kind}: {self.message}"


@dataclass(frozen=True, slots=True)
class Report:
    """What is known about one file; `summary` says what it holds."""

    file: Path
    summary: str
    found: tuple[Found, ...]


def configure(parser: argparse.ArgumentParser) -> None:
    """What this verb takes."""
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="cassettes, scenarios, or folders of them")


def run(args: argparse.Namespace) -> Exit:
    """Print every finding. The exit code is that of the worst one: unreadable, then secret, then anything else."""
    files = [file for path in args.files for file in _files(path)]
    if not files:
        print("harness: no cassette and no scenario there", file=sys.stderr)
        return Exit.USAGE
    reports = [examined(file) for file in files]
    if args.json:
        print(json.dumps([_as_json(report) for report in reports], indent=1, ensure_ascii=False))
    else:
        _print(reports, Terminal.here())
    return max((_CODES[found.kind] for report in reports for found in report.found), default=Exit.FINE)


def _files(path: Path) -> list[Path]:
    """`path` itself, or the files in the folder that it is."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.name.endswith(_SUFFIXES) and file.is_file())


def examined(file: Path) -> Report:
    """Everything there is to say about `file`."""
    return _scenario(file) if is_scenario(file) else _cassette(file)


def _scenario(file: Path) -> Report:
    try:
        loaded = load_scenario(file)
    except ScenarioError as error:
        found = [Found("unreadable", f"{at.file}:{at.line}:{at.column}", at.message) for at in error.places]
        return Report(file, "a scenario", tuple(found))
    why = why_absent(loaded.driver) if loaded.driver is not None else None
    if why is None:
        return Report(file, "a scenario", ())
    at = place_in(file, ("driver",), f"the driver cannot be had: {why}")
    return Report(file, "a scenario", (Found("warning", f"{at.file}:{at.line}:{at.column}", at.message),))


def _cassette(file: Path) -> Report:
    problems = [
        Found("unreadable" if finding.severity == "error" else "warning", finding.place, finding.message)
        for finding in check(file)
    ]
    try:
        cassette = load(file)
    except CassetteError:
        return Report(file, "a cassette", tuple(problems))
    leaks = _leaks(file, cassette)
    return Report(file, _summary(cassette), (*problems, *leaks))


def _leaks(file: Path, cassette: Cassette) -> Iterator[Found]:
    rules = rules_for(file)
    for number, interaction in enumerate(cassette, 1):
        for line in secrets(interaction, rules.redaction):
            yield Found("secret", f"{file}: interaction #{number}", line)
        for leak in suspects(rules.redaction.interaction(interaction), rules):
            yield Found("secret", f"{file}: interaction #{number}", f"it may be one: {leak}")


def _summary(cassette: Cassette) -> str:
    chunks = sum(len(it.timeline.chunks) for it in cassette)
    return f"{_count(len(cassette), 'call')}, {_count(chunks, 'chunk')}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _print(reports: Iterable[Report], terminal: Terminal) -> None:
    for report in reports:
        for found in report.found:
            kind = terminal.paint(found.kind, _ROLES[found.kind])
            print(f"{terminal.printable(found.place)}: {kind}: {terminal.printable(found.message)}")
        if not report.found:
            print(f"{report.file}: {terminal.paint('sound', 'good')}, {report.summary}")


def _as_json(report: Report) -> dict[str, Json]:
    return {
        "file": str(report.file),
        "summary": report.summary,
        "sound": not report.found,
        "findings": [{"kind": f.kind, "place": f.place, "message": f.message} for f in report.found],
    }
