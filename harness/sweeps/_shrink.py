"""Shrink: of everything that broke one promise under one kind, the case to look at first."""

from __future__ import annotations

from collections.abc import Sequence

from harness.sweeps._report import CaseReport, Failure


def failures(run: Sequence[CaseReport]) -> tuple[Failure, ...]:
    """One for each (promise, kind) that was broken and not known, in the order of the cases. The first to look at has
    the fewest strikes, strikes once, in the earliest call, at the earliest place."""
    groups: dict[tuple[str, str], list[CaseReport]] = {}
    for report in run:
        for violation in report.violations if report.failed else ():
            kind = " + ".join(strike.kind for strike in report.case.strikes)
            groups.setdefault((violation.checker, kind), []).append(report)
    return tuple(_failure(checker, kind, found) for (checker, kind), found in groups.items())


def _failure(checker: str, kind: str, found: Sequence[CaseReport]) -> Failure:
    first, *others = sorted(found, key=_size)
    text = next(violation.text for violation in first.violations if violation.checker == checker)
    return Failure(checker, kind, first, text, tuple(report.name for report in others))


def _size(report: CaseReport) -> tuple[object, ...]:
    strikes = report.case.strikes
    place = strikes[0].at
    return (
        len(strikes),
        any(strike.persistent for strike in strikes),
        _number(place.call),
        _number(place.attempt),
        _number(place.index),
    )


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
