"""`invariants: default`: what a sweep asks of every run, asked of this one, and of the same run without its faults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness.contract import resolve
from harness.model import Case, Nanos
from harness.scenarios import Expect, Scenario, armed, calm_source
from harness.session import replay
from harness.sweeps import Outcome, broken_promises, outcome_of
from harness.trials._context import Context
from harness.trials._driver import Drive, Driver
from harness.trials._shown import same

_SAID = {"raises": "contract-exceptions", "result": "no-partial-success"}
"""What a scenario says itself, and so what nobody has to guess: the exception, and what is returned all the same."""


def outcome_now(loaded: Scenario, case: str | None, drive: Drive, context: Context) -> Outcome:
    """The run as it is now: a second one in the same session would be taken for a part of it."""
    return _outcome(drive, context, armed(loaded, case))


def broken(
    loaded: Scenario, case: str | None, driver: Driver, run: Outcome, expect: Expect | None
) -> list[tuple[str, str]]:
    """The promises that the run did not keep, each by its id, with what was seen; none where nobody asks for them."""
    if expect is None or expect.invariants is None:
        return []
    calm = _calm(loaded, case, driver) if run.case is not None else None
    but = [promise for name, promise in _SAID.items() if getattr(expect, name) is not None]
    return [(one.checker, one.text) for one in broken_promises(run, calm, but)]


def _calm(loaded: Scenario, case: str | None, driver: Driver) -> Outcome:
    """The run of `case` with nothing armed."""
    with _driven(calm_source(loaded, case), case, driver) as (drive, context):
        return _outcome(drive, context, None)


def declared_by(source: Any, case: str | None, driver: Driver) -> list[type[BaseException]]:
    """The exceptions of the contracts that `driver` asks a backend for, found by running it once on `source`."""
    with _driven(source, case, driver) as (_, context):
        return _declared(context)


@contextmanager
def _driven(source: Any, case: str | None, driver: Driver) -> Iterator[tuple[Drive, Context]]:
    session = replay(source, unplayed="ignore")
    context, drive = Context(session, case), Drive(looks_for_leaks=True)
    session.start()
    try:
        drive.run(driver, context)
        yield drive, context
    finally:
        session.stop()


def _outcome(drive: Drive, context: Context, struck: Case | None) -> Outcome:
    session = context.session
    return outcome_of(
        session,
        struck,
        result=drive.value,
        error=drive.error,
        ended_at=Nanos(drive.ended_at - session.engine.opened_at),
        leaks=str(drive.leftovers).splitlines() if drive.leftovers is not None else (),
        contract=_declared(context),
        same=same,
    )


def _declared(context: Context) -> list[type[BaseException]]:
    """The exceptions of the contracts that the driver was given a backend of; none where it has ours, or an SDK."""
    types = [resolve(contract) for contract in context.contracts if contract is not None]
    return [kind for one in types for kind in (one.timeout, one.connection_error, one.parse_error, one.cancelled)]
