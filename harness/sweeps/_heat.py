"""Heat: the map of a sweep. Rows are faults, columns are the places of one call, a cell is what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from harness.model import Case, Strike
from harness.sweeps._kinds import ORDER

WIDTH: Final = 100
"""How wide a map is where nobody says how wide the terminal is."""
_WORST: Final = " .~Re?kV"
"""Of several cases in one cell the worst is shown: signs later in this text are worse."""
_NAMED: Final = ("pre", "byte", "end", "await")
"""The columns that are no chunk: the first stands before the chunks, the others behind them."""


class Judged(Protocol):
    """What the map needs of a case."""

    @property
    def case(self) -> Case:
        """Where and what."""

    @property
    def cell(self) -> str:
        """One sign."""


def heat_map(cases: Iterable[Judged], width: int = WIDTH) -> str:
    """The map as text, one block for each call; `.` is the result of the baseline, `R` recovered by asking again, `e`
    failed with an exception of the contract, `V` a broken promise, `k` a known one, `?` diverged, `~` another result in
    another order, where that is allowed.

    A chunk has a column where something was tried at it, and else none. Calls that complete in other orders have a
    block of their own, with a column for each order. Where that is more than fits into `width` characters, the call has
    several blocks."""
    grid = _grid(cases)
    calls = sorted({call for call, _ in grid}, key=lambda call: (not call.isdecimal(), call.zfill(9)))
    return "\n".join(line for call in calls for line in _blocks(call, grid, width))


Grid = dict[tuple[str, str], dict[str, str]]


def _grid(cases: Iterable[Judged]) -> Grid:
    grid: Grid = {}
    for case in cases:
        strike = case.case.strikes[0]
        row = grid.setdefault((strike.at.call, strike.kind), {})
        column = _column(strike)
        row[column] = max(row.get(column, " "), case.cell, key=_WORST.find)
    return grid


def _column(strike: Strike) -> str:
    place = strike.at
    if strike.kind == ORDER:
        return str(dict(strike.params).get("as", ""))
    if place.point == "chunk":
        return place.index
    return place.point if place.point in _NAMED else "pre"


def _blocks(call: str, grid: Grid, width: int) -> Iterator[str]:
    rows = {kind: cells for (of, kind), cells in grid.items() if of == call}
    columns = sorted({column for cells in rows.values() for column in cells}, key=_in_time)
    name_width = 2 + max(len(name) for name in (f"call={call}", *rows))
    for part in _parts(columns, width - name_width):
        yield _row(f"call={call}", part, {column: column for column in part}, name_width)
        for kind, cells in rows.items():
            if any(column in cells for column in part):
                yield _row(f"  {kind}", part, cells, name_width)


def _in_time(column: str) -> tuple[int, int, str]:
    if column in _NAMED:
        place = _NAMED.index(column)
        return (2 if place else 0, place, "")
    return (1, int(column) if column.lstrip("-").isdecimal() else 0, column)


def _parts(columns: Sequence[str], room: int) -> Iterator[list[str]]:
    """As many columns at a time as `room` has place for, and at least one."""
    part: list[str] = []
    left = room
    for column in columns:
        if part and left < _width(column):
            yield part
            part, left = [], room
        part.append(column)
        left -= _width(column)
    if part:
        yield part


def _width(column: str) -> int:
    return 1 + max(2, len(column))


def _row(name: str, columns: Sequence[str], cells: Mapping[str, str], name_width: int) -> str:
    shown = "".join(f"{cells.get(column, ''):>{_width(column)}}" for column in columns)
    return f"{name:<{name_width}}{shown}".rstrip()
