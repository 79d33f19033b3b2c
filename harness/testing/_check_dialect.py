"""check_dialect: every promise of a dialect, tried on answers of its own and on those that you bring."""

from __future__ import annotations

from collections.abc import Iterable

from harness.model import Interaction
from harness.spec import Dialect
from harness.testing._check import Report, chosen_of, reported
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
    chosen = chosen_of(DIALECT_PROMISES, only, skip)
    bench = bench_of(dialect, samples)
    if not bench.samples and not dialect.renders:
        message = f"{dialect.name} renders nothing, so there is nothing to read: pass recorded answers as `samples`"
        raise ValueError(message)
    return reported(DIALECT_PROMISES, [(promise.id, promise.seen(bench)) for promise in chosen])
