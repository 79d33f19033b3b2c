"""check_dialect: every promise of a dialect, tried on answers of its own and on those that you bring."""

from __future__ import annotations

from collections.abc import Iterable

from harness.errors import PromiseBrokenError
from harness.model import Interaction
from harness.spec import Dialect
from harness.testing._check import Report
from harness.testing._dialect_promises import DIALECT_PROMISES, bench_of


def check_dialect(
    dialect: Dialect,
    samples: Iterable[Interaction] = (),
    *,
    only: Iterable[str] = (),
    skip: Iterable[str] = (),
) -> Report:
    """Try every promise of `dialect`.

    `samples` are recorded answers of it (`harness.load(path).interactions`); a dialect that renders none needs them,
    because otherwise there is nothing to read: ValueError.
    Returns a Report. Raises PromiseBrokenError that lists every broken promise with what was seen, ValueError for an id
    in `only` or `skip` that no promise has, and TypeError for what is no dialect at all.
    """
    given: object = dialect
    if not isinstance(given, Dialect):
        message = f"{given!r} is no dialect: see harness.spec.Dialect for what it has to have"
        raise TypeError(message)
    known = [promise.id for promise in DIALECT_PROMISES]
    unknown = sorted({*only, *skip} - {*known})
    if unknown:
        message = f"no promise is called {', '.join(unknown)}; there are {', '.join(known)}"
        raise ValueError(message)
    bench = bench_of(dialect, samples)
    if not bench.samples and not dialect.renders:
        message = f"{dialect.name} renders nothing, so there is nothing to read: pass recorded answers as `samples`"
        raise ValueError(message)
    chosen = [p for p in DIALECT_PROMISES if p.id not in set(skip) and (not only or p.id in set(only))]
    tried = [(promise.id, promise.seen(bench)) for promise in chosen]
    report = Report(
        kept=tuple(id_ for id_, seen in tried if seen is None),
        skipped=tuple((id_, "left out") for id_ in known if id_ not in {promise.id for promise in chosen}),
        broken=tuple((id_, seen) for id_, seen in tried if seen is not None),
    )
    if report.broken:
        raise PromiseBrokenError(str(report))
    return report
