from __future__ import annotations

import pytest

from harness.cli._axis import ASCII, UNICODE, axis, duration
from harness.model import Chunk, Head, Nanos, Reset, TimedOut, Timeline, milliseconds

_MS = 1_000_000


def _timeline(*chunks_at_ms: int, head_at_ms: int = 0) -> Timeline:
    events = [(milliseconds(head_at_ms), Head(200)), *((milliseconds(at), Chunk(b"x")) for at in chunks_at_ms)]
    return Timeline(tuple(events), "open", events[-1][0])


def test_a_chunk_stands_where_it_arrived() -> None:
    drawn = axis(_timeline(0, 50, 99), 11, Nanos(100 * _MS), ASCII)
    assert [place for place, glyph in enumerate(drawn) if glyph == "'"] == [0, 5, 9]


def test_waiting_for_the_head_looks_different_from_waiting_for_a_chunk() -> None:
    assert axis(_timeline(90, head_at_ms=50), 11, Nanos(100 * _MS), ASCII) == ".....----'~"


def test_more_chunks_in_one_column_stand_taller() -> None:
    heights = [axis(_timeline(*[0] * n), 11, Nanos(100 * _MS), UNICODE)[0] for n in (1, 2, 4, 8, 100)]
    assert heights == ["╵", "┴", "╨", "█", "█"]


@pytest.mark.parametrize("width", [2, 3, 10, 80])
@pytest.mark.parametrize("scale", [0, 1, 100 * _MS])
def test_an_axis_is_never_wider_than_it_may_be(width: int, scale: int) -> None:
    assert 0 < len(axis(_timeline(0, 50, 100), width, Nanos(scale), ASCII)) <= width


@pytest.mark.parametrize(
    "timeline, end",
    [
        (Timeline.of(Head(200), [b"x"]), "]"),
        (_timeline(1), "~"),
        (Timeline((), "cancelled", milliseconds(3)), "x"),
        (Timeline.failed(Reset("ConnectError"), at=milliseconds(4)), "!"),
        (Timeline.failed(TimedOut(), at=milliseconds(4)), "!"),
    ],
)
def test_every_end_has_a_sign(timeline: Timeline, end: str) -> None:
    assert axis(timeline, 40, milliseconds(10), ASCII).endswith(end)


@pytest.mark.parametrize(
    "nanos, words",
    [
        (0, "0"),
        (400_000, "0.4ms"),
        (9_949_000, "9.9ms"),
        (212 * _MS, "212ms"),
        (999_400_000, "999ms"),
        (999_600_000, "1.00s"),
        (2_104 * _MS, "2.10s"),
        (59_999 * _MS, "1m00s"),
        (65_000 * _MS, "1m05s"),
        (3_600_000 * _MS, "60m00s"),
    ],
)
def test_a_duration_reads_as_a_person_says_it(nanos: int, words: str) -> None:
    assert duration(Nanos(nanos)) == words
