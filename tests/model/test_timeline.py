from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model import ZERO, Chunk, End, Head, Nanos, Reset, TimedOut, Timeline

HEAD = Head(200)
bodies = st.lists(st.binary(min_size=1, max_size=8), max_size=6)
lengths = st.lists(st.integers(min_value=1, max_value=9), max_size=20)


def test_a_clean_answer_starts_with_its_head_and_ends_once() -> None:
    timeline = Timeline.of(HEAD, [b"ab", b"", b"c"], at=Nanos(5), every=Nanos(10))
    assert timeline.events == ((5, HEAD), (15, Chunk(b"ab")), (25, Chunk(b"c")), (25, End()))
    assert (timeline.end, timeline.end_at, timeline.is_open) == ("eof", 25, False)


@pytest.mark.parametrize(
    "events, left, rule",
    [
        (((0, HEAD), (5, Chunk(b"a")), (4, End())), None, "times go back"),
        (((-1, HEAD), (4, End())), None, "times go back"),
        (((0, HEAD), (0, Chunk(b"")), (0, End())), None, "a chunk is empty"),
        (((0, Chunk(b"a")), (0, End())), None, "starts with Chunk"),
        (((0, HEAD), (0, HEAD), (0, End())), None, "two heads"),
        (((0, HEAD), (0, End()), (0, Chunk(b"a"))), None, "follows its end"),
        (((0, HEAD), (0, End())), "closed", "both ended and was left"),
        (((0, HEAD),), None, "neither ended"),
        ((), None, "neither ended"),
    ],
)
def test_a_broken_rule_is_named(events: tuple, left: str | None, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        Timeline(events, left)


@given(bodies, lengths)
def test_rechunking_keeps_the_bytes_and_the_arrival_of_the_last(chunks: list[bytes], sizes: list[int]) -> None:
    timeline = Timeline.of(HEAD, chunks, every=Nanos(7))
    again = timeline.rechunked(sizes)
    assert again.body == timeline.body
    assert again.end_at == timeline.end_at
    assert all(at % 7 == 0 for at, _ in again.events)


def test_a_rechunked_byte_is_never_early() -> None:
    timeline = Timeline.of(HEAD, [b"abc", b"def"], every=Nanos(10))
    assert timeline.rechunked([2, 2]).events[1:4] == (
        (10, Chunk(b"ab")),
        (20, Chunk(b"cd")),
        (20, Chunk(b"ef")),
    )


def test_a_cut_answer_never_ends_cleanly() -> None:
    cut = Timeline.of(HEAD, [b"a", b"b"], every=Nanos(3)).cut(1)
    assert cut.is_open
    assert cut.body == b"a"
    assert cut.then(Reset("ReadError"), after=Nanos(4)).events[-1] == (7, Reset("ReadError"))


def test_an_ended_answer_cannot_be_continued() -> None:
    with pytest.raises(ValueError, match="ended already"):
        Timeline.of(HEAD, [b"a"]).then(End())


def test_a_delay_moves_everything_after_it() -> None:
    timeline = Timeline.of(HEAD, [b"a", b"b"], every=Nanos(3)).delayed(Nanos(100), start=2)
    assert [at for at, _ in timeline.events] == [0, 3, 106, 106]


def test_a_request_without_an_answer_is_a_timeline_too() -> None:
    timeline = Timeline.failed(TimedOut("connect"), at=Nanos(5))
    assert (timeline.head, timeline.end, timeline.body) == (None, "error", b"")
    assert Timeline(left="open", left_at=ZERO).is_open


@given(bodies, st.lists(st.integers(min_value=0, max_value=2), min_size=6, max_size=6), st.integers(0, 4))
def test_joining_keeps_every_byte_at_its_moment(chunks: list[bytes], waits: list[int], start: int) -> None:
    at, events = 0, [(Nanos(0), HEAD)]
    for data, wait in zip(chunks, waits, strict=False):
        at += wait
        events.append((Nanos(at), Chunk(data)))
    timeline = Timeline((*events, (Nanos(at), End())))
    joined, rest = timeline.joined(start), timeline.events[start:]
    assert sum(count for _, _, count in joined) == len(rest)
    moments = {moment for moment, _ in rest}
    assert {moment: heard(joined, moment) for moment in moments} == {moment: heard(rest, moment) for moment in moments}
    bodies_of = [moment for moment, event, _ in joined if isinstance(event, Chunk)]
    assert len(bodies_of) == len(set(bodies_of)), "one chunk for each moment"
    assert timeline.joined() is timeline.joined(), "found once"


def heard(events: Iterable[tuple[Any, ...]], moment: int) -> bytes:
    return b"".join(event.data for at, event, *_ in events if at == moment and isinstance(event, Chunk))
