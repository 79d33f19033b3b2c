"""Which verb, and what its exit code is. Only the verb that was chosen is imported."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Protocol, cast

from harness.cli._exit import Exit
from harness.errors import (
    CassetteError,
    ConfigurationError,
    HarnessError,
    Miss,
    MissingExtraError,
    ScenarioError,
    SecretFoundError,
)

_VERBS = {
    "demo": ("harness.cli._demo", "record a live session, replay it offline, show both side by side"),
    "show": ("harness.cli._show", "a waterfall of the calls and chunks of a cassette"),
    "run": ("harness.cli._run", "play a scenario against the driver that it names, and judge what came of it"),
    "sweep": ("harness.cli._sweep", "break every chunk in turn, and say what the driver does then"),
    "scenario": ("harness.cli._scenario", "make an editable scenario out of a recording"),
    "check": (
        "harness.cli._check",
        "load cassettes and scenarios; find secrets, unknown keys, timelines that do not add up",
    ),
    "faults": ("harness.cli._faults", "what can go wrong: the catalogue, or all about one fault"),
    "scrub": ("harness.cli._scrub", "replace the secrets in existing cassettes, in place, so that they still match"),
    "serve": ("harness.cli._serve", "a scenario or a cassette over HTTP, for other languages and processes"),
    "recover": ("harness.cli._recover", "turn the journal of a recording that was cut off into a cassette"),
}


class _Verb(Protocol):
    """What a file of a verb offers."""

    def configure(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> Exit: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb in `argv` and give its exit code (DESIGN section 11). What we raise is told in one message."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = next((a for a in arguments if a in _VERBS), None)
    try:
        verb = cast("_Verb", import_module(_VERBS[name][0])) if name else None
    except MissingExtraError as error:
        return _tell(error, as_json="--json" in arguments)
    args = _parser(name, verb).parse_args(arguments)
    if verb is None:
        _parser(None, None).print_help()
        return Exit.USAGE
    return _told(verb, args)


def _parser(name: str | None, verb: _Verb | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="harness",
        description="Replay what a model once said to your code, chunk by chunk, on a clock that never waits.",
        epilog="Exit codes: 0 fine, 1 it failed, 2 usage, 3 a miss, 4 a secret, 5 an unreadable file.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="the version, and nothing else")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", dest="verb")
    for each, (_, summary) in _VERBS.items():
        sub = verbs.add_parser(
            each,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            conflict_handler="resolve",  # a verb may say more exactly what its --json is
        )
        sub.add_argument("--json", action="store_true", help="for machines")
        if verb is not None and each == name:
            verb.configure(sub)
    return parser


class _Version(argparse.Action):
    """Looked up only when asked for: reading package metadata costs more than the rest of `--help`."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"harness {version('replay-harness')}")
        parser.exit()


def _told(verb: _Verb, args: argparse.Namespace) -> int:
    try:
        code = verb.run(args)
        sys.stdout.flush()  # here, where a reader that went away is caught, and not at the interpreter's end
    except (HarnessError, Miss) as error:
        return _tell(error, as_json=args.json)
    except BrokenPipeError:
        # The reader went away (`harness show ... | head`): nothing to say, and nobody to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FINE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130  # 128 + SIGINT, what shells expect
    return code


def _tell(error: BaseException, *, as_json: bool) -> Exit:
    code = _code(error)
    if as_json:
        print(json.dumps({"error": str(error), "kind": type(error).__name__, "exit": int(code)}))
    print(f"harness: {error}", file=sys.stderr)
    return code


def _code(error: BaseException) -> Exit:
    match error:
        case Miss():
            return Exit.MISS
        case SecretFoundError():
            return Exit.SECRET
        case CassetteError() | ScenarioError():
            return Exit.UNREADABLE
        case MissingExtraError() | ConfigurationError():
            return Exit.USAGE
        case _:
            return Exit.SUBJECT_FAILED
