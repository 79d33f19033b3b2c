"""Where faults strike: the kinds of place, each with the points that people write for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from harness.model import Timeline
from harness.spec import FaultSite

_HEADERS: Final = FaultSite("headers")
_END: Final = FaultSite("end")
_LINES: Final = ("event-stream", "eventstream", "ndjson", "jsonl", "jsonlines")


@dataclass(frozen=True, slots=True)
class Place:
    """`points` are the words for it (`call=1/chunk=3` has the point `chunk`), `sites` are those of one answer."""

    points: frozenset[str]
    sites: Callable[[Timeline], Iterator[FaultSite]]


def is_stream(timeline: Timeline) -> bool:
    """True where the answer comes in pieces that mean something each. One whose head does not say is taken for one."""
    if timeline.head is None:
        return False
    kind = timeline.head.headers.get("content-type").lower()
    return not kind or any(word in kind for word in _LINES) or timeline.body.lstrip()[:1] == b"["


def _connect(timeline: Timeline) -> Iterator[FaultSite]:
    if timeline.events:
        yield FaultSite("connect")


def _headers(timeline: Timeline) -> Iterator[FaultSite]:
    if timeline.events:
        yield _HEADERS


def _body(timeline: Timeline) -> Iterator[FaultSite]:
    if timeline.head is not None and timeline.chunks:
        yield _HEADERS


def _after(timeline: Timeline) -> Iterator[FaultSite]:
    if timeline.head is not None:
        yield _HEADERS
        yield from _inside(timeline)


def _before_last(timeline: Timeline) -> Iterator[FaultSite]:
    last = len(timeline.chunks)
    return (site for site in _after(timeline) if last and site.chunk != last)


def _inside(timeline: Timeline) -> Iterator[FaultSite]:
    if timeline.head is not None:
        yield from (FaultSite("chunk", number) for number in range(1, len(timeline.chunks) + 1))


def _streamed(timeline: Timeline) -> Iterator[FaultSite]:
    return _inside(timeline) if is_stream(timeline) else iter(())


def _streamed_between(timeline: Timeline) -> Iterator[FaultSite]:
    return _after(timeline) if is_stream(timeline) else iter(())


def _end(timeline: Timeline) -> Iterator[FaultSite]:
    if timeline.head is not None and timeline.chunks:
        yield _END


def _streamed_end(timeline: Timeline) -> Iterator[FaultSite]:
    return _end(timeline) if is_stream(timeline) else iter(())


def _meant(timeline: Timeline) -> Iterator[FaultSite]:
    if timeline.head is not None and timeline.head.status < 400:
        yield from _end(timeline)


_CHUNKS: Final = frozenset({"chunk", "token", "byte", "event"})
_BETWEEN: Final = _CHUNKS | {"headers"}

CONNECT: Final = Place(frozenset({"connect"}), _connect)
HEADERS: Final = Place(frozenset({"headers"}), _headers)
"""Before the head, or in its place."""
BODY: Final = Place(frozenset({"headers"}), _body)
"""The whole answer, where it has a body."""
AFTER: Final = Place(_BETWEEN, _after)
"""After the head, or after a chunk, the last one among them."""
BEFORE_LAST: Final = Place(_BETWEEN, _before_last)
"""The same but after the last chunk."""
INSIDE: Final = Place(_CHUNKS, _inside)
"""In a chunk."""
STREAMED: Final = Place(_CHUNKS, _streamed)
"""In an event of a stream: the one that the last byte of the chunk belongs to."""
STREAMED_BETWEEN: Final = Place(_BETWEEN, _streamed_between)
"""Between two events of a stream, where the last one that the chunk completes has ended."""
END: Final = Place(frozenset({"end"}), _end)
"""At the end of an answer with a body."""
STREAMED_END: Final = Place(frozenset({"end"}), _streamed_end)
"""At the end of a stream."""
MEANT: Final = Place(frozenset({"end"}), _meant)
"""What a good answer says, wherever that stands. It is final at the end."""
