"""How a body is framed. Its first bytes say so more reliably than its content type: recordings have lost their headers,
gateways answer a request for a stream with a JSON error or a page of HTML."""

from __future__ import annotations

from typing import Final, TypeAlias

from harness.dialects._bedrock_framing import EventStreamParser
from harness.dialects._framing import Frame, FrameParser, JsonArrayParser, LineParser, SSEParser, WholeJson
from harness.dialects._trouble import failed
from harness.model import Head

Shapes: TypeAlias = "frozenset[str]"
"""What a body may be besides one value: `lines` (NDJSON), `array` (JSON streamed element by element), `messages` (an
AWS event stream, whose first byte is that of a length below 16 MiB: zero, which begins no text)."""

NO_SHAPES: Final[Shapes] = frozenset()
_BOM: Final = b"\xef\xbb\xbf"
_SSE_STARTS: Final = (b":", b"data:", b"event:", b"id:", b"retry:")
_WHOLE_STARTS: Final = b'{[<"'
_LINES: Final = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}
)


class SniffingParser:
    """Holds the first bytes back until they say which parser is the right one, then is that parser.

    It holds at most white space and six bytes; where `shapes` has `lines`, at most the first line.
    """

    def __init__(self, head: Head, shapes: Shapes = NO_SHAPES) -> None:
        self._head = head
        self._shapes = NO_SHAPES if failed(head) else shapes  # an error is one JSON text in every dialect
        self._held = bytearray()
        self._parser: FrameParser | None = None

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes."""
        if self._parser is None:
            self._held += data
            self._parser = self._choice(final=False)
            data = bytes(self._held) if self._parser else b""
        return self._parser.feed(data) if self._parser else []

    def close(self) -> list[Frame]:
        """What is left at the end of the stream."""
        if self._parser:
            return self._parser.close()
        parser = self._choice(final=True) or WholeJson()
        return [*parser.feed(bytes(self._held)), *parser.close()]

    def _choice(self, *, final: bool) -> FrameParser | None:
        held = bytes(self._held)
        start = held.removeprefix(_BOM).lstrip()
        if not final and (not start or _BOM.startswith(held)):
            return None
        if start.startswith(b"\0") and "messages" in self._shapes:
            return EventStreamParser()
        if start.startswith(b"[") and "array" in self._shapes:
            return JsonArrayParser()
        if start.startswith(b"{") and "lines" in self._shapes:
            return _lines_or_whole(start, final=final)
        if start[:1] in _WHOLE_STARTS:
            return WholeJson()
        if not final and any(word.startswith(start) and word != start for word in _SSE_STARTS):
            return None
        return self._sse_or_text(start)

    def _sse_or_text(self, start: bytes) -> FrameParser:
        if start.startswith(_SSE_STARTS):
            return SSEParser()
        if "lines" in self._shapes:
            return LineParser()
        trusted = content_type(self._head) == "text/event-stream" and not failed(self._head)
        return SSEParser() if trusted else WholeJson()


def _lines_or_whole(start: bytes, *, final: bool) -> FrameParser | None:
    """A first line that is nothing but `{` is pretty-printed JSON; no NDJSON line can be that."""
    line, found, _ = start.partition(b"\n")
    if not found and not final:
        return None
    return WholeJson() if found and line.strip() == b"{" else LineParser()


def content_type(head: Head) -> str:
    """The media type of `head` without its parameters, in lower case; empty where there is none."""
    return head.headers.get("content-type").partition(";")[0].strip().lower()


def stream_shape(head: Head) -> str:
    """`sse` or `lines` where the content type promises a stream of these, else empty."""
    kind = content_type(head)
    return "sse" if kind == "text/event-stream" else "lines" if kind in _LINES else ""
