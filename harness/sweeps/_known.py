"""Known failures: cases that are broken and that somebody has accepted, for a reason and until a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.errors import SweepError
from harness.model import Case


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
    known = tuple(one if isinstance(one, Known) else Known(**one) for one in given)
    for one in known:
        try:
            one.case  # noqa: B018 - it raises for what is no case
            one.is_over(dt.date.min)
        except ValueError as error:
            message = f"known failure {one.name!r}: {error}"
            raise SweepError(message) from error
        if not one.reason.strip():
            message = f"known failure {one.name!r} gives no reason"
            raise SweepError(message)
    return known
