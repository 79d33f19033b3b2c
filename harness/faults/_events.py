"""The event family: streams in which an event is wrong, missing, twice there, or none that anybody knows.

The struck event is the one that the last byte of the chunk belongs to. What is put in stands between two events, after
the last one that the chunk completes, however the chunks are cut.
"""

from __future__ import annotations

import copy
import json
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, cast

from harness.faults._cutting import Span, boundary, edited, frame_at, framed, unsized, upto
from harness.faults._fault import BuiltIn, Effect, NoPlaceError
from harness.faults._params import Values, count, some_bytes, text, word
from harness.faults._spelling import Manner, dumped, manner_of
from harness.faults._where import STREAMED, STREAMED_BETWEEN
from harness.model import Chunk, End, Timeline
from harness.spec import Asked, FaultSite

FRAMED: Final = frozenset(
    {"openai-chat", "openai-completions", "openai-responses", "anthropic", "gemini", "ollama", "cohere", "native"}
)
"""The dialects whose frames are texts."""
STREAMS: Final = FRAMED | {"bedrock-converse", "bedrock-invoke"}
"""The dialects whose frames hold JSON, in a text or in a binary message."""
_ERRORS: Final = ("server-error", "overloaded", "rate-limit", "timeout")
_HTML: Final = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    b"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
_GARBAGE: Final = "0x00fffe8081f5c0a0"
_NO_LETTER: Final = b"\xff"
_SAID: Final = frozenset({"content", "text", "delta", "refusal", "thinking", "response", "partial_json", "arguments"})
"""What the dialects call a text of the model."""


@cache
def _data(name: str) -> dict[str, Any]:
    text = files("harness.faults").joinpath("data", f"{name}.json").read_text("utf-8")
    return cast("dict[str, Any]", json.loads(text)["dialects"])


def _form(name: str, dialect: str) -> dict[str, Any]:
    """What it is in `dialect`, a copy that may be edited."""
    found = _data(name)[dialect]
    return copy.deepcopy(_data(name)[found["as"]] if "as" in found else found)


def _error(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """An error where the next event would have come, and the end of the body."""
    form = _form("error-event", asked.dialect)
    failed = values["form"] == "failed"
    if failed and "failed" not in form:
        message = f"error-event has no form 'failed' in {asked.dialect}: only openai-responses has a response.failed"
        raise ValueError(message)
    said = form["failed" if failed else "errors"][values["error"]]
    if values["message"]:
        *way, last = form["failed_message_at" if failed else "message_at"]
        inner = said["data"]
        for step in way:
            inner = inner[step]
        inner[last] = values["message"]
    if "sequence_number" in said["data"]:
        said["data"]["sequence_number"] = len(framed(_before(timeline, site, asked), asked))
    return _then(timeline, site, asked, manner_of(timeline).written(said["data"], said.get("event", "")))


def _html(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del values
    return _then(timeline, site, asked, _HTML)


def _then(timeline: Timeline, site: FaultSite, asked: Asked, data: bytes) -> Timeline:
    """The events up to `site`, then `data`, then the end."""
    return unsized(_before(timeline, site, asked)).then(Chunk(data)).then(End())


def _before(timeline: Timeline, site: FaultSite, asked: Asked) -> Timeline:
    return upto(timeline, boundary(timeline, site, asked))


def _put_in(timeline: Timeline, site: FaultSite, asked: Asked, data: bytes) -> Timeline:
    place = boundary(timeline, site, asked)
    return edited(timeline, [(place, place, data)])


def _malformed(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """It has the name of the event whose place it takes, because clients pass over events without one they know."""
    manner, place = manner_of(timeline), boundary(timeline, site, asked)
    data = manner.said(values["data"].encode(), manner.read(_next_frame(timeline, site, asked).raw).event)
    return edited(timeline, [(place, place, data)])


def _next_frame(timeline: Timeline, site: FaultSite, asked: Asked) -> Span:
    """The event that comes at `site`, or the last where none comes any more."""
    place, frames = boundary(timeline, site, asked), framed(timeline, asked)
    return next((frame for frame in frames if frame.start >= place), frames[-1])


def _garbage(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    newline = manner_of(timeline).newline
    return _put_in(timeline, site, asked, values["bytes"] + newline * 2)


def _unknown(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del values
    form = _form("unknown-event", asked.dialect)
    return _put_in(timeline, site, asked, manner_of(timeline).written(form["data"], form.get("event", "")))


def _long_line(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """A comment where the wire has such, else blanks in the next event, where JSON allows any number of them: the
    length is all that there is to notice. A long text would be one more thing that the model said."""
    manner, length = manner_of(timeline), values["bytes"]
    if manner.kind == "sse":
        return _put_in(timeline, site, asked, b": " + b"a" * length + manner.newline * 2)
    frame = _next_frame(timeline, site, asked)
    return edited(timeline, [(frame.start, frame.start + 1, frame.raw[:1] + b" " * length)])


def _twice(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del values
    frames, number = frame_at(timeline, site, asked)
    return edited(timeline, [(frames[number].stop, frames[number].stop, frames[number].raw)])


def _drop(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del values
    frames, number = frame_at(timeline, site, asked)
    return edited(timeline, [(frames[number].start, frames[number].stop, b"")])


def _reorder(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """The struck event and the one after it, the other way round; both come when the later one came."""
    del values
    frames, number = frame_at(timeline, site, asked)
    if number + 1 == len(frames):
        message = "that is the last event, so none comes after it to change places with"
        raise NoPlaceError(message)
    first, second = frames[number], frames[number + 1]
    return edited(timeline, [(first.start, second.stop, second.raw + first.raw)])


def _no_utf8(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """A byte that is no UTF-8 inside the text of the struck event, or of the next one that has some."""
    del values
    frames, number = frame_at(timeline, site, asked)
    manner = manner_of(timeline)
    for frame in frames[number:]:
        place = _inside_text(manner, frame.raw)
        if place is not None:
            at = frame.start + place
            return edited(timeline, [(at, at + 1, _NO_LETTER + timeline.body[at : at + 1])])
    message = "no event from there on has a text"
    raise NoPlaceError(message)


def _inside_text(manner: Manner, raw: bytes) -> int | None:
    """Where the longest text that a frame says ends in its bytes; None where it says none."""
    said = max(_texts(manner.value(raw)), key=len, default="")
    quoted = dumped(said)
    place = raw.find(quoted) if said else -1
    return place + len(quoted) - 1 if place >= 0 else None


def _texts(value: Any) -> list[str]:
    """The texts that a frame says for people, in order."""
    match value:
        case dict():
            own = [text for key, text in value.items() if key in _SAID and isinstance(text, str)]
            return [*own, *(text for inner in value.values() for text in _texts(inner))]
        case list():
            return [text for inner in value for text in _texts(inner)]
    return []


def event_faults() -> tuple[BuiltIn, ...]:
    """All of this family."""
    return (*_put_ins(), *_changes())


def _put_ins() -> tuple[BuiltIn, ...]:
    phase: Literal["mid-stream"] = "mid-stream"
    between = STREAMED_BETWEEN
    return (
        BuiltIn(
            name="error-event",
            phase=phase,
            about="the provider's own error in the middle of a stream, and the end",
            effect=_error,
            place=between,
            takes={
                "error": word("server-error", *_ERRORS),
                "message": text("", "the text of the error"),
                "form": word("event", "event", "failed", about="which of the two errors that openai-responses has"),
            },
            dialects=STREAMS,
        ),
        BuiltIn(
            name="malformed-json-event",
            phase=phase,
            about="an event whose JSON is none",
            effect=_malformed,
            place=between,
            takes={"data": text('{"broken": ', "what stands in place of JSON")},
            dialects=STREAMS,
        ),
        BuiltIn(
            name="garbage-bytes",
            phase=phase,
            about="bytes between two events that mean nothing",
            effect=_garbage,
            place=between,
            takes={"bytes": some_bytes(_GARBAGE, "what they are")},
            dialects=STREAMS,
        ),
        BuiltIn(
            name="html-injected",
            phase=phase,
            about="the page of a proxy in the middle of a stream, and the end",
            effect=_html,
            place=between,
            dialects=STREAMS,
        ),
        BuiltIn(
            name="unknown-event",
            phase=phase,
            about="an event that nobody has heard of, as providers add them",
            effect=_unknown,
            place=between,
            dialects=STREAMS,
        ),
        BuiltIn(
            name="long-line",
            phase=phase,
            about="a line of a million bytes that says nothing: a comment, or where there is none blanks in an event",
            effect=_long_line,
            place=between,
            takes={"bytes": count(1_048_576, "how long")},
            dialects=FRAMED,
        ),
    )


def _changes() -> tuple[BuiltIn, ...]:
    def fault(name: str, about: str, effect: Effect, dialects: frozenset[str] = STREAMS) -> BuiltIn:
        return BuiltIn(name=name, phase="mid-stream", about=about, effect=effect, place=STREAMED, dialects=dialects)

    return (
        fault("invalid-utf8", "a byte in a text that is no UTF-8", _no_utf8, FRAMED),
        fault("duplicate-event", "an event comes twice", _twice),
        fault("drop-event", "an event does not come", _drop),
        fault("reorder-events", "an event comes after the one that follows it", _reorder),
    )
