"""A state machine that lays one fault after the other over a driver, until a promise breaks; then it shrinks to the
smallest sequence and writes it down as a scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import yaml

from harness.errors import PromiseBrokenError
from harness.model import Case, Strike
from harness.sweeps import Learnt, chosen


def fault_machine(
    run: Callable[..., Any],
    source: str | PathLike[str],
    *,
    contract: Sequence[type[BaseException]] = (),
    kinds: str | Iterable[str] = "default",
    invariants: str | Iterable[str] | None = None,
    setup: Callable[[Any], Any] | None = None,
    written_to: str | PathLike[str] | None = None,
    most: int = 3,
) -> Any:
    """A hypothesis RuleBasedStateMachine over `run`, as `harness.sweep` takes it, and the scenario or cassette
    `source`.

    Each rule adds a fault, of at most `most`; after each the driver is run with all of them and every promise is
    checked. What is left after shrinking stands in `written_to` (`<source>.found.yaml` unless said): a scenario with
    one case, to be kept beside the tests. Use it as `TestFaults = fault_machine(...).TestCase`.

    The run without faults is learnt here, once; every sequence of faults is judged against it on a fresh session, a
    fresh clock and the same dice, so it comes to the same in whatever order hypothesis tries them.
    Raises here what `harness.sweep` raises before it judges anything, and MissingExtraError without hypothesis; inside
    of the machine PromiseBrokenError.
    """
    from hypothesis import stateful  # noqa: PLC0415 - harness does not bring it
    from hypothesis import strategies as st  # noqa: PLC0415 - as above

    from harness.testing.strategies import strikes  # noqa: PLC0415 - as above

    names = [kind for kind in chosen(kinds) if kind not in {"cancel", "order"}]

    learnt = Learnt(run, source, kinds=names, contract=contract, invariants=invariants, setup=setup)
    calls = len(learnt.seen)
    chunks = max((len(seen.answer.timeline.chunks) for seen in learnt.seen), default=1)
    target = Path(written_to if written_to is not None else f"{fspath(source)}.found.yaml")

    class Faults(stateful.RuleBasedStateMachine):
        """Faults, one after the other."""

        def __init__(self) -> None:
            super().__init__()
            self.strikes: list[Strike] = []

        @stateful.precondition(lambda self: len(self.strikes) < most)
        @stateful.rule(strike=strikes(calls=calls, chunks=chunks, kinds=names), persistent=st.booleans())
        def strike(self, strike: Strike, persistent: bool) -> None:  # noqa: FBT001 - hypothesis passes it by name
            """One more fault."""
            self.strikes.append(Strike(strike.at, strike.kind, strike.params, persistent))
            case = Case(tuple(self.strikes))
            report = learnt.judged(case)
            if report.violations:
                target.write_text(_scenario(Path(fspath(source)), self.strikes), "utf-8")
                told = "\n".join(f"  {violation}" for violation in report.violations)
                message = f"{report.name}\n{told}\n  written to {target}"
                raise PromiseBrokenError(message)

    return Faults


def _scenario(source: Path, found: list[Strike]) -> str:
    """The scenario of `source`, or one over its recording, with the faults as its only case."""
    read = yaml.safe_load(source.read_text("utf-8"))
    data = read if isinstance(read, dict) and "harness" in read else _over(source)
    data["cases"] = [{"id": "found", "faults": [_written(strike) for strike in found]}]
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def _over(source: Path) -> dict[str, Any]:
    return {"harness": 1, "name": "found", "cassette": {"file": source.name}}


def _written(strike: Strike) -> dict[str, Any]:
    times = {"times": "forever"} if strike.persistent else {}
    return {"at": str(strike.at), "kind": strike.kind, **dict(strike.params), **times}
