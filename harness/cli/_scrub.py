"""`harness scrub FILE...`: existing cassettes cleaned of secrets, in place, so that they still answer what they did.

A file is read whole, redacted by the rules of its project, compared and replaced in one step, as every save is.
A request that found its answer before finds it afterwards: what is replaced takes no part in matching.
What only looks like a secret is left as it is and told, with exit code 4: a rule or an `allow` has to say what it is.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.cli._config import rules_for
from harness.cli._exit import Exit
from harness.cli._secrets import secrets
from harness.cli._terminal import Terminal
from harness.errors import CassetteError, CassetteWriteError
from harness.matching import Rules, key, suspects
from harness.model import Cassette, Interaction, Json, Reset, TimedOut
from harness.storage import fingerprint, load, save

_SUFFIXES = (".yaml", ".yml", ".yaml.gz", ".yml.gz", ".json", ".json.gz")


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What became of one file. `replaced` are the secrets that were in it, `suspicious` what is left to be judged."""

    file: Path
    replaced: tuple[str, ...] = ()
    suspicious: tuple[str, ...] = ()
    trouble: str = ""


def configure(parser: argparse.ArgumentParser) -> None:
    """What this verb takes."""
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="cassettes, or folders of them")
    parser.add_argument("--dry-run", action="store_true", help="say what would be replaced, and write nothing")


def run(args: argparse.Namespace) -> Exit:
    """Clean every file. 0 where all are clean now, 4 where something that looks like a secret is left, 5 where one
    could not be read or written; a dry run that would replace something is 4 as well."""
    files = [file for path in args.files for file in _files(path)]
    if not files:
        print("harness: no cassette there", file=sys.stderr)
        return Exit.USAGE
    done = [scrubbed(file, dry_run=args.dry_run) for file in files]
    if args.json:
        print(json.dumps([_as_json(one, dry_run=args.dry_run) for one in done], indent=1, ensure_ascii=False))
    else:
        _print(done, dry_run=args.dry_run)
    return max((_code(one, dry_run=args.dry_run) for one in done), default=Exit.FINE)


def scrubbed(file: Path, *, dry_run: bool = False) -> Scrubbed:
    """Clean the cassette at `file`. Raises ConfigurationError; what is the matter with the file is told."""
    rules = rules_for(file)
    try:
        seen = fingerprint(file)
        cassette = load(file)
        clean = Cassette(tuple(rules.redaction.interaction(one) for one in cassette), cassette.name)
        replaced = tuple(_replaced(cassette, clean, rules))
        if replaced and not dry_run:
            _refuse_lost(cassette, clean, rules, file)
            save(file, clean, replaces=seen)
    except CassetteError as error:
        return Scrubbed(file, trouble=str(error))
    left = (f"interaction #{number}, {leak}" for number, one in enumerate(clean, 1) for leak in suspects(one, rules))
    return Scrubbed(file, replaced, tuple(left))


def _replaced(before: Cassette, after: Cassette, rules: Rules) -> list[str]:
    """One line per secret. Where its place cannot be told (it was spelled over several events), one per interaction."""
    lines: list[str] = []
    for number, (old, new) in enumerate(zip(before, after, strict=True), 1):
        found = [f"interaction #{number}, {line}" for line in secrets(old, rules.redaction)]
        if not found and _said(old) != _said(new):
            found = [f"interaction #{number}, spelled over several events or escaped"]
        lines += found
    return lines


def _said(one: Interaction) -> tuple[object, ...]:
    """All but the headers: a placeholder that somebody else put there is no reason to write a file anew."""
    messages = [event for _, event in one.timeline.events if isinstance(event, Reset | TimedOut)]
    return one.request.url, one.request.body, one.timeline.body, messages


def _refuse_lost(before: Cassette, after: Cassette, rules: Rules, file: Path) -> None:
    """Raise CassetteWriteError where a request would no longer find its answer. It would be a bug of ours."""
    for number, (old, new) in enumerate(zip(before, after, strict=True), 1):
        if key(old.request, rules) != key(new.request, rules):
            message = (
                f"{file}: interaction #{number} would no longer match its own request, so nothing was replaced. "
                "Please report this with the recording."
            )
            raise CassetteWriteError(message)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.name.endswith(_SUFFIXES) and file.is_file())


def _code(one: Scrubbed, *, dry_run: bool) -> Exit:
    if one.trouble:
        return Exit.UNREADABLE
    return Exit.SECRET if one.suspicious or (dry_run and one.replaced) else Exit.FINE


def _print(done: Sequence[Scrubbed], *, dry_run: bool) -> None:
    terminal = Terminal.here()
    verb = "would be replaced" if dry_run else "replaced"
    for one in done:
        name = terminal.printable(str(one.file))
        for line in one.replaced:
            print(f"{name}: {verb}: {terminal.printable(line)}")
        for line in one.suspicious:
            print(f"{name}: {terminal.paint('left', 'bad')}: {terminal.printable(line)}")
        if one.trouble:
            print(f"harness: {terminal.printable(one.trouble)}", file=sys.stderr)
        elif not one.replaced and not one.suspicious:
            print(f"{name}: {terminal.paint('clean', 'good')}")
    if any(one.suspicious for one in done):
        print(
            "harness: what is left looks like a secret and no rule knows it.\n"
            "  next: add it to redact = [...] in [tool.harness] and scrub again, or to allow = [...]",
            file=sys.stderr,
        )


def _as_json(one: Scrubbed, *, dry_run: bool) -> dict[str, Json]:
    return {
        "file": str(one.file),
        "written": bool(one.replaced) and not dry_run and not one.trouble,
        "replaced": list(one.replaced),
        "suspicious": list(one.suspicious),
        "trouble": one.trouble or None,
    }
