"""The end of a sweep of tests: the map of each, and its failures, those of one promise and one fault together."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.model import Case
from harness.pytest_plugin._swept import PROPERTY

Told = Mapping[str, Any]


def summarise(reporter: Any) -> None:
    """The section of the terminal summary; none where nothing was swept."""
    found: dict[str, list[Told]] = {}
    for outcome, reports in reporter.stats.items():
        for report in reports if outcome != "rerun" else ():  # what it came to in the end is told
            for name, value in getattr(report, "user_properties", ()):
                if name == PROPERTY and getattr(report, "when", "") == "call":
                    found.setdefault(value["test"], []).append(value)
    if not found:
        return
    reporter.section("harness sweep", sep="=")
    for test, cases in found.items():
        for line in _lines(test, cases):
            reporter.line(line)


def _lines(test: str, cases: Sequence[Told]) -> Iterator[str]:
    from harness.sweeps import broken, heat_map  # noqa: PLC0415 - loads the session

    yield f"{test}: {len(cases)} cases"
    yield from (f"  {note}" for note in dict.fromkeys(note for case in cases for note in case["notes"]))
    yield heat_map([_Cell.of(case) for case in cases], shutil.get_terminal_size((100, 24)).columns)
    for (checker, kind), [(first, text), *others] in broken(cases).items():
        more = f" (and {len(others)} more)" if others else ""
        yield f"{checker} / {kind}: {first['name']}{more}"
        yield f"    {text}"
        yield f"    {first['repro']}"


@dataclass(frozen=True, slots=True)
class _Cell:
    """One case of the map."""

    case: Case
    cell: str

    @classmethod
    def of(cls, told: Told) -> _Cell:
        return cls(Case.parse(told["name"]), told["cell"])
