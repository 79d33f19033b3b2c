"""Framing: bytes cut where the sender cut them. Lossless and incremental.

Rules, which hold for every parser here:

1. The `raw` of all frames, joined, is what was fed, byte for byte.
2. The frames are the same at every chunking: inside a UTF-8 sequence, between CR and LF, byte by byte.
3. A frame comes out with the chunk that completes it. A CR at the end of a chunk waits for the next byte, because it
   may be half of a CRLF; so where lines end in CR alone (nobody is known to send that) a frame comes one byte late.
4. Strange bytes never raise: in the decoded view invalid UTF-8 becomes U+FFFD, and `raw` keeps it.
5. Blank lines between frames belong to the next frame. What only says nothing (blank lines, SSE comments, the `]` of an
   array) is a frame too, and `is_blank`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Protocol

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\n|\r")
_STRUCTURE = re.compile(rb'["{}\[\]]')
_STRING_END = re.compile(rb'["\\]')


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. `data` is its text without the framing; `event` and `id` are those of an SSE event.

    `complete` is False where the stream ended before the frame did: the text may be cut anywhere.
    """

    raw: bytes = field(repr=False)
    data: str
    event: str = ""
    id: str = ""
    complete: bool = True

    @property
    def is_blank(self) -> bool:
        """True where there is nothing to read."""
        return not self.data and not self.event


class FrameParser(Protocol):
    """Bytes in at any chunking, frames out. One per stream."""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes."""

    def close(self) -> list[Frame]:
        """What is left at the end of the stream."""


class Framer:
    """The part that all parsers share: a buffer, and a loop that asks `_next_end` where the next frame ends."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0  # everything before has been looked at, so that a long frame in small chunks stays linear

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes."""
        self._buffer += data
        return self._take(final=False)

    def close(self) -> list[Frame]:
        """The frames that only the end completes, and the rest with `complete=False`."""
        frames = self._take(final=True)
        rest = bytes(self._buffer)
        self._buffer.clear()
        self._at = 0
        return [*frames, self._view(rest, complete=False)] if rest else frames

    def _take(self, *, final: bool) -> list[Frame]:
        frames: list[Frame] = []
        start = 0
        while (stop := self._next_end(final=final)) is not None:
            frames.append(self._view(bytes(self._buffer[start:stop]), complete=True))
            start = stop
        del self._buffer[:start]
        self._moved(start)
        return frames

    def _moved(self, by: int) -> None:
        self._at -= by

    def _next_end(self, *, final: bool) -> int | None:
        raise NotImplementedError

    def _view(self, raw: bytes, *, complete: bool) -> Frame:
        return Frame(raw, decoded(raw).strip(), complete=complete)


class SSEParser(Framer):
    """Server-sent events as WHATWG defines them, with two differences: an event that the stream cut is delivered, with
    `complete=False`; and comments are delivered, as blank frames."""

    def __init__(self) -> None:
        super().__init__()
        self._line = 0
        self._spoke = False

    def _moved(self, by: int) -> None:
        self._at -= by
        self._line -= by

    def _next_end(self, *, final: bool) -> int | None:
        while found := _LINE_END.search(self._buffer, self._at):
            start, stop = found.span()
            if stop == len(self._buffer) and self._buffer[start] == 0x0D and stop - start == 1 and not final:
                self._at = start
                return None
            blank = start == self._line
            self._at = self._line = stop
            if blank and self._spoke:
                self._spoke = False
                return stop
            self._spoke = self._spoke or not blank
        self._at = len(self._buffer)
        return None

    def _view(self, raw: bytes, *, complete: bool) -> Frame:
        return sse_frame(raw, complete=complete)


class LineParser(Framer):
    """NDJSON: one JSON text a line, lines end in LF (a CR before it is white space to JSON)."""

    def __init__(self) -> None:
        super().__init__()
        self._line = 0

    def _moved(self, by: int) -> None:
        self._at -= by
        self._line -= by

    def _next_end(self, *, final: bool) -> int | None:
        del final
        while stop := self._buffer.find(b"\n", self._at) + 1:
            line, self._at, self._line = self._line, stop, stop
            if self._buffer[line:stop].strip():
                return stop
        self._at = len(self._buffer)
        return None


class JsonArrayParser(Framer):
    """A JSON array that is streamed element by element, as Gemini does without `alt=sse`.

    A frame ends with the bracket that closes its element, so `[` and `,` lead the element, and `]` is a last, blank
    frame.
    Elements are objects or arrays; anything else stays in the text of the next frame, where it is no valid JSON.
    """

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0
        self._in_string = False

    def _next_end(self, *, final: bool) -> int | None:
        del final
        while found := (_STRING_END if self._in_string else _STRUCTURE).search(self._buffer, self._at):
            sign = self._buffer[found.start()]
            if sign == 0x5C:  # a backslash: what it escapes must be there before we go on
                if found.end() == len(self._buffer):
                    self._at = found.start()
                    return None
                self._at = found.end() + 1
                continue
            self._at = found.end()
            if self._closes_element(sign):
                return self._at
        self._at = len(self._buffer)
        return None

    def _closes_element(self, sign: int) -> bool:
        if sign == 0x22:
            self._in_string = not self._in_string
        elif sign in b"{[":
            self._depth += 1
        else:
            self._depth -= 1
            return self._depth <= 1
        return False

    def _view(self, raw: bytes, *, complete: bool) -> Frame:
        text = decoded(raw).strip().lstrip("[,").lstrip() if self._depth or not complete else ""
        text = text if text != "]" else ""
        return Frame(raw, text, complete=complete)


class WholeJson(Framer):
    """A body that is one frame, whatever it holds. It is complete when the stream ends."""

    def _next_end(self, *, final: bool) -> int | None:
        if not final or self._at == len(self._buffer):
            return None
        self._at = len(self._buffer)
        return self._at


def sse_frame(raw: bytes, *, complete: bool = True) -> Frame:
    """The view of one SSE event. A line without a colon is a field with no value; unknown fields are ignored."""
    fields: dict[str, list[str]] = {"data": [], "event": [], "id": []}
    for line in raw.removeprefix(_BOM).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
        name, _, value = line.partition(b":")
        known = fields.get(decoded(name))
        if known is not None:
            known.append(decoded(value).removeprefix(" "))
    last = {name: values[-1] if values else "" for name, values in fields.items()}
    return Frame(raw, "\n".join(fields["data"]), last["event"], last["id"], complete)


def decoded(raw: bytes) -> str:
    """`raw` as text: no byte order mark, and U+FFFD for what is no UTF-8."""
    return raw.removeprefix(_BOM).decode("utf-8", "replace")


def split(parser: FrameParser, body: bytes) -> tuple[bytes, ...]:
    """`body` cut as `parser` cuts it. Joined, the pieces are `body`."""
    return tuple(frame.raw for frame in [*parser.feed(body), *parser.close()])


def split_sse(body: bytes) -> tuple[bytes, ...]:
    """The SSE events of `body`, each with its blank line."""
    return split(SSEParser(), body)


def split_ndjson(body: bytes) -> tuple[bytes, ...]:
    """The lines of `body`, each with its line end."""
    return split(LineParser(), body)


def split_json_array(body: bytes) -> tuple[bytes, ...]:
    """The elements of the JSON array in `body`, each with what stands before it."""
    return split(JsonArrayParser(), body)
