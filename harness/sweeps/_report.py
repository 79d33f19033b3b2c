"""SweepReport: everything that a sweep found, as values. Whatever shows it, in a terminal or on a page, begins here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.model import Case, Cassette, Json
from harness.sweeps._as_json import case_json, run_json
from harness.sweeps._covered import Covered
from harness.sweeps._heat import WIDTH, heat_map
from harness.sweeps._outcome import Outcome
from harness.sweeps._verdict import Verdict, Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReport:
    """One case: what it came to, and the other cases that are the same and were not run. `repro` is what to type.
    `differs`: calls completed in another order, and the result is another."""

    case: Case
    verdict: Verdict
    violations: tuple[Violation, ...]
    outcome: Outcome
    covers: tuple[str, ...] = ()
    differs: bool = False
    known: str = ""
    repro: str = ""

    @property
    def name(self) -> str:
        """The name of the case, which replays it alone."""
        return str(self.case)

    @property
    def failed(self) -> bool:
        """True where it broke a promise and nobody knew."""
        return bool(self.violations) and not self.known

    @property
    def cell(self) -> str:
        """One sign for a map: `.` the result of the baseline with nothing asked anew, `R` recovered, `e` failed with an
        exception of the contract, `V` a violation, `k` a known one, `?` diverged, `~` another result in another order,
        where `order-neutral` is not asked, a blank where nothing struck."""
        if self.violations:
            return "k" if self.known else "V"
        match self.verdict:
            case Verdict.DIVERGED:
                return "?"
            case Verdict.NOT_STRUCK:
                return " "
            case Verdict.RECOVERED:
                return "~" if self.differs else "R" if self.outcome.asked_again else "."
            case Verdict.FAILED_CLEANLY:
                return "e"
            case _:
                return "V"


@dataclass(frozen=True, slots=True)
class Shorter:
    """A recording, made shorter, on which `case` breaks the same promise; `chunks` are left of `of`. `path` is where it
    was written, empty where it was not, and `repro` what to type then."""

    recording: Cassette
    case: Case
    chunks: int
    of: int
    path: str = ""
    repro: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"{self.chunks} of {self.of} chunks show it as well, as {self.case}\n    {self.repro}"
        return f"{self.chunks} of {self.of} chunks show it as well; a folder to write them to is shrunk_to"


@dataclass(frozen=True, slots=True)
class Failure:
    """A promise that was broken under one kind: the case to look at first, and the others that broke it too.

    `simplest` is a case of a simpler kind that breaks the same promise, `calls` is how many calls of the recording are
    needed to see it. `shorter` is a recording of its own for the first case; None where nothing could be left out.
    """

    checker: str
    kind: str
    first: CaseReport
    text: str
    others: tuple[str, ...] = ()
    simplest: str = ""
    calls: int = 0
    shorter: Shorter | None = None

    def __str__(self) -> str:
        more = f" (and {len(self.others)} more)" if self.others else ""
        simpler = f"\n    simpler: {self.simplest}" if self.simplest else ""
        shorter = f"\n    shorter: {self.shorter}" if self.shorter is not None else ""
        return f"{self.checker} / {self.kind}: {self.first.name}{more}\n    {self.text}{simpler}{shorter}"


@dataclass(frozen=True, kw_only=True)
class SweepReport:
    """A sweep of `name`. `left_out` counts the points that did not fit into `tier`; `stale` are complaints about the
    list of known failures; `notes` say what could not be swept, and why; `sites` counts the places of each kind."""

    name: str
    tier: str
    seed: int
    kinds: tuple[str, ...]
    baseline: CaseReport
    cases: tuple[CaseReport, ...]
    failures: tuple[Failure, ...] = ()
    left_out: int = 0
    stale: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    checkers: tuple[str, ...] = ()
    sites: Mapping[str, int] = field(default_factory=dict)
    coverage: Covered | None = None

    @property
    def ok(self) -> bool:
        """True where no promise was broken that was not known, and the list of known failures is true."""
        return not self.failures and not self.stale

    @property
    def verdicts(self) -> Counter[Verdict]:
        """How many cases came to what."""
        return Counter(case.verdict for case in self.cases)

    def __getitem__(self, name: str) -> CaseReport:
        """The case of this name. Raises KeyError."""
        return next((case for case in self.cases if case.name == name), None) or _absent(name)

    def text(self, width: int = WIDTH) -> str:
        """The report for a terminal of `width` characters: the map, the summary, one line for each (promise, kind) with
        what to type."""
        return "\n".join(self._lines(width))

    def _lines(self, width: int) -> Sequence[str]:
        counted = ", ".join(f"{count} {verdict}" for verdict, count in self.verdicts.most_common())
        lines = [f"sweep of {self.name}: {len(self.cases)} cases ({self.tier}, seed {self.seed}): {counted}"]
        covered = sum(len(case.covers) for case in self.cases)
        if covered:
            lines.append(f"  {covered} more are covered by them: the caller hears the same")
        if self.left_out:
            lines.append(f"  {self.left_out} points left out by tier {self.tier}; tier='full' runs them all")
        lines += [f"  {note}" for note in self.notes]
        lines += ["", heat_map(self.cases, width), ""]
        for failure in self.failures:
            lines += [str(failure), f"    {failure.first.repro}"]
        lines += self.stale
        if self.coverage is not None:
            lines.append(self.coverage.text())
        broken = sum(case.failed for case in self.cases)
        lines.append(f"{broken} cases break a promise" if broken > 1 else f"{broken or 'no'} case breaks a promise")
        return lines

    def to_json(self) -> dict[str, Json]:
        """All of it as JSON, redacted. Times are whole virtual nanoseconds since the session was opened."""
        cases: list[Json] = [case_json(case) for case in self.cases]
        return {
            "version": 1,
            "name": self.name,
            "tier": self.tier,
            "seed": self.seed,
            "kinds": list(self.kinds),
            "checkers": list(self.checkers),
            "sites": dict(self.sites),
            "left_out": self.left_out,
            "notes": list(self.notes),
            "stale": list(self.stale),
            "ok": self.ok,
            "verdicts": {str(verdict): count for verdict, count in self.verdicts.items()},
            "baseline": run_json(self.baseline.outcome),
            "cases": cases,
            "coverage": self.coverage.to_json() if self.coverage is not None else None,
            "failures": [
                {
                    "checker": failure.checker,
                    "kind": failure.kind,
                    "case": failure.first.name,
                    "text": failure.text,
                    "repro": failure.first.repro,
                    "others": list(failure.others),
                    "simplest": failure.simplest,
                    "calls": failure.calls,
                    "shorter": _shorter_json(failure.shorter),
                }
                for failure in self.failures
            ],
        }


def _shorter_json(one: Shorter | None) -> Json:
    if one is None:
        return None
    return {"case": str(one.case), "chunks": one.chunks, "of": one.of, "path": one.path, "repro": one.repro}


def _absent(name: str) -> CaseReport:
    raise KeyError(name)
