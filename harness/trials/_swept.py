"""Swept: the sweep of a file, a scenario that names its driver or a cassette with one that is given."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.errors import ScenarioError, SweepError, UnknownCheckerError, UnknownKindError
from harness.scenarios import Scenario, calm_source, is_scenario, load_scenario, place_in
from harness.sweeps import SweepReport, checkers, chosen, sweep
from harness.trials._driven import driven
from harness.trials._driver import Driver, DriverError, driver_of
from harness.trials._promises import declared_by
from harness.trials._shown import same
from harness.trials._written import exception_of, written


def sweep_file(
    path: Path,
    *,
    driver: str | None = None,
    scenario_case: str | None = None,
    cases: Sequence[str] | None = None,
    contract: Sequence[str] = (),
    **given: Any,
) -> SweepReport:
    """Sweep the file at `path`: what it says by itself, and what is `given` (keywords of `harness.sweep`) in its place.

    `driver` is `package.module:function`, and has to be given for a cassette. `contract` are the names of exceptions;
    where neither they nor the file say any, those of the contracts that the driver asks a backend for may escape, else
    those of the known SDKs.
    Raises ScenarioError with the place of what a file says and nobody has, SweepError for what is given and nobody has,
    and what `harness.sweep` raises.
    """
    loaded = scenario_at(path, scenario_case)
    found = _driver(path, loaded, driver)
    kept = {**_said(path, loaded), **{key: value for key, value in given.items() if value is not None}}
    if contract:
        kept["contract"] = [exception_of(name) for name in contract]
    elif "contract" not in kept:
        calm = path if loaded is None else calm_source(load_scenario(path, scenario_case), scenario_case)
        kept["contract"] = declared_by(calm, scenario_case, found)
    named = ["--driver", driver] if driver else []
    escape = [word for name in contract for word in ("--contract", name)]
    which = ["--scenario-case", scenario_case] if scenario_case else []
    escape += [f"--{key}={given[key]}" for key in ("seed", "invariants") if given.get(key) is not None]
    alone = ["--driver", driver or (loaded.driver if loaded is not None else None) or ""]
    return sweep(
        driven(found, scenario_case),
        path,
        scenario_case=scenario_case,
        cases=cases,
        compare=same,
        repro=f"{shlex.join(['harness', 'sweep', str(path), *named, *escape, *which])} --case '{{case}}'",
        shrunk_repro=f"harness sweep {{path}} {shlex.join([*alone, *escape])} --case '{{case}}'",
        **kept,
    )


def scenario_at(path: Path, case: str | None = None) -> Scenario | None:
    """The scenario at `path`, or None where it is a recording. Raises ScenarioError."""
    return load_scenario(path, case).played(case)[0] if not path.exists() or is_scenario(path) else None


def _driver(path: Path, loaded: Scenario | None, name: str | None) -> Driver:
    said = name or (loaded.driver if loaded is not None else None)
    if said is None:
        message = f"{path} names no driver: say driver: package.module:function in it, or give --driver"
        raise SweepError(message)
    try:
        return driver_of(said)
    except DriverError as error:
        if name is not None:
            message = f"the driver {name} cannot be had: {error}"
            raise SweepError(message) from error
        raise ScenarioError([place_in(path, ("driver",), f"the driver cannot be had: {error}")]) from error


def _said(path: Path, loaded: Scenario | None) -> dict[str, Any]:
    if loaded is None:
        return {}
    try:
        said = written(loaded)
        chosen(said.get("kinds", "default"))
        checkers(said.get("invariants"), ())
    except UnknownKindError as error:
        raise ScenarioError([place_in(path, ("sweep", "kinds"), str(error))]) from error
    except UnknownCheckerError as error:
        raise ScenarioError([place_in(path, ("sweep", "invariants"), str(error))]) from error
    except SweepError as error:
        raise ScenarioError([place_in(path, ("sweep",), str(error))]) from error
    return said
