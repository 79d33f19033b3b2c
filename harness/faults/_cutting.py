"""What several families do to a timeline: cut it at a byte, put bytes in, keep its framing true."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, groupby
from typing import Final

from harness.dialects import frames, get
from harness.errors import UnknownDialectError
from harness.model import ZERO, At, Chunk, Event, Head, Headers, Nanos, Request, Reset, Timeline
from harness.spec import Asked, FaultSite

_LENGTH: Final = "content-length"
_NOBODY: Final = Request("POST", "")


@dataclass(frozen=True, slots=True)
class Span:
    """One frame of the dialect in an answer: its bytes, and where in the body they stand."""

    raw: bytes
    start: int

    @property
    def stop(self) -> int:
        """Where the next one starts."""
        return self.start + len(self.raw)


def framed(timeline: Timeline, asked: Asked) -> tuple[Span, ...]:
    """The frames of the answer, in order; joined they are its body."""
    head = timeline.head or Head(200)
    try:
        cut = get(asked.dialect).frames(head, timeline.body)
    except UnknownDialectError:
        cut = frames(asked.request or _NOBODY, head, timeline.body)
    return tuple(Span(raw, stop - len(raw)) for raw, stop in zip(cut, accumulate(map(len, cut)), strict=True))


def chunk_end(timeline: Timeline, site: FaultSite) -> int:
    """How many bytes have come at `site`; none at the head."""
    return sum(map(len, timeline.chunks[: site.chunk or 0]))


def frame_at(timeline: Timeline, site: FaultSite, asked: Asked) -> tuple[tuple[Span, ...], int]:
    """All frames, and the number (from zero) of the one that the last byte of the chunk belongs to."""
    all_frames = framed(timeline, asked)
    last = chunk_end(timeline, site) - 1
    return all_frames, next(n for n, frame in enumerate(all_frames) if frame.start <= last < frame.stop)


def boundary(timeline: Timeline, site: FaultSite, asked: Asked) -> int:
    """The end of the last frame that is complete at `site`, in bytes: what comes between frames comes there."""
    come = chunk_end(timeline, site)
    return max((frame.stop for frame in framed(timeline, asked) if frame.stop <= come), default=0)


def edited(timeline: Timeline, edits: Iterable[tuple[int, int, bytes]]) -> Timeline:
    """The answer with the bytes from `start` to `stop` replaced, for each of `edits`, which are in order and apart.

    What replaces bytes comes with the last of them; what is put in (`start` is `stop`) is a chunk of its own, right
    after what stands before it. Every other byte comes when and in the company that it came in.
    """
    before = tuple(at for at in timeline.events if isinstance(at[1], Head))
    after = tuple(at for at in timeline.events if not isinstance(at[1], Head | Chunk))
    joined = groupby(_pieces(timeline, tuple(edits)), key=lambda piece: piece[:2])
    chunks = ((key[0], Chunk(b"".join(data for *_, data in pieces))) for key, pieces in joined)
    return unsized(replace(timeline, events=(*before, *chunks, *after)))


def _pieces(timeline: Timeline, edits: tuple[tuple[int, int, bytes], ...]) -> Iterator[tuple[Nanos, int, bytes]]:
    """(when, which chunk, bytes) of the edited answer; what is put in has a number of its own, below zero."""
    chunks = [(at, event.data) for at, event in timeline.events if isinstance(event, Chunk)]
    ends = list(accumulate(len(data) for _, data in chunks))
    body, place = timeline.body, 0
    for number, (start, stop, new) in enumerate((*edits, (len(body), len(body), b""))):
        while place < start:
            chunk = bisect_right(ends, place)
            until = min(start, ends[chunk])
            yield chunks[chunk][0], chunk, body[place:until]
            place = until
        if new:
            chunk = bisect_right(ends, stop - 1) if stop else -1
            at = chunks[chunk][0] if chunk >= 0 else timeline.events[0][0]
            yield at, chunk if start < stop else -1 - number, new
        place = stop


def upto(timeline: Timeline, length: int) -> Timeline:
    """The head and the first `length` bytes, then silence. The last chunk may be a part of one."""
    kept: list[At] = []
    for at, event in timeline.events:
        match event:
            case Head():
                kept.append((at, event))
            case Chunk(data=data) if length > 0:
                kept.append((at, Chunk(data[:length])))
                length -= len(data)
    return replace(timeline, events=tuple(kept), left="open", left_at=kept[-1][0] if kept else ZERO)


def unsized(timeline: Timeline) -> Timeline:
    """The answer without a length in its head, because it is another one now: it ends where its last chunk says."""
    return reheaded(timeline, without=(_LENGTH,))


def reheaded(timeline: Timeline, without: Iterable[str] = (), **more: str) -> Timeline:
    """The answer with other header fields: less those `without`, and with `more`, where an underscore is a dash."""
    added = tuple((name.replace("_", "-"), value) for name, value in more.items())
    gone = (*without, *(name for name, _ in added))
    return replace(timeline, events=tuple((at, _reheaded(event, gone, added)) for at, event in timeline.events))


def _reheaded(event: Event, gone: tuple[str, ...], added: tuple[tuple[str, str], ...]) -> Event:
    if not isinstance(event, Head):
        return event
    return replace(event, headers=Headers((*event.headers.without(gone), *added)))


def broken_off(timeline: Timeline) -> Reset:
    """The error of a body that ends before its framing says so, in the words of h11, which counts where it can."""
    head = timeline.head
    length = head.headers.get(_LENGTH) if head else ""
    said = f"received {len(timeline.body)} bytes, expected {length}" if length else "incomplete chunked read"
    return Reset("RemoteProtocolError", f"peer closed connection without sending complete message body ({said})")
