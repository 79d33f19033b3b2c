"""Timeline: what the wire said, and when.

Rules, checked on construction:

1. It starts with a Head, or with Raw bytes that take the place of one, or fails at once with a Reset or TimedOut, or
   is empty and open.
2. Times never go back and are never negative.
3. It ends exactly once (End, Reset or TimedOut, as the last event), or it is *open* and `left` says why.
4. A Chunk is never empty.

Every change gives a new Timeline, so a recording can be handed to faults and overlays without being edited.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from typing import TypeAlias

from harness.model._time import ZERO, Nanos
from harness.model._wire import Chunk, End, Event, Head, Left, Raw, Reset, TimedOut

At: TypeAlias = tuple[Nanos, Event]
Joined: TypeAlias = tuple[tuple[Nanos, Event, int], ...]
_FINAL = (End, Reset, TimedOut)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Events with their offsets since the request was sent.

    `left` is None where the end was heard. Else it says why not (`closed`, `cancelled`, `open`), and `left_at` when.
    `connected_at` is how long it took to connect: that long the caller's connect timeout runs, and its read timeout
    does not.
    Raises ValueError where a rule at the top of this file is broken.
    """

    events: tuple[At, ...] = ()
    left: Left | None = None
    left_at: Nanos = ZERO
    connected_at: Nanos = ZERO
    is_below_http: bool = field(init=False, compare=False, repr=False)
    """True where a part of it has no form above an HTTP parser. Found once: every request asks."""
    _joined: Joined | None = field(init=False, compare=False, repr=False, default=None)

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_below_http", any(isinstance(event, Raw) for _, event in self.events))
        problem = _broken_rule(self)
        if problem:
            message = f"not a timeline: {problem}"
            raise ValueError(message)

    @classmethod
    def of(cls, head: Head, chunks: Iterable[bytes], *, at: Nanos = ZERO, every: Nanos = ZERO) -> Timeline:
        """A clean answer: `head` at `at`, then each non-empty chunk `every` later than the one before, then the end."""
        events: list[Event] = [head, *(Chunk(data) for data in chunks if data)]
        timed = [(Nanos(at + place * every), event) for place, event in enumerate(events)]
        return cls((*timed, (timed[-1][0], End())))

    @classmethod
    def failed(cls, event: Reset | TimedOut, *, at: Nanos = ZERO) -> Timeline:
        """A request that got no response at all."""
        return cls(((at, event),))

    @property
    def head(self) -> Head | None:
        """The head, or None where the request got no response."""
        first = self.events[0][1] if self.events else None
        return first if isinstance(first, Head) else None

    @property
    def chunks(self) -> tuple[bytes, ...]:
        """The bodies of the chunks, in order."""
        return tuple(event.data for _, event in self.events if isinstance(event, Chunk))

    @property
    def body(self) -> bytes:
        """All the bytes that arrived."""
        return b"".join(self.chunks)

    def joined(self, start: int = 0) -> Joined:
        """The events from number `start` (from zero) on, with chunks of the same moment as one, and of how many each
        was made. Of all of them found once: the same answer is played a thousand times."""
        if start:
            return tuple(_joined(self.events[start:]))
        if self._joined is None:
            object.__setattr__(self, "_joined", tuple(_joined(self.events)))
        return self._joined or ()

    @property
    def is_open(self) -> bool:
        """True where no end was heard, so that the wire is silent after the last event."""
        return self.left is not None

    @property
    def end(self) -> str:
        """`eof`, `error`, `closed`, `cancelled` or `open`: the word the cassette uses."""
        if self.left is not None:
            return self.left
        return "eof" if isinstance(self.events[-1][1], End) else "error"

    @property
    def end_at(self) -> Nanos:
        """The offset of the last thing that is known about this answer."""
        return self.left_at if self.left is not None else self.events[-1][0]

    def cut(self, chunks: int, left: Left = "open") -> Timeline:
        """The head and the first `chunks` chunks, then silence. Negative counts from the end, as a slice does."""
        heads = [at for at in self.events if isinstance(at[1], Head)]
        bodies = [at for at in self.events if isinstance(at[1], Chunk)]
        kept = (*heads, *bodies[:chunks])
        return replace(self, events=kept, left=left, left_at=kept[-1][0] if kept else ZERO)

    def then(self, event: Event, *, after: Nanos = ZERO) -> Timeline:
        """An open timeline continued by `event`, `after` the last one. Raises ValueError on one that has ended."""
        if self.left is None:
            message = f"this timeline has ended already ({self.end}); cut it first"
            raise ValueError(message)
        last = self.events[-1][0] if self.events else ZERO
        events = (*self.events, (Nanos(last + after), event))
        if isinstance(event, _FINAL):
            return replace(self, events=events, left=None, left_at=ZERO)
        return replace(self, events=events, left_at=events[-1][0])

    def delayed(self, by: Nanos, *, start: int = 0) -> Timeline:
        """Event number `start` (from zero) and everything after it, `by` later."""
        moved = tuple((Nanos(at + by) if i >= start else at, event) for i, (at, event) in enumerate(self.events))
        return replace(self, events=moved, left_at=Nanos(self.left_at + by))

    def connected_after(self, by: Nanos) -> Timeline:
        """All of it `by` later, because connecting took that much longer."""
        return replace(self.delayed(by), connected_at=Nanos(self.connected_at + by))

    def rechunked(self, lengths: Iterable[int]) -> Timeline:
        """The same bytes in chunks of `lengths`; each arrives with the last byte that it needs.

        What `lengths` leaves over is one last chunk. Raises ValueError where a length is not positive.
        """
        arrived = list(_arrivals(self.events))
        body = self.body
        bodies = tuple(
            (arrived[bisect_left(arrived, (stop,))][1], Chunk(body[start:stop]))
            for start, stop in _spans(lengths, len(body))
        )
        before = tuple(at for at in self.events if isinstance(at[1], Head))
        after = tuple(at for at in self.events if isinstance(at[1], _FINAL))
        return replace(self, events=(*before, *bodies, *after))


def _broken_rule(timeline: Timeline) -> str | None:
    """The first rule that does not hold, in words, or None."""
    events = timeline.events
    times = [at for at, _ in events]
    kinds = [event for _, event in events]
    if any(at < 0 for at in times) or any(a > b for a, b in pairwise(times)):
        return "times go back"
    if any(isinstance(event, Chunk) and not event.data for event in kinds):
        return "a chunk is empty"
    if kinds and not isinstance(kinds[0], Head | Raw | Reset | TimedOut):
        return f"it starts with {type(kinds[0]).__name__} instead of Head"
    if any(isinstance(event, Head) for event in kinds[1:]):
        return "it has two heads"
    if any(isinstance(event, _FINAL) for event in kinds[:-1]):
        return "something follows its end"
    ended = bool(kinds) and isinstance(kinds[-1], _FINAL)
    if ended == (timeline.left is not None):
        return "it both ended and was left" if ended else "it neither ended nor says why not"
    return None


def _joined(events: tuple[At, ...]) -> Iterator[tuple[Nanos, Event, int]]:
    for (at, kind), group in groupby(events, key=lambda timed: (timed[0], type(timed[1]))):
        together = [event for _, event in group]
        if kind is Chunk and len(together) > 1:
            yield at, Chunk(b"".join([event.data for event in together if isinstance(event, Chunk)])), len(together)
        else:
            yield from ((at, event, 1) for event in together)


def _arrivals(events: tuple[At, ...]) -> Iterator[tuple[int, Nanos]]:
    """(number of bytes that have arrived, when), growing."""
    total = 0
    for at, event in events:
        if isinstance(event, Chunk):
            total += len(event.data)
            yield total, at


def _spans(lengths: Iterable[int], total: int) -> Iterator[tuple[int, int]]:
    start = 0
    for length in lengths:
        if length <= 0:
            message = f"a chunk of {length} bytes: lengths must be positive"
            raise ValueError(message)
        if start >= total:
            return
        yield start, min(start + length, total)
        start += length
    if start < total:
        yield start, total
