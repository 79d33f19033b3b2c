"""`harness faults [NAME]`: the catalogue, or all that there is to know about one fault."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from itertools import groupby
from typing import get_args

from harness import faults, plugins
from harness.cli._exit import Exit
from harness.model import Json
from harness.spec import Fault

_OTHERS = "of packages"
_EVERY = "every one"


def configure(parser: argparse.ArgumentParser) -> None:
    """What this verb takes."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="one fault, or an alias of one")


def run(args: argparse.Namespace) -> Exit:
    """Print the catalogue or a fault. Raises PluginError where the fault of a package is broken."""
    if args.name is None:
        known = [plugins.fault(name) for name in plugins.names(plugins.FAULTS)]
        chosen = [*faults.KNOWN.values(), *(fault for fault in known if fault.name not in faults.KNOWN)]
    else:
        try:
            chosen = [plugins.fault(args.name)]
        except ValueError as error:
            print(f"harness: {error}", file=sys.stderr)
            return Exit.USAGE
    if args.json:
        print(json.dumps([_as_json(fault) for fault in chosen], ensure_ascii=False, indent=1))
        return Exit.FINE
    for line in _catalogue(chosen) if args.name is None else _page(chosen[0]):
        print(line)
    return Exit.FINE


def _catalogue(chosen: list[Fault]) -> Iterator[str]:
    """A line each, under its phase, in the order in which these come in an answer."""
    width = max(len(fault.name) for fault in chosen)
    phases = [*get_args(faults.FaultPhase), _OTHERS]
    ordered = sorted(chosen, key=lambda fault: phases.index(_phase(fault)))
    for phase, of_phase in groupby(ordered, _phase):
        yield phase
        yield from (f"  {fault.name:{width}}  {_about(fault)}" for fault in of_phase)


def _page(fault: Fault) -> Iterator[str]:
    """One fault: where, what it takes, in which dialects, and how it is written."""
    yield f"{fault.name}  {_about(fault)}"
    yield f"  when      {_phase(fault)}"
    yield f"  at        {', '.join(_points(fault)) or 'anywhere'}"
    for name, about in fault.params.items():
        yield f"  {name:8}  {about}"
    yield f"  dialects  {', '.join(_dialects(fault)) or _EVERY}"
    aliases = [alias for alias, name in faults.ALIASES.items() if name == fault.name]
    if aliases:
        yield f"  also      {', '.join(aliases)}"
    yield f"  write     call=1/kind={fault.name}"


def _as_json(fault: Fault) -> dict[str, Json]:
    return {
        "name": fault.name,
        "phase": _phase(fault),
        "about": _about(fault),
        "at": list[Json](_points(fault)),
        "params": dict(fault.params),
        "dialects": list[Json](_dialects(fault)),
    }


def _phase(fault: Fault) -> str:
    told = getattr(fault, "phase", _OTHERS)
    return told if told in get_args(faults.FaultPhase) else _OTHERS


def _about(fault: Fault) -> str:
    return getattr(fault, "about", "") or (fault.__doc__ or "").strip().partition("\n")[0]


def _points(fault: Fault) -> list[str]:
    return sorted(getattr(fault, "points", ()))


def _dialects(fault: Fault) -> list[str]:
    return sorted(getattr(fault, "dialects", ()))
