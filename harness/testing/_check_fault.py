"""check_fault: every promise of a fault, tried on answers of every dialect."""

from __future__ import annotations

from collections.abc import Iterable

from harness.errors import PromiseBrokenError
from harness.faults import FAULT_PROMISES
from harness.spec import Fault, Params
from harness.testing._check import Report


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
    known = [promise.id for promise in FAULT_PROMISES]
    unknown = sorted({*only, *skip} - {*known})
    if unknown:
        message = f"no promise is called {', '.join(unknown)}; there are {', '.join(known)}"
        raise ValueError(message)
    chosen = [p for p in FAULT_PROMISES if p.id not in set(skip) and (not only or p.id in set(only))]
    tried = [(promise.id, promise.seen(fault, params or {})) for promise in chosen]
    report = Report(
        kept=tuple(id_ for id_, seen in tried if seen is None),
        skipped=tuple((id_, "left out") for id_ in known if id_ not in {promise.id for promise in chosen}),
        broken=tuple((id_, seen) for id_, seen in tried if seen is not None),
    )
    if report.broken:
        raise PromiseBrokenError(str(report))
    return report
