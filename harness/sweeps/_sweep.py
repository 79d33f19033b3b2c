"""The sweep itself: SQLite's anomaly testing for the code around a model.

Run the subject without faults and learn its calls and chunks. Run it again for every fault at every place, each time
with a fresh session, a fresh clock and the same dice. Judge each run against the first.
"""

from __future__ import annotations

import datetime as dt
import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

from harness.clock import real_time
from harness.errors import NoSitesError, SweepError
from harness.model import Case, Nanos
from harness.sweeps._baseline import FIRST_HORIZON, baseline, horizon_of
from harness.sweeps._checkers import checkers as checkers_called
from harness.sweeps._contexts import quick
from harness.sweeps._covered import covered
from harness.sweeps._extent import Extent
from harness.sweeps._kinds import CANCEL, NO_FAULTS, ORDER, chosen, phase_of
from harness.sweeps._known import Known, known_failures
from harness.sweeps._lines import Lines
from harness.sweeps._orders import Order, order_of
from harness.sweeps._outcome import ATTEMPTS_MAX, Outcome, Terms, equal
from harness.sweeps._overlaps import Overlaps, overlaps
from harness.sweeps._places import Point, cancels, points
from harness.sweeps._report import CaseReport, SweepReport
from harness.sweeps._running import run_case
from harness.sweeps._said import filled, read_case, read_depth, read_dice, read_modes, read_terms
from harness.sweeps._schedule import Schedule
from harness.sweeps._shorter import Shortener, Shortens
from harness.sweeps._shrink import Shorten, failures
from harness.sweeps._stage import REAL_S_MAX, Stage, Subject
from harness.sweeps._tiers import MODES, Planned, Tier, edges_of, plan, structural_of
from harness.sweeps._verdict import Checker, Verdict, judge

Compare = Callable[[Any, Any], bool]
KnownFailures = Iterable[Known | Mapping[str, str]] | Mapping[str, str]
SHRUNK_REPRO = "harness.sweep(run, {path!r}, cases=[{case!r}]{dice})"
REPRO = "harness.sweep(run, {source!r}, cases=[{case!r}]{dice})"
EVERYWHERE = Extent()


def sweep(  # noqa: PLR0913 - the keywords of the front door
    run: Callable[..., Any],
    source: Any,
    *,
    kinds: str | Iterable[str] = "default",
    tier: str = "smart",
    contract: Iterable[type[BaseException]] = (),
    invariants: str | Iterable[str] | None = None,
    checkers: Iterable[Checker] | Mapping[str, Checker] = (),
    modes: Sequence[str] = MODES,
    cancel: Callable[[Any], object] | bool | None = None,
    schedules: bool | None = None,
    depth: int = 1,
    budget: int | None = None,
    seed: int = 0,
    known: KnownFailures = (),
    compare: Compare = equal,
    setup: Callable[[Any], Any] | None = None,
    cases: Iterable[str | Case] | None = None,
    attempts_max: int = ATTEMPTS_MAX,
    idempotent: bool = False,
    fallback: Any = None,
    scenario_case: str | None = None,
    repro: str = REPRO,
    shrunk_to: str | PathLike[str] | None = None,
    shrunk_repro: str = SHRUNK_REPRO,
    extent: Extent = EVERYWHERE,
    real_s_max: float | None = REAL_S_MAX,
    coverage: bool = False,
    **options: Any,
) -> SweepReport:
    """Break every chunk of `source` in turn and see what `run` does.

    `run(session)` is the code under the sweep, sync or async; with `setup(session)`, which makes the driver, it is
    `run(session, driver)`, and each driver is tried once more after the fault is gone. What it returns is compared with
    the run without faults by `compare`.
    `source`: the path of a cassette or scenario, a Cassette, or a function that makes a fresh Source each time.
    `kinds`: which faults, as `"default -http-* +cancel"` (names, patterns, phases). `modes`: `once`, `persistent`.
    `tier`: `smart` (structural places, at most 400), `full`, or `sample:200`; `budget` caps any of them.
    `contract`: the exceptions that may escape; the known SDKs' own unless given.
    `invariants`: which of INVARIANTS are asked, all unless said (`"-no-leaks"`); `checkers`: further functions
    `(outcome, baseline) -> str | None`.
    `cancel`: how a sync driver is cancelled, a function of what `setup` made (else of the session); False sweeps none.
    `schedules`: calls that are open at the same time complete in every other order (a seeded sample of more than four),
    which must change neither what is asked nor what comes out; on where calls overlap, as the kind `order`. True is an
    error where none do, False is no such case.
    `coverage`: coverage.py (an extra) tells which lines only ever ran under a fault, and which handlers never ran.
    `depth` 2 lays a second fault over each recovery from a first one.
    `known`: failures that are accepted, each with a reason. `cases`: run these and no others.
    `attempts_max`, `idempotent`: what the retry checkers allow. `fallback`: a source for what the recording cannot
    answer after a fault. `repro` is the line to paste, with `{case}` in it.
    `shrunk_to` is a folder for the recordings that were made shorter, one for each failure that needs less than the
    whole of `source`; nothing is written without it. `shrunk_repro` is the line for one, with `{path}` and `{case}`.
    `extent` narrows the places: calls, chunks, a shard, a budget of real time.
    `real_s_max`: a run that takes longer in real time, in seconds, is ended, and HUNG; None is no limit.
    Further keywords are those of `harness.replay` (`ignore`, `redact`, `matcher`, ...).

    Raises, before anything is judged: SubjectFailsError, NotDeterministicError, NoSitesError, UnknownKindError,
    UnknownCheckerError, SweepError; and what opening the source raises.
    """
    read_dice(seed, schedules=schedules, cancel=cancel)
    terms = read_terms(contract, attempts_max, idempotent=idempotent, same=compare)
    press = cancel if callable(cancel) else None
    subject = Subject(run=run, setup=setup, press=press, terms=terms, seed=seed, real_s_max=real_s_max)
    stage = Stage(source, scenario_case=scenario_case, fallback=fallback, options=options)
    lines, once = Lines() if coverage else None, partial(run_case, subject, stage)
    swept = Sweep(
        stage.name,
        once if lines is None else lines.around(once),
        terms=terms,
        can_cancel=subject.is_async or press is not None,
        seed=seed,
        kinds=[kind for kind in chosen(kinds, schedules) if cancel is not False or kind != CANCEL],
        tier=Tier.parse(tier, budget),
        modes=modes,
        checkers=checkers_called(invariants, checkers),
        known=known_failures(known),
        repro=filled(repro, source, seed),
    )
    swept.extent = extent
    swept.shortens = Shortens(lambda other: partial(run_case, subject, stage.over(other)), stage.rules)
    if shrunk_to is not None:
        swept.shortens = replace(swept.shortens, folder=Path(shrunk_to), repro=filled(shrunk_repro, source, seed))
    swept.needs_orders = schedules is True
    report = swept.report(None if cases is None else [read_case(case) for case in cases], depth=read_depth(depth))
    return report if lines is None else replace(report, coverage=covered(lines.reached()))


class Sweep:
    """One sweep, step by step: `learn`, `planned`, `run` for each case, `report` for all of it.

    `once` runs the subject: it takes a case (None for no fault) and the horizon, and the keywords of `run_case`.
    `can_cancel`: there is something to cancel, whatever a run without faults shows.
    """

    def __init__(  # noqa: PLR0913 - what `sweep` was told, read and checked
        self,
        name: str,
        once: Callable[..., Outcome],
        *,
        terms: Terms,
        can_cancel: bool,
        seed: int,
        kinds: Sequence[str],
        tier: Tier,
        modes: Sequence[str],
        checkers: Mapping[str, Checker],
        known: Sequence[Known] = (),
        repro: str = REPRO,
    ) -> None:
        self.name = name
        self.once = once
        self.terms = terms
        self.seed = seed
        self._can_cancel = can_cancel
        self.kinds = tuple(kinds)
        self.tier = tier
        self.modes = read_modes(modes)
        self.checkers = dict(checkers)
        self.known = {one.name: one for one in known}
        self.repro = repro
        self.extent = EVERYWHERE
        self.shortens: Shortens | None = None
        self.needs_orders = False
        self.notes: list[str] = []
        self.sites: dict[str, int] = {}
        self.plan = Planned((), {})
        self._places: dict[str, list[Case]] = {}
        self._horizon = FIRST_HORIZON
        self._baseline: Outcome | None = None
        self._twins: set[str] = set()
        self._overlaps: Overlaps | None = None

    # --- learning ---

    def learn(self) -> Outcome:
        """The run without faults. Raises what `baseline` raises."""
        if self._baseline is None:
            self._baseline = baseline(lambda: self.once(None, FIRST_HORIZON), self.notes)
            self._horizon = horizon_of(self._baseline, self.terms.attempts_max)
        return self._baseline

    def points(self) -> dict[str, list[Point]]:
        """Every place of every kind. Raises NoSitesError where there is none at all."""
        first = self.learn()
        found = {kind: list(points(kind, first.seen)) for kind in self.kinds if kind not in NO_FAULTS}
        if CANCEL in self.kinds:
            found[CANCEL] = self._cancels(first)
        if ORDER in self.kinds:
            found[ORDER] = self._reordered()
        lengths = {(str(one.call), str(one.attempt)): len(one.answer.timeline.chunks) for one in first.seen}
        for kind, places in found.items():
            found[kind] = [one for one in places if self.extent.holds(one, lengths.get(_answer(one), 0))]
        self.sites = {kind: len(places) for kind, places in found.items()}
        if not any(found.values()):
            message = (
                f"none of {', '.join(self.kinds)} can strike any of the {len(first.seen)} answers that were asked for"
            )
            raise NoSitesError(message)
        return found

    def _reordered(self) -> list[Point]:
        overlaps = self.overlaps
        found = list(overlaps.points(self.seed))
        self.notes += overlaps.notes(self.seed)
        if not found and (self.needs_orders or self.kinds == (ORDER,)):
            raise NoSitesError(overlaps.none_of(len({entry.call for entry in self.learn().history})))
        return found

    @property
    def overlaps(self) -> Overlaps:
        """The calls that were open at the same time. Takes one more run where the recording knows no times."""
        if self._overlaps is None:
            first = self.learn()
            self._overlaps = overlaps(first, lambda slow: self.once(None, self._horizon, heals=False, schedule=slow))
        return self._overlaps

    def schedule(self, case: Case) -> Schedule | None:
        """When answers have to come for `case`; None where they come as recorded."""
        return self.overlaps.schedule(case) if order_of(case) else None

    def recorded(self, case: Case) -> Order:
        """The order in which the calls of `case` complete without it; empty where it says none."""
        return self.overlaps.recorded(case) if order_of(case) else ()

    def refuse(self, cases: Iterable[Case]) -> None:
        """Raises SweepError for an order of calls that are never open at the same time."""
        for case in cases:
            if order_of(case) and self.schedule(case) is None:
                raise SweepError(self.overlaps.unknown(case))

    def _cancels(self, first: Outcome) -> list[Point]:
        if self._can_cancel or first.can_be_cancelled:
            counted = self.once(None, self._horizon, counts_awaits=True)
            return list(cancels(first.seen, counted.history))
        self.notes.append("cancel is not swept: nothing of this sync subject can be cancelled; pass cancel=function")
        return []

    def planned(self) -> Planned:
        """What to run."""
        places = self.points()
        seen = self.learn().seen
        edges = edges_of(seen)
        self._places = {kind: [point.case for point in structural_of(found, edges)] for kind, found in places.items()}
        found = [point for kind in places.values() for point in kind]
        self.plan = plan(found, self.learn().seen, self.tier, self.modes, self.seed)
        return self.plan

    # --- running ---

    def run(self, case: Case, *, has_twin: bool = False) -> CaseReport:
        """One case, judged; tried again and run twice where it is due. `has_twin` runs it twice."""
        self.learn()
        schedule = self.schedule(case)
        moved = {"schedule": schedule} if schedule is not None else {}
        outcome = self.once(case, self._horizon, heals=self.is_tried_again(case), **moved)
        if not outcome.ran_over and self.is_run_twice(case, has_twin=has_twin):
            twin = self.once(case, self._horizon, heals=False, **moved)
            outcome = replace(outcome, twin=twin.digest)
        return self.judged(case, outcome)

    def is_tried_again(self, case: Case) -> bool:
        """True where the driver is tried once more after `case`. Smart does it after what struck once, full always."""
        asked = "reusable-after-fault" in self.checkers
        return asked and (self._is_thorough or not case.strikes[0].persistent)

    def is_run_twice(self, case: Case, *, has_twin: bool = False) -> bool:
        """True where `case` is run twice, to see that it is the same twice. Smart does it with the first case of each
        phase that is asked for here and with those that are to have a twin, full with all."""
        asked = "deterministic" in self.checkers
        return asked and (has_twin or self._is_thorough or self._is_first_of_its_phase(case))

    @property
    def _is_thorough(self) -> bool:
        return self.tier.name != "smart"

    @property
    def horizon(self) -> Nanos:
        """How late a case may get; it is known once the baseline is."""
        self.learn()
        return self._horizon

    def judged(self, case: Case, outcome: Outcome) -> CaseReport:
        """What `outcome`, of `case`, came to."""
        verdict, violations = judge(outcome, self.learn(), self.checkers)
        name = str(case)
        same = not outcome.returned or self.terms.same(outcome.result, self.learn().result)
        return CaseReport(
            case=case,
            verdict=verdict,
            violations=violations,
            outcome=outcome,
            differs=ORDER in outcome.struck and not same,
            known=self._known(name, [violation.checker for violation in violations]),
            repro=self.repro.replace("{case!r}", repr(name)).replace("{case}", name),
        )

    def _is_first_of_its_phase(self, case: Case) -> bool:
        kind = case.strikes[0].kind
        phase = phase_of(kind) or kind
        known = phase in self._twins
        self._twins.add(phase)
        return not known

    def _known(self, name: str, broken: Sequence[str]) -> str:
        one = self.known.get(name)
        if one is None or one.is_over(_today()) or (one.checker and set(broken) != {one.checker}):
            return ""
        return one.reason

    def report(self, cases: Sequence[Case] | None = None, *, depth: int = 1) -> SweepReport:
        """Run `cases`, or what is planned, and tell."""
        with quick():
            first = self.learn()
            self.refuse(cases or ())
            planned = self.planned() if cases is None else Planned(tuple(cases), {})
            extra = [one.case for one in self.known.values()] if cases is None else []
            deadline = self.extent.clock()
            wanted = self.extent.part(list(dict.fromkeys((*planned.cases, *extra))))
            run = [self._collected(case) for case in wanted if not deadline.is_over(case)]
            second = list(dict.fromkeys(self._second(run))) if depth > 1 else []
            most = len(second) if self.tier.most is None else self.tier.most
            run += [self._collected(case) for case in second[:most] if not deadline.is_over(case)]
            smaller: list[CaseReport] = []
            again = None if deadline.skipped else lambda case: self._collected(case, smaller)
            shorten = self._shortener() if again is not None else None
            found = failures(run, again, self._places, shorten, self.recorded)
            run += smaller
        covered = [replace(one, covers=planned.covered.get(one.name, ())) for one in run]
        verdict, violations = judge(first, first, self.checkers)
        if violations:
            self.notes += [f"without any fault: {violation}" for violation in violations]
        base = CaseReport(case=Case(()), verdict=verdict, violations=violations, outcome=first)
        return SweepReport(
            name=self.name,
            tier=self.tier.name,
            seed=self.seed,
            kinds=self.kinds,
            baseline=base,
            cases=tuple(covered),
            failures=found,
            left_out=planned.left_out + len(second[most:]) + deadline.skipped,
            stale=tuple(self._stale(covered)),
            notes=tuple(self.notes),
            checkers=tuple(self.checkers),
            sites=self.sites,
        )

    def _shortener(self) -> Shorten | None:
        if self.shortens is None:
            return None
        return Shortener(self.shortens, self.learn().seen, self._horizon, self.checkers, self.notes)

    def _collected(self, case: Case, into: list[CaseReport] | None = None) -> CaseReport:
        report = self.run(case)
        if into is not None:
            into.append(report)
        gc.freeze()  # what was judged is kept; without this every case would look through all before it
        return report

    def _second(self, run: Sequence[CaseReport]) -> Iterator[Case]:
        """A second fault at every place that comes after the first one, where that one was recovered from."""
        for report in run:
            seen = report.outcome.seen
            struck = next((place for place, one in enumerate(seen) if one.struck), None)
            recovered = report.verdict is Verdict.RECOVERED and report.outcome.asked_again
            if not recovered or struck is None or report.case.strikes[0].persistent:
                continue
            later = seen[struck + 1 :]
            found = [point for kind in self.kinds if kind not in NO_FAULTS for point in points(kind, later)]
            for case in plan(found, later, self.tier, ("once",), self.seed).cases:
                yield Case((*report.case.strikes, *case.strikes))

    def _stale(self, run: Sequence[CaseReport]) -> Iterator[str]:
        by_name = {report.name: report for report in run}
        for name, one in self.known.items():
            report = by_name.get(name)
            if report is None:
                continue
            if one.is_over(_today()):
                yield f"known failure {name} ran out on {one.until} ({one.reason})"
            elif not report.violations:
                yield f"known failure {name} passes: take it off the list ({one.reason})"


def _today() -> dt.date:
    return dt.datetime.fromtimestamp(real_time(), dt.UTC).date()


def _answer(point: Point) -> tuple[str, str]:
    return point.strike.at.call, point.strike.at.attempt
