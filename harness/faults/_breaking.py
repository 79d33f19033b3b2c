"""The breaking family: connections that fail, and bodies that end where their framing says they must not.

The errors are httpcore's and h11's, word for word. What has no form above an HTTP parser is Raw bytes, and for a
backend, which has no HTTP, the error that a parser makes of them.
"""

from __future__ import annotations

from typing import Final, Literal

from harness.faults._cutting import broken_off, chunk_end, frame_at, reheaded, unsized, upto
from harness.faults._fault import BuiltIn, Effect, NoPlaceError
from harness.faults._params import Values, count, some_bytes, text, word
from harness.faults._where import AFTER, BEFORE_LAST, END, HEADERS, INSIDE, STREAMED
from harness.model import ZERO, End, Nanos, Raw, Reset, Timeline
from harness.spec import Asked, FaultSite

RESET: Final = Reset("ReadError", "[Errno 104] Connection reset by peer")
CLOSED: Final = Reset("RemoteProtocolError", "Server disconnected without sending a response.")
NATIVE: Final = "native"
_TLS_ALERT: Final = "0x16030100020228"
_VISIBLE: Final = 0x21
"""What h11 takes for the first byte of any HTTP at all."""
_FIRST_OF_MANY: Final = 0xC0
_FOLLOWER: Final = range(0x80, 0xC0)


def _before(error: Reset) -> Effect:
    """The request was read; instead of a head comes `error`."""

    def effect(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
        del site, values, asked
        return Timeline.failed(error, at=timeline.events[0][0])

    return effect


def _reset(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del values, asked
    return timeline.cut(site.chunk or 0).then(RESET)


def _eof(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del values, asked
    cut = timeline.cut(site.chunk or 0)
    return cut.then(broken_off(cut))


def _inside_chunk(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del asked
    stop = chunk_end(timeline, site)
    chunk = timeline.chunks[(site.chunk or 1) - 1]
    kept = len(chunk) // 2 if values["where"] == "half" else _inside_letter(chunk)
    cut = upto(timeline, stop - len(chunk) + kept)
    return cut.then(broken_off(cut))


def _inside_letter(chunk: bytes) -> int:
    """A place inside a UTF-8 sequence. Raises NoPlaceError."""
    found = next((n for n, byte in enumerate(chunk) if byte >= _FIRST_OF_MANY and chunk[n + 1 :][:1]), None)
    if found is None or chunk[found + 1] not in _FOLLOWER:
        message = "that chunk has no letter of several bytes to be cut inside"
        raise NoPlaceError(message)
    return found + 1


def _truncated(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del values, asked
    return unsized(timeline.cut(site.chunk or 0)).then(End())


def _truncated_inside(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """Half of an event, then the end of the body, as if that were all."""
    del values
    frames, number = frame_at(timeline, site, asked)
    frame = frames[number]
    return unsized(upto(timeline, frame.start + (len(frame.raw.rstrip()) + 1) // 2)).then(End())


def _bad_chunk_size(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    cut = unsized(timeline.cut(site.chunk or 0))
    line: bytes = values["line"].encode("latin-1", "replace") + b"\r\n"
    if asked.dialect == NATIVE:
        return cut.then(Reset("RemoteProtocolError", f"illegal chunk header: {bytearray(line)!r}"))
    return reheaded(cut, transfer_encoding="chunked").then(Raw(line)).then(End())


def _garbage(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del site
    at, data = timeline.events[0][0], values["bytes"]
    if asked.dialect == NATIVE:
        said = "illegal request line" if data[0] < _VISIBLE else f"illegal status line: {bytearray(data)!r}"
        return Timeline.failed(Reset("RemoteProtocolError", said), at=at)
    return _raw(at, data)


def _header_too_large(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """A head that never ends. h11 gives up at 100 KiB of it."""
    del site
    at = timeline.events[0][0]
    if asked.dialect == NATIVE:
        return Timeline.failed(Reset("RemoteProtocolError", "Receive buffer too long"), at=at)
    return _raw(at, b"HTTP/1.1 200 OK\r\nx-large: " + b"a" * values["bytes"])


def _raw(at: Nanos, data: bytes) -> Timeline:
    return Timeline(((at, Raw(data)), (at, End())))


def _without_last_chunk(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del site, values, asked
    whole = unsized(timeline.cut(len(timeline.chunks)))
    return whole.then(broken_off(whole))


def _during_upload(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """The caller never learns how far it came: httpcore swallows the error of writing and fails on reading."""
    del timeline, site, values, asked
    return Timeline.failed(RESET, at=ZERO)


def breaking_faults() -> tuple[BuiltIn, ...]:
    """All of this family."""
    return (*_before_headers(), *_mid_stream())


def _before_headers() -> tuple[BuiltIn, ...]:
    def fault(name: str, about: str, error: Reset) -> BuiltIn:
        return BuiltIn(name=name, phase="before-headers", about=about, effect=_before(error), place=HEADERS)

    return (
        fault("close-before-headers", "the server reads the request and hangs up", CLOSED),
        fault("reset-before-headers", "the connection is reset instead of an answer", RESET),
        BuiltIn(
            name="garbage-instead-of-http",
            phase="before-headers",
            about="what comes is no HTTP",
            effect=_garbage,
            place=HEADERS,
            takes={"bytes": some_bytes(_TLS_ALERT, "what comes")},
        ),
        BuiltIn(
            name="reset-during-upload",
            phase="before-headers",
            about="the connection is reset while the request is being sent, as gateways do to what is too large",
            effect=_during_upload,
            place=HEADERS,
            takes={"after_bytes": count(1, "how much of the body is read first")},
        ),
        BuiltIn(
            name="header-too-large",
            phase="headers",
            about="one header line that is longer than a client reads",
            effect=_header_too_large,
            place=HEADERS,
            takes={"bytes": count(300_000, "the length of the line")},
        ),
    )


def _mid_stream() -> tuple[BuiltIn, ...]:
    phase: Literal["mid-stream"] = "mid-stream"
    return (
        BuiltIn(name="reset-mid-stream", phase=phase, about="the connection is reset", effect=_reset, place=AFTER),
        BuiltIn(
            name="eof-mid-stream",
            phase=phase,
            about="the server hangs up in the middle of the body",
            effect=_eof,
            place=AFTER,
        ),
        BuiltIn(
            name="cut-mid-chunk",
            phase=phase,
            about="the server hangs up inside a chunk",
            effect=_inside_chunk,
            place=INSIDE,
            takes={"where": word("half", "half", "letter", about="where in the chunk")},
        ),
        BuiltIn(
            name="truncate-clean",
            phase=phase,
            about="the body ends early and properly, as proxies do it: no terminator of the dialect, and no error",
            effect=_truncated,
            place=BEFORE_LAST,
        ),
        BuiltIn(
            name="truncate-clean-mid-event",
            phase=phase,
            about="the body ends properly inside an event",
            effect=_truncated_inside,
            place=STREAMED,
        ),
        BuiltIn(
            name="bad-chunk-size",
            phase=phase,
            about="what should be the size of the next chunk is no number",
            effect=_bad_chunk_size,
            place=AFTER,
            takes={"line": text("ZZZ", "what stands in place of the size")},
        ),
        BuiltIn(
            name="eof-without-last-chunk",
            phase="end",
            about="all has been said, and the server hangs up without the chunk that ends the body",
            effect=_without_last_chunk,
            place=END,
        ),
    )
