"""Written: what a scenario file says about its sweep, as the keywords of one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.errors import SweepError
from harness.model import Json, Nanos
from harness.scenarios import Scenario
from harness.sweeps import Extent, Known
from harness.trials._driver import importing_from_here

_SPELLED = {"retry-budget": "no-retry-storm", "retry-after-first-token": "no-retry-after-first-token"}
_TERMS = {
    ("contract-exceptions", ""): "contract",
    ("no-retry-storm", "per-call"): "attempts_max",
    ("no-retry-after-first-token", "idempotent"): "idempotent",
}
"""What takes a parameter, and which keyword of a sweep that is."""


def written(scenario: Scenario) -> dict[str, Any]:
    """The keywords of `harness.sweep` that the key `sweep` of `scenario` says; empty where it has none. Raises
    SweepError for what it names and nobody has."""
    said = scenario.sweep
    if said is None:
        return {}
    smart = said.where.chunks == "smart"
    found: dict[str, Any] = {
        "kinds": [*said.kinds, *(["+cancel"] if said.cancel else ["-cancel"])],
        "modes": tuple(said.modes),
        "depth": said.depth,
        "tier": "smart" if smart else "full",
        "budget": said.budget.points,
        "extent": _extent(scenario),
    }
    if said.invariants != "default":
        found |= _invariants(said.invariants)
    if said.baseline is not None:
        listed = [
            Known(one.point, one.why, one.until.isoformat() if one.until else "")
            for one in said.baseline.known_failures
        ]
        found["known"] = [*listed, *(_earlier(said.baseline.file) if said.baseline.file else ())]
    return found


def _extent(scenario: Scenario) -> Extent:
    said = scenario.sweep
    assert said is not None, "whoever asks has looked"
    numbers = {call.id: str(number) for number, call in enumerate(scenario.calls, 1)}
    calls = [] if said.where.calls == "*" else [numbers.get(str(call), str(call)) for call in said.where.calls]
    number, _, of = said.budget.shard.partition("/")
    return Extent(
        calls=frozenset(calls),
        chunks=said.where.chunks,
        attempts=said.where.attempts,
        cancel=frozenset(said.cancel),
        shard=(int(number), int(of)),
        wall=Nanos(int(said.budget.wall)) if said.budget.wall is not None else None,
    )


def _invariants(said: str | list[str | dict[str, Any]]) -> dict[str, Any]:
    """Names as they are, `default` for all of them, and the parameters of those that have some."""
    found: dict[str, Any] = {}
    names = []
    for item in said if isinstance(said, list) else [said]:
        if isinstance(item, str):
            names.append(item.replace("_", "-"))
            continue
        for name, parameters in item.items():
            known = _known(name)
            names.append(known)
            found |= dict(_parameters(known, parameters))
    if "default" in names:
        names = [name for name in names if name.startswith("-")]
    return {**found, "invariants": names or None}


def _known(name: str) -> str:
    dashed = name.replace("_", "-")
    return _SPELLED.get(dashed, dashed)


def _parameters(name: str, given: Json) -> Iterator[tuple[str, Any]]:
    for key, value in given.items() if isinstance(given, Mapping) else [("", given)]:
        keyword = _TERMS.get((name, key.replace("_", "-")))
        if keyword is None:
            known = ", ".join(f"{one}: {{{key}: …}}" if key else f"{one}: […]" for one, key in _TERMS)
            message = f"the invariant {name} takes no parameter {key or value!r}; what takes one: {known}"
            raise SweepError(message)
        yield keyword, [exception_of(str(one)) for one in _each(value)] if keyword == "contract" else value


def _each(value: Json) -> list[Json]:
    return list(value) if isinstance(value, list | tuple) else [value]


def exception_of(name: str) -> type[BaseException]:
    """The exception that `package.module.Name` or `package.module:Name` names. Raises SweepError."""
    module, _, attribute = name.replace(":", ".").rpartition(".")
    try:
        with importing_from_here():
            found = getattr(import_module(module or "builtins"), attribute)
    except (ImportError, AttributeError) as error:
        message = f"the contract names {name}, which cannot be had: {error}"
        raise SweepError(message) from error
    if not (isinstance(found, type) and issubclass(found, BaseException)):
        message = f"the contract names {name}, which is no exception"
        raise SweepError(message)
    return found


def _earlier(file: str) -> list[Known]:
    """What was broken in the report of an earlier sweep, which is known from then on. Raises SweepError."""
    try:
        cases = json.loads(Path(file).read_text("utf-8"))["cases"]
        broken = [case["name"] for case in cases if case["violations"] and not case["known"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{file} is no report of a sweep, which `harness sweep --json {file}` writes: {error}"
        raise SweepError(message) from error
    return [Known(name, f"broken in {Path(file).name}") for name in broken]
