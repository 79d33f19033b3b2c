"""`harness scenario from-cassette FILE`: an editable scenario out of a recording."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from harness.cli._exit import Exit
from harness.errors import ConfigurationError
from harness.scenarios import drafted
from harness.storage import load

_SUFFIXES = (".gz", ".yaml", ".yml", ".json")
_SCHEMA = Path(__file__).parent.parent / "scenarios" / "schema.json"


def configure(parser: argparse.ArgumentParser) -> None:
    """What this verb takes."""
    parser.add_argument("what", choices=["from-cassette"], help="where the scenario comes from")
    parser.add_argument("file", type=Path, metavar="FILE", help="a cassette; it is read and stays as it is")
    parser.add_argument("-o", "--out", type=Path, metavar="OUT", help="where to write it (default: standard output)")
    parser.add_argument("--force", action="store_true", help="replace OUT where it is there")
    parser.add_argument("--whole", action="store_true", help="texts in one piece, and not in the pieces they came in")


def run(args: argparse.Namespace) -> Exit:
    """Write the scenario, or print it. Raises CassetteError for a file that is no cassette, ConfigurationError where
    OUT is there already, and for a recording of no call."""
    recording = load(args.file)
    try:
        text = drafted(recording, _stem(args.file), schema=_schema(args.out), whole=args.whole)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    if args.out is None:
        print(json.dumps({"text": text}, ensure_ascii=False) if args.json else text, end="\n" if args.json else "")
        return Exit.FINE
    if args.out.exists() and not args.force:
        message = f"{args.out} is there already, and may have been edited: name another file, or say --force"
        raise ConfigurationError(message)
    args.out.write_text(text, "utf-8")
    if args.json:
        print(json.dumps({"file": str(args.out), "answers": len(recording)}))
    else:
        print(f"{args.out}: {len(recording)} answers; next: harness check {args.out}", file=sys.stderr)
    return Exit.FINE


def _stem(file: Path) -> str:
    name = file.name
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def _schema(out: Path | None) -> str:
    """The schema as an editor finds it from `out`; empty where it stands outside of this project, because the path
    would be that of one machine."""
    if out is None or not _SCHEMA.is_relative_to(Path.cwd()):
        return ""
    return Path(os.path.relpath(_SCHEMA, out.resolve().parent)).as_posix()
