"""Learnt: a subject whose run without faults is known, for whoever chooses one case after the other.

A sweep learns once for all of its cases. Who asks for the cases one by one, as a fuzzer does, would learn anew for
each: three runs of four would be spent on what is known. Rules:

1. What is learnt is never written to afterwards: a case comes to the same, whatever was run before it. So each case is
   run twice to see that it is the same twice, and not only the first of its phase.
2. Between two cases nothing is changed in the process: who chooses them may run anything there.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from harness.model import Case
from harness.sweeps._checkers import checkers
from harness.sweeps._contexts import quick
from harness.sweeps._laid import Seen
from harness.sweeps._outcome import Terms
from harness.sweeps._report import CaseReport
from harness.sweeps._running import run_case
from harness.sweeps._stage import Stage, Subject
from harness.sweeps._sweep import Sweep
from harness.sweeps._tiers import Tier


class Learnt:
    """`run` on `source`, learnt when this is made. `setup`, `contract`, `kinds` (names) and `invariants` are those of
    `harness.sweep`, and it raises what that raises before it judges anything."""

    def __init__(
        self,
        run: Callable[..., Any],
        source: Any,
        *,
        kinds: Sequence[str],
        contract: Iterable[type[BaseException]] = (),
        invariants: str | Iterable[str] | None = None,
        setup: Callable[[Any], Any] | None = None,
    ) -> None:
        terms = Terms(tuple(contract))
        subject = Subject(run=run, setup=setup, terms=terms)
        stage = Stage(source, options={})
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._sweep = Sweep(
            stage.name,
            partial(run_case, subject, stage),
            terms=terms,
            can_cancel=False,
            seed=subject.seed,
            kinds=kinds,
            tier=Tier.parse("smart"),
            modes=("once",),
            checkers=checkers(invariants, ()),
        )
        with quick(self._contexts):
            self._sweep.learn()

    @property
    def seen(self) -> Sequence[Seen]:
        """The answers of the run without faults."""
        return self._sweep.learn().seen

    def judged(self, case: Case) -> CaseReport:
        """`case`, run afresh."""
        with quick(self._contexts, collects=False):
            return self._sweep.run(case, has_twin=True)
