"""Known failures: cases that are broken and that somebody has accepted, for a reason and until a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import SweepError
from harness.model import Case
from harness.sweeps._said import read_case


@dataclass(frozen=True, slots=True)
class Known:
    """The case called `name` breaks a promise, because of `reason`; after `until` (a date such as 2026-12-31, empty for
    no end) it counts again. `checker` narrows it to one promise. A known failure that passes is an error."""

    name: str
    reason: str
    until: str = ""
    checker: str = ""

    @property
    def case(self) -> Case:
        """The case that `name` says."""
        return Case.parse(self.name)

    def is_over(self, today: dt.date) -> bool:
        """True where `until` has passed."""
        return bool(self.until) and dt.date.fromisoformat(self.until) < today


def known_failures(given: Iterable[Known | Mapping[str, str]] | Mapping[str, str]) -> tuple[Known, ...]:
    """What is known, from values, from mappings with their fields, or from one mapping of names to reasons. Raises
    SweepError for what names no case, gives no reason, or has no date."""
    if isinstance(given, Mapping):
        given = [Known(name, reason) for name, reason in given.items()]
    known = tuple(one if isinstance(one, Known) else _read(one) for one in given)
    for one in known:
        try:
            read_case(one.name)
            one.is_over(dt.date.min)
        except (SweepError, ValueError, TypeError) as error:
            message = f"known failure {one.name!r}: {error}"
            raise SweepError(message) from error
        if not one.reason.strip():
            message = f"known failure {one.name!r} gives no reason"
            raise SweepError(message)
    return known


def _read(one: Any) -> Known:
    try:
        read = Known(**one)
        return replace(read, until=str(read.until))  # a date is one as well
    except TypeError as error:
        message = f"known failure {one!r}: say its name and its reason, and if you like until and checker"
        raise SweepError(message) from error
