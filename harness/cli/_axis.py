"""One answer drawn on a time axis. Pure: a timeline in, one line out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from harness.model import PER_MILLISECOND, PER_SECOND, Chunk, Nanos, Timeline


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters of an axis. `ticks` are for one chunk, two, four and eight or more in one column."""

    waiting: str
    flowing: str
    ticks: str
    ends: dict[str, str]


UNICODE = Glyphs("·", "─", "╵┴╨█", {"eof": "┤", "error": "✗", "closed": "╳", "cancelled": "╳", "open": "┄"})
ASCII = Glyphs(".", "-", "':|#", {"eof": "]", "error": "!", "closed": "x", "cancelled": "x", "open": "~"})


def axis(timeline: Timeline, width: int, scale: Nanos, glyphs: Glyphs) -> str:
    """`timeline` on `width` columns, the last one being the time `scale`; at least one column for the end."""
    last = max(width - 1, 1)

    def column(at: Nanos) -> int:
        return min(last - 1, at * last // scale) if scale else 0

    counts = Counter(column(at) for at, event in timeline.events if isinstance(event, Chunk))
    stop = max([column(timeline.end_at), *counts])
    waits = column(timeline.events[0][0]) if timeline.head else stop + 1
    cells = [glyphs.waiting if n < waits else glyphs.flowing for n in range(stop + 1)]
    for place, count in counts.items():
        cells[place] = _tick(count, glyphs.ticks)
    return "".join(cells) + glyphs.ends[timeline.end]


def _tick(count: int, ticks: str) -> str:
    """Taller for more: the number of binary digits of `count`, as far as there are ticks."""
    return ticks[min(count.bit_length(), len(ticks)) - 1]


def duration(value: Nanos) -> str:
    """`value` for a person.

    >>> [duration(Nanos(value)) for value in (0, 2_400_000, 212_000_000, 2_104_000_000, 65_000_000_000)]
    ['0', '2.4ms', '212ms', '2.10s', '1m05s']
    """
    # Each limit is where the rounded text would need the next unit: 999.6 ms reads 1.00s, never 1000ms.
    if value == 0:
        return "0"
    if value < 999_500_000:
        digits = 1 if value < 9_950_000 else 0
        return f"{value / PER_MILLISECOND:.{digits}f}ms"
    if value < 59_995_000_000:
        return f"{value / PER_SECOND:.2f}s"
    whole = round(value / PER_SECOND)
    return f"{whole // 60}m{whole % 60:02}s"
