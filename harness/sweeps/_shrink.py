"""Shrink: of everything that broke one promise under one kind, the smallest case that does, to look at first.

In this order: without the second fault, once instead of for ever, the earliest call, the earliest of its structural
places. Each candidate is run, because a fault that breaks a promise at one place need not break it at an earlier one: a
search by halves would lose the way. An order is exchanged back, pair by pair, as far as it still fails. Then the
simplest kind of the same class that breaks the same promise is named, and the recording is made shorter, by the rules
in `_shorter.py`. What had to be ended in real time stays as it is: each candidate could take as long again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from harness.model import Case
from harness.sweeps._kinds import ORDER
from harness.sweeps._orders import Order, case_of, inversions, nearer, order_of
from harness.sweeps._report import CaseReport, Failure, Shorter

TRIES_MAX: Final = 12
"""So many cases are run at most to make one failure smaller."""
_SIMPLEST: Final = (
    ("eof-mid-stream", "reset-mid-stream", "truncate-clean", "cut-mid-chunk", "truncate-clean-mid-event"),
    ("eof-mid-stream", "truncate-clean", "malformed-json-event", "garbage-bytes", "invalid-utf8", "html-injected"),
    ("http-500-server-error", "http-503-overloaded", "http-502-html-proxy", "http-504-gateway-timeout"),
    ("connect-refused", "net-unreachable", "dns-failure", "tls-cert-invalid", "tls-eof", "keepalive-race"),
    ("stall-before-headers", "connect-timeout", "tls-handshake-timeout", "pool-timeout"),
)
"""Classes of faults that ask the same of a driver, the simplest first."""

Run = Callable[[Case], CaseReport]
Shorten = Callable[[CaseReport, str], Shorter | None]
Recorded = Callable[[Case], Order]


def failures(
    run: Sequence[CaseReport],
    again: Run | None = None,
    places: Mapping[str, Sequence[Case]] | None = None,
    shorten: Shorten | None = None,
    recorded: Recorded | None = None,
) -> tuple[Failure, ...]:
    """One for each (promise, kind) that was broken and not known, in the order of the cases.

    `again` runs a case that was not run yet, to see whether a smaller one fails too; `places` are the structural places
    of each kind, in order. `shorten` makes the recording shorter for a case and the checker that it does not pass.
    `recorded` is the order in which the calls of a case complete without it, that of asking unless given.
    """
    reports = {report.name: report for report in run}
    groups: dict[tuple[str, str], list[CaseReport]] = {}
    for report in run:
        for violation in report.violations if report.failed else ():
            groups.setdefault((violation.checker, _kind(report.case)), []).append(report)
    shrinker = _Shrinker(reports, again, places or {}, shorten, recorded or _as_asked)
    return tuple(shrinker.failure(checker, kind, found) for (checker, kind), found in groups.items())


class _Shrinker:
    """Makes cases smaller. Remembers what it ran."""

    def __init__(
        self,
        reports: dict[str, CaseReport],
        again: Run | None,
        places: Mapping[str, Sequence[Case]],
        shorten: Shorten | None,
        recorded: Recorded,
    ) -> None:
        self._reports = reports
        self._again = again
        self._places = places
        self._shorten = shorten
        self._recorded = recorded

    def failure(self, checker: str, kind: str, found: Sequence[CaseReport]) -> Failure:
        """The failure of one group, with its smallest case."""
        first = self._smallest(min(found, key=self._size), checker)
        return Failure(
            checker,
            kind,
            first,
            next(violation.text for violation in first.violations if violation.checker == checker),
            tuple(report.name for report in sorted(found, key=self._size) if report.name != first.name),
            self._simplest(checker, kind),
            len({entry.call for entry in first.outcome.history}),
            self._shorten(first, checker) if self._shorten is not None and not first.outcome.ran_over else None,
        )

    def _smallest(self, report: CaseReport, checker: str) -> CaseReport:
        tries = TRIES_MAX if self._again is not None and not report.outcome.ran_over else 0
        smaller = True
        while smaller:
            smaller = False
            for case in self._candidates(report.case):
                known = self._reports.get(str(case))
                if known is None and tries > 0 and self._again is not None:
                    tries -= 1
                    known = self._reports[str(case)] = self._again(case)
                    tries *= not known.outcome.ran_over
                if known is not None and _breaks(known, checker) and self._size(known) < self._size(report):
                    report, smaller = known, True
                    break
        return report

    def _candidates(self, case: Case) -> Iterator[Case]:
        """Smaller cases, the most wanted first."""
        if len(case.strikes) > 1:
            yield from (Case((strike,)) for strike in case.strikes)
        yield from (
            replace(
                case, strikes=(*case.strikes[:place], replace(strike, persistent=False), *case.strikes[place + 1 :])
            )
            for place, strike in enumerate(case.strikes)
            if strike.persistent
        )
        if len(case.strikes) == 1:
            strike = case.strikes[0]
            if strike.kind == ORDER:
                yield from map(case_of, nearer(order_of(case), self._recorded(case)))
                return
            for earlier in self._places.get(strike.kind, ()):
                yield Case((replace(earlier.strikes[0], persistent=strike.persistent),))

    def _size(self, report: CaseReport) -> tuple[int, ...]:
        return size_of(report.case, self._recorded(report.case))

    def _simplest(self, checker: str, kind: str) -> str:
        """The name of a case of a simpler kind that breaks the same promise; empty where there is none."""
        for alike in _SIMPLEST:
            for simpler in alike[: alike.index(kind)] if kind in alike else ():
                broken = [one for one in self._reports.values() if _kind(one.case) == simpler and _breaks(one, checker)]
                if broken:
                    return min(broken, key=self._size).name
        return ""


def _breaks(report: CaseReport, checker: str) -> bool:
    return report.failed and any(violation.checker == checker for violation in report.violations)


def _kind(case: Case) -> str:
    return " + ".join(strike.kind for strike in case.strikes)


def size_of(case: Case, recorded: Order = ()) -> tuple[int, ...]:
    """Less for what is to be looked at first: fewer strikes, once, an earlier call and attempt, an earlier place, fewer
    calls that complete the other way round than in `recorded` (that in which they were asked, where nobody knows)."""
    order = order_of(case)
    strikes = case.strikes
    places = [number for strike in strikes for number in (_number(strike.at.call), _number(strike.at.attempt))]
    points = [_number(strike.at.index) for strike in strikes]
    turned = inversions(order, recorded or _as_asked(case))
    return (len(strikes), sum(strike.persistent for strike in strikes), *places, *points, turned)


def _as_asked(case: Case) -> Order:
    return tuple(sorted(order_of(case)))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
