"""What a cassette is once it has been through a file: times in whole milliseconds, volatile headers gone.

Saving compares what it reads back with this, so nothing else may get lost on the way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.model import Cassette, Chunk, Event, Head, Nanos, Request, Reset, TimedOut, Timeline
from harness.storage._headers import request_headers, response_headers
from harness.storage._layout import lay_out
from harness.storage._timing import nanos, read_error, rounded, write_error


@dataclass(frozen=True, slots=True)
class Laid:
    """A body as it stands in the file: `text` laid out by `layout`, or bytes where it is no UTF-8."""

    text: str | bytes
    layout: str = ""

    @property
    def data(self) -> bytes:
        """The bytes that a reader who knows no layouts gets."""
        return self.text if isinstance(self.text, bytes) else self.text.encode()


def as_stored(cassette: Cassette) -> Cassette:
    """`cassette` as it comes back from the disk. Doing it twice changes nothing more."""
    kept = tuple(
        replace(
            one,
            request=replace(
                one.request, method=one.request.method.upper(), headers=request_headers(one.request.headers)
            ),
            timeline=_timeline(one.timeline),
        )
        for one in cassette.interactions
    )
    return Cassette(kept, cassette.name)


def laid_request(request: Request) -> Laid:
    """The body of `request` for the file. Only where stock vcrpy's body matcher knows JSON by its header too."""
    return _laid(request.body, is_json="application/json" in request.headers.get("content-type").lower())


def laid_response(head: Head, body: bytes) -> Laid:
    """The body of an answer for the file."""
    return _laid(body, is_json="json" in head.headers.get("content-type").lower())


def _laid(body: bytes, *, is_json: bool) -> Laid:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return Laid(body)
    return Laid(*lay_out(text, is_json=is_json))


def _timeline(timeline: Timeline) -> Timeline:
    body = timeline.body
    events = tuple((_round(at), _event(event, body)) for at, event in timeline.events)
    return Timeline(events, timeline.left, _left_at(timeline))


def _head(head: Head, body: bytes) -> Head:
    """The status line and what is written of the headers. vcrpy cannot replay a reason that is no ASCII."""
    headers = response_headers(head.headers, head.status, laid_response(head, body).data)
    return Head(head.status, headers, head.reason if head.reason.isascii() else "")


def _left_at(timeline: Timeline) -> Nanos:
    """When it was left: never before the last thing that was heard, and nothing where it ended."""
    if timeline.left is None:
        return Nanos(0)
    return _round(max([timeline.left_at, *(at for at, _ in timeline.events)]))


def _round(at: Nanos) -> Nanos:
    return nanos(rounded(at))


def _event(event: Event, body: bytes) -> Event:
    match event:
        case Head():
            return _head(event, body)
        case Reset() | TimedOut():
            return read_error(write_error(event))
        case Chunk():
            return Chunk(bytes(event.data))
    return event
