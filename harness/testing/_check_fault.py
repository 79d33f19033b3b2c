"""check_fault: every promise of a fault, tried on answers of every dialect."""

from __future__ import annotations

from collections.abc import Iterable

from harness.faults import FAULT_PROMISES
from harness.spec import Fault, Params
from harness.testing._check import Report, chosen_of, reported


def check_fault(
    fault: Fault, params: Params | None = None, *, only: Iterable[str] = (), skip: Iterable[str] = ()
) -> Report:
    """Try every promise of `fault`, with `params` where it cannot do without.

    Returns a Report. Raises PromiseBrokenError that lists every broken promise with what was seen, ValueError for an id
    in `only` or `skip` that no promise has, and TypeError for what is no fault at all.
    A plugin's fault is tried in the same way when it is loaded, without parameters.
    """
    given: object = fault
    if not isinstance(given, Fault):
        message = f"{given!r} is no fault: it has to have name, params, sites and apply (harness.spec.Fault)"
        raise TypeError(message)
    chosen = chosen_of(FAULT_PROMISES, only, skip)
    return reported(FAULT_PROMISES, [(promise.id, promise.seen(fault, params or {})) for promise in chosen])
