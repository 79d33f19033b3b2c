"""A document becomes a Cassette: requests and answers with their times, in the order in which they were asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, cast

from harness.dialects import MEANING, frames
from harness.model import At, Cassette, Chunk, End, Head, Interaction, Left, Request, Timeline
from harness.storage._layout import LAYOUTS
from harness.storage._read_request import read_request, restored
from harness.storage._read_response import read_response
from harness.storage._shapes import Shape, shape_of
from harness.storage._timing import SILENT_ENDS, Timing, nanos, read_error, read_timing
from harness.storage._trouble import Unreadable, did_you_mean
from harness.storage._values import Mapping, Value, mapping, text, whole

T = TypeVar("T")
UNANSWERED_KEYS: Final = ("position", "request", "at", "error", "end", "request_layout")
_PLACE: Final = "response.timeline"


@dataclass(frozen=True, slots=True)
class _Heard:
    """One interaction as it was read, and what to say about it."""

    request: Request
    timeline: Timeline
    notes: tuple[str, ...] = ()


def read_cassette(document: Value, name: str) -> Cassette:
    """The Cassette in `document`. Raises Unreadable. Notes name the file and the interaction."""
    shape = shape_of(document)
    heard = list(_in_order(shape))
    interactions = tuple(
        Interaction(one.request, one.timeline, id=f"#{number}", meaning=MEANING) for number, one in enumerate(heard, 1)
    )
    notes = [f"{name}: {note}" for note in shape.notes]
    notes += [f"{name}: interaction #{number}: {note}" for number, one in enumerate(heard, 1) for note in one.notes]
    return Cassette(interactions, name, tuple(notes))


def read_item(item: Mapping, number: int) -> Interaction:
    """The interaction of one item of the list, whose place is `number`, from one. Raises Unreadable."""
    pair = shape_of({"interactions": [item], "version": 1}).items[0]
    heard = _answered(pair)
    return Interaction(heard.request, heard.timeline, id=f"#{number}", meaning=MEANING)


def _in_order(shape: Shape) -> Iterator[_Heard]:
    """Answered and unanswered requests, each at its place. A place beyond the end is the end."""
    waiting = sorted(_unanswered(shape.unanswered), key=lambda pair: pair[0], reverse=True)
    count = 0
    for item in shape.items:
        while waiting and waiting[-1][0] <= count + 1:
            yield waiting.pop()[1]
            count += 1
        yield _located(f"interaction #{count + 1}", _answered, item)
        count += 1
    yield from (heard for _, heard in reversed(waiting))


def _unanswered(items: Iterable[Mapping]) -> Iterator[tuple[int, _Heard]]:
    for number, item in enumerate(items, 1):
        yield _located(f"unanswered #{number}", _unheard, item)


def _located(place: str, read: Callable[[Mapping], T], item: Mapping) -> T:
    try:
        return read(item)
    except Unreadable as error:
        raise error.within(place) from error


def _unheard(item: Mapping) -> tuple[int, _Heard]:
    """A request without any answer: it failed, or nobody waited for it. With its place among all requests."""
    at = nanos(whole(item.get("at", 0), "at"))
    if item.get("end") is not None:
        timeline = Timeline((), _left(text(item["end"], "end")), at)
    else:
        timeline = Timeline.failed(read_error(text(item.get("error") or "", "error")), at=at)
    layout = _layout(text(item.get("request_layout") or "", "request_layout"), "request_layout")
    return whole(item.get("position"), "position"), _Heard(read_request(item.get("request"), layout), timeline)


def _answered(item: Mapping) -> _Heard:
    response = mapping(item["response"], "response")
    answer = read_response(response)
    if response.get("timeline") is None:
        request = read_request(item["request"])
        return _Heard(request, Timeline.of(answer.head, frames(request, answer.head, answer.body)), answer.notes)
    timing = read_timing(response["timeline"], _PLACE)
    request = read_request(item["request"], _layout(timing.request_layout, f"{_PLACE}.request_layout"))
    body = restored(answer.body, _layout(timing.layout, f"{_PLACE}.layout"))
    if timing.length == len(body):
        return _Heard(request, _timeline(answer.head, body, timing), answer.notes)
    edited, note = _retimed(timing, [len(frame) for frame in frames(request, answer.head, body) if frame], len(body))
    return _Heard(request, _timeline(answer.head, body, edited), (*answer.notes, note))


def _retimed(timing: Timing, lengths: Sequence[int], total: int) -> tuple[Timing, str]:
    """A timeline for an edited body: its frames, at the old times where there are as many, else with the head.

    How it ended stays: a recording that stops early never becomes a clean end by an edit.
    """
    told = f"the timeline adds up to {timing.length} bytes and the body has {total}: it was edited after recording"
    if len(lengths) == len(timing.spans):
        spans = tuple((at, length) for (at, _), length in zip(timing.spans, lengths, strict=True))
        how = "it plays in its dialect's frames at the recorded times"
    else:
        spans = tuple((timing.headers_at, length) for length in lengths)
        how = f"it plays as its dialect's frames ({len(lengths)}), all when the head arrives"
    edited = Timing(timing.headers_at, spans, timing.end, timing.end_at, timing.error)
    return edited, f"{told}; {how}. Record it again to have its times"


def _timeline(head: Head, body: bytes, timing: Timing) -> Timeline:
    events: list[At] = [(nanos(timing.headers_at), head)]
    start = 0
    for at, length in timing.spans:
        events.append((nanos(at), Chunk(body[start : start + length])))
        start += length
    end_at = nanos(timing.end_at)
    if timing.end in SILENT_ENDS:
        return Timeline(tuple(events), _left(timing.end), end_at)
    last = End() if timing.end == "eof" else read_error(timing.error)
    return Timeline((*events, (end_at, last)))


def _left(word: str) -> Left:
    if word not in SILENT_ENDS:
        message = f"{word!r} is no way to end without an answer; known are {', '.join(SILENT_ENDS)}"
        raise Unreadable(message, "end", did_you_mean(word, SILENT_ENDS).strip())
    return cast("Left", word)


def _layout(word: str, place: str) -> str:
    if word and word not in LAYOUTS:
        message = f"{word!r} is no layout; known are {', '.join(LAYOUTS)}"
        raise Unreadable(message, place, did_you_mean(word, LAYOUTS).strip())
    return word
