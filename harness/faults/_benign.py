"""The benign family: the same answer in other bytes. The only result that a reader may make of it is the same one.

All of it is legal where its dialects stand, and common behind proxies: WHATWG HTML 9.2 for server-sent events, RFC 8259
for white space, and any cut of a body into chunks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from harness.faults._bodies import WIRE
from harness.faults._cutting import Span, edited, framed, reheaded
from harness.faults._events import FRAMED
from harness.faults._fault import BuiltIn, Effect, NoPlaceError
from harness.faults._params import Values
from harness.faults._spelling import Manner, manner_of
from harness.faults._where import BODY
from harness.model import Timeline
from harness.spec import Asked, FaultSite

_SSE: Final = FRAMED - {"ollama", "native"}
_BOM: Final = b"\xef\xbb\xbf"
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_FIELD: Final = re.compile(rb"(?m)^(data|event|id|retry): ")
_OBJECT: Final = re.compile(rb"(?m)^(data: ?\{)(?=[^\r\n])")


def _split(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del site, values, asked
    return timeline.rechunked([1] * len(timeline.body))


def _coalesced(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del site, values, asked
    return timeline.rechunked(())


def _inside_letters(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """Every chunk ends inside a letter of several bytes."""
    del site, values, asked
    body = timeline.body
    edges = [n + 1 for n, byte in enumerate(body) if byte >= 0xC0]
    if not edges:
        message = "the answer has no letter of several bytes"
        raise NoPlaceError(message)
    return timeline.rechunked([stop - start for start, stop in zip([0, *edges], edges, strict=False)])


def _each(change: Callable[[bytes, Manner], bytes], *kinds: str) -> Effect:
    """Every frame of an answer of one of these kinds, changed."""

    def effect(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
        del site, values
        manner = _manner(timeline, kinds)
        return edited(timeline, _changed(framed(timeline, asked), manner, change))

    return effect


def _changed(
    spans: tuple[Span, ...], manner: Manner, change: Callable[[bytes, Manner], bytes]
) -> Iterator[tuple[int, int, bytes]]:
    for span in spans:
        new = change(span.raw, manner)
        if new != span.raw:
            yield span.start, span.stop, new


def _between(what: Callable[[Manner], bytes], *kinds: str) -> Effect:
    """Something between any two events."""

    def effect(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
        del site, values
        manner = _manner(timeline, kinds)
        return edited(timeline, [(span.start, span.start, what(manner)) for span in framed(timeline, asked)[1:]])

    return effect


def _manner(timeline: Timeline, kinds: tuple[str, ...]) -> Manner:
    manner = manner_of(timeline)
    if manner.kind not in kinds:
        message = f"the answer does not come as {' or '.join(_KINDS[kind] for kind in kinds)}"
        raise NoPlaceError(message)
    return manner


_KINDS: Final = {"sse": "server-sent events", "lines": "lines of JSON"}


def _lines_end_in(newline: bytes) -> Callable[[bytes, Manner], bytes]:
    return lambda raw, _: _LINE_END.sub(newline, raw)


def _no_space(raw: bytes, manner: Manner) -> bytes:
    del manner
    return _FIELD.sub(rb"\1:", raw)


def _several_lines(raw: bytes, manner: Manner) -> bytes:
    return _OBJECT.sub(lambda found: found[1] + manner.newline + b"data: ", raw)


def _bom(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del site, values, asked
    _manner(timeline, ("sse", "lines"))
    return edited(timeline, [(0, 1, _BOM + timeline.body[:1])])


def _closes(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """The server closes the connection when it is idle. A pool notices and connects anew, whether it was told or not,
    so that here it is told."""
    del site, values, asked
    return reheaded(timeline, connection="close")


def benign_faults() -> tuple[BuiltIn, ...]:
    """All of this family, but for `gzip-ok`, which stands with its kin."""

    def fault(name: str, about: str, effect: Effect, dialects: frozenset[str] = _SSE) -> BuiltIn:
        return BuiltIn(name=name, phase="benign", about=about, effect=effect, place=BODY, dialects=dialects)

    both = ("sse", "lines")
    return (
        fault("benign-split-1-byte", "every byte comes alone", _split, frozenset()),
        fault("benign-coalesced", "all bytes come together", _coalesced, frozenset()),
        fault("benign-split-mid-utf8", "every chunk ends inside a letter", _inside_letters, frozenset()),
        fault("benign-crlf", "lines end in CR and LF", _each(_lines_end_in(b"\r\n"), *both), FRAMED),
        fault("benign-lf", "lines end in LF", _each(_lines_end_in(b"\n"), *both), FRAMED),
        fault("benign-cr-only", "lines end in CR", _each(_lines_end_in(b"\r"), "sse")),
        fault("benign-comments", "a comment between any two events", _between(_comment, "sse")),
        fault("benign-ping", "a ping between any two events", _between(_ping, "sse")),
        fault("benign-no-space-after-colon", "no space after the colons", _each(_no_space, "sse")),
        fault("benign-bom", "a byte order mark before everything", _bom, FRAMED),
        fault("benign-multiline-data", "the data of an event on several lines", _each(_several_lines, "sse")),
        fault(
            "benign-blank-lines", "a blank line between any two events", _between(lambda m: m.newline, *both), FRAMED
        ),
        fault("keepalive-stale", "the server closes the connection after the answer", _closes, WIRE),
    )


def _comment(manner: Manner) -> bytes:
    return b": keep-alive" + manner.newline * 2


def _ping(manner: Manner) -> bytes:
    return manner.written({"type": "ping"}, "ping")
