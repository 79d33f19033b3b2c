"""Heat: the map of a sweep. Rows are faults, columns are the places of one call, a cell is what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from harness.model import Case, Locator
from harness.sweeps._outcome import Outcome

_WORST = " .Re?kV"
"""Of several cases in one cell the worst is shown: signs later in this text are worse."""


class Judged(Protocol):
    """What the map needs of a case."""

    @property
    def case(self) -> Case:
        """Where and what."""

    @property
    def cell(self) -> str:
        """One sign."""


def heat_map(baseline: Outcome, cases: Iterable[Judged]) -> str:
    """The map as text, one block for each call; `.` is the result of the baseline, `R` recovered by asking again, `e`
    failed with an exception of the contract, `V` a broken promise, `k` a known one, `?` diverged."""
    grid = _grid(cases)
    widths = {str(seen.call): len(seen.answer.timeline.chunks) for seen in baseline.seen}
    calls = sorted({call for call, _ in grid}, key=lambda call: (not call.isdecimal(), call.zfill(9)))
    return "\n".join(line for call in calls for line in _block(call, grid, widths.get(call, 0)))


Grid = dict[tuple[str, str], dict[str, str]]


def _grid(cases: Iterable[Judged]) -> Grid:
    grid: Grid = {}
    for case in cases:
        strike = case.case.strikes[0]
        row = grid.setdefault((strike.at.call, strike.kind), {})
        column = _column(strike.at)
        row[column] = max(row.get(column, " "), case.cell, key=_WORST.find)
    return grid


def _column(place: Locator) -> str:
    if place.point == "chunk":
        return place.index
    return {"await": "await", "byte": "byte", "end": "end"}.get(place.point, "pre")


def _block(call: str, grid: Grid, chunks: int) -> Iterator[str]:
    rows = [(kind, cells) for (of, kind), cells in grid.items() if of == call]
    numbers = [str(number) for number in range(1, chunks + 1)]
    more = [name for name in ("byte", "end", "await") if any(name in cells for _, cells in rows)]
    columns = ["pre", *numbers, *more]
    name_width = max(len(f"call={call}"), *(len(kind) for kind, _ in rows))
    widths = [max(2, len(column)) for column in columns]
    yield _row(f"call={call}", columns, name_width, widths)
    for kind, cells in rows:
        yield _row(f"  {kind}", [cells.get(column, " ") for column in columns], name_width, widths)


def _row(name: str, cells: Sequence[str], name_width: int, widths: Sequence[int]) -> str:
    shown = " ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
    return f"{name:<{name_width + 2}} {shown}".rstrip()
