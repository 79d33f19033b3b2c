"""Cutting a redacted body where the original was cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.matching._spans import Span
from harness.model import At, Chunk, Timeline


def recut(timeline: Timeline, spans: Sequence[Span]) -> Timeline:
    """`timeline` with `spans` of its body replaced. Chunks keep their times; one of which nothing is left is gone.

    A cut inside a secret becomes a cut at the same share of its constant.
    """
    return replace(timeline, events=tuple(_events(timeline, spans)))


def _events(timeline: Timeline, spans: Sequence[Span]) -> Iterator[At]:
    body, new = timeline.body, bytearray()
    places: list[tuple[int, int, int, int]] = []  # old start, old stop, new start, new stop of each secret
    done = 0
    for span in spans:
        new += body[done : span.start]
        new_start = len(new)
        new += span.stands_in
        places.append((span.start, span.stop, new_start, len(new)))
        done = span.stop
    new += body[done:]
    moved = _Offsets(places)
    old_at = new_at = 0
    for at, event in timeline.events:
        if not isinstance(event, Chunk):
            yield at, event
            continue
        old_at += len(event.data)
        stop = moved.to_new(old_at)
        if stop > new_at:
            yield at, Chunk(bytes(new[new_at:stop]))
            new_at = stop


class _Offsets:
    """Old offset -> new offset, asked in growing order."""

    def __init__(self, places: list[tuple[int, int, int, int]]) -> None:
        self._places = places
        self._next = 0
        self._shift = 0

    def to_new(self, offset: int) -> int:
        while self._next < len(self._places) and offset >= self._places[self._next][1]:
            self._shift = self._places[self._next][3] - self._places[self._next][1]
            self._next += 1
        if self._next < len(self._places) and offset > self._places[self._next][0]:
            start, stop, new_start, new_stop = self._places[self._next]
            return new_start + (offset - start) * (new_stop - new_start) // (stop - start)
        return offset + self._shift
