"""The JSON documents of a body that is still arriving, each as soon as it is whole.

Rules:

1. A frame is a line that is a document (server-sent events, NDJSON), a document of a list (Gemini without SSE), or a
   message of an AWS event stream. What is none of them comes out as bytes, in its place and at once.
2. A frame waits until it is whole, for at most `FRAME_MAX` bytes. A longer one comes in parts that end behind a comma;
   then the place of a text is told by the name of its field alone.
3. Every byte comes out, once and in order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from harness.matching._event_stream import Message, is_prelude, messages, renewed
from harness.matching._leaves import Leaf, leaves, leaves_within
from harness.matching._spans import Span

FRAME_MAX: Final = 4096
_LINES: Final = re.compile(rb"[^\r\n]*[\r\n]+")
_LINE_END: Final = re.compile(rb"[\r\n]")
_BEGINS: Final = re.compile(rb"\s*(?:data:\s*)?(?:[{\[]|\Z)|\s*(?:d(?:a(?:t(?:a)?)?)?)?\Z")
_IS_FRAME: Final = re.compile(rb"\s*(?:data:\s*)?[{\[]")
_LEAD: Final = b"\xef\xbb\xbf \t\r\n"
_STRING_OR_NOT: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[^"]+', re.DOTALL)
_IN_STRING: Final = re.compile(rb'(?:[^"\\]|\\.)*', re.DOTALL)
_FIELD: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:\s*"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BETWEEN_ITEMS: Final = re.compile(r"[\s,\[\]]*")


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """`raw` as it arrived, its document `said` (the same bytes, save in an event stream) and the texts in that."""

    raw: bytes
    leaves: list[Leaf]
    message: Message | None = None

    @property
    def said(self) -> bytes:
        """What secrets are looked for in."""
        return self.raw if self.message is None else self.message.said

    def spans(self, spans: list[Span]) -> list[Span]:
        """Spans of `said` as spans of `raw`."""
        return spans if self.message is None or not spans else [renewed(self.message, 0, spans)]


Part: TypeAlias = Frame | bytes


class _Cutter(Protocol):
    def feed(self, data: bytes) -> Iterator[Part]: ...

    def close(self) -> Iterator[Part]: ...


class Framer:
    """Cuts one body. What it is shows in its first bytes, which wait until they tell."""

    def __init__(self) -> None:
        self._held = b""
        self._cutter: _Cutter | None = None

    def feed(self, data: bytes) -> Iterator[Part]:
        """The frames that are whole now, and what is none."""
        if self._cutter is None:
            data = self._held + data
            self._cutter = _cutter_for(data)
            self._held = b"" if self._cutter else data
        if self._cutter is not None:
            yield from self._cutter.feed(data)

    def close(self) -> Iterator[Part]:
        """The rest: nothing comes after it."""
        if self._cutter is None:
            self._cutter = _Lines()
            yield from self._cutter.feed(self._held)
        yield from self._cutter.close()


def _cutter_for(data: bytes) -> _Cutter | None:
    """None where the first bytes do not tell yet."""
    if data[:1] == b"\0":
        if len(data) < 12:
            return None
        return _Messages() if is_prelude(data) else _Lines()
    begun = data.lstrip(_LEAD)
    if begun[:1] not in {b"{", b"["}:
        return _Lines() if begun else None
    first = _LINE_END.search(begun)
    if first is None and len(begun) <= FRAME_MAX:
        return None
    if first is not None and _is_document(begun[: first.start()]):
        return _Lines()
    return _Items() if begun[:1] == b"[" else _Long()


def _is_document(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


class _Lines:
    def __init__(self) -> None:
        self._held = b""
        self._plain = False  # inside a line that is no frame
        self._long: _Long | None = None

    def feed(self, data: bytes) -> Iterator[Part]:
        data, self._held = self._held + data, b""
        if self._plain or self._long:
            end = _LINE_END.search(data)
            stop = len(data) if end is None else end.start()
            yield from self._inside(data[:stop], ended=end is not None)
            data = data[stop:]
        done = 0
        for line in _LINES.finditer(data):
            done = line.end()
            yield _framed(line[0])
        yield from self._begun(data[done:])

    def _inside(self, data: bytes, *, ended: bool) -> Iterator[Part]:
        if self._long is not None:
            yield from self._long.feed(data)
            if ended:
                yield from self._long.close()
        elif data:
            yield data
        if ended:
            self._plain, self._long = False, None

    def _begun(self, data: bytes) -> Iterator[Part]:
        if not data:
            return
        if not _BEGINS.match(data):
            self._plain = True
            yield data
        elif len(data) <= FRAME_MAX:
            self._held = data
        else:
            self._long = _Long()
            yield from self._long.feed(data)

    def close(self) -> Iterator[Part]:
        if self._long is not None:
            yield from self._long.close()
        if self._held:
            yield _framed(self._held)


def _framed(line: bytes) -> Part:
    return Frame(line, found) if _IS_FRAME.match(line) and (found := leaves(line)) else line


class _Items:
    """The documents of a list, one at a time."""

    def __init__(self) -> None:
        self._held = b""
        self._long: _Long | None = None
        self._decoder = json.JSONDecoder()

    def feed(self, data: bytes) -> Iterator[Part]:
        if self._long is not None:
            yield from self._long.feed(data)
            return
        self._held += data
        text = self._held.decode("utf-8", "surrogateescape")
        at = 0
        while (stop := self._item(text, at)) > at:
            yield self._framed(text[at:stop].encode("utf-8", "surrogateescape"))
            at = stop
        self._held = text[at:].encode("utf-8", "surrogateescape")
        if len(self._held) > FRAME_MAX:
            self._long = _Long()
            yield from self._long.feed(self._held)
            self._held = b""

    def _item(self, text: str, at: int) -> int:
        """Where the item that begins at `at` ends; `at` where it has not ended."""
        between = _BETWEEN_ITEMS.match(text, at)
        begin = between.end() if between else at
        if text[begin : begin + 1] not in {"{", '"'}:
            return at  # a number or a word may go on
        try:
            return self._decoder.raw_decode(text, begin)[1]
        except (ValueError, RecursionError):
            return at

    @staticmethod
    def _framed(item: bytes) -> Part:
        begin = len(item) - len(item.lstrip(b" \t\r\n,[]" + _LEAD))
        return Frame(item, found) if (found := leaves_within(item, begin)) else item

    def close(self) -> Iterator[Part]:
        if self._long is not None:
            yield from self._long.close()
        elif self._held:
            yield self._held


class _Long:
    """A document that is too long to wait for."""

    def __init__(self) -> None:
        self._held = b""
        self._in_string = False

    def feed(self, data: bytes) -> Iterator[Part]:
        data, self._held = self._held + data, b""
        if self._in_string:
            inside = _IN_STRING.match(data)
            stop = inside.end() if inside else 0
            if stop < len(data) and data[stop : stop + 1] == b'"':
                stop, self._in_string = stop + 1, False
            if stop:
                yield data[:stop]
            data = data[stop:]
            if self._in_string:
                self._held = data  # a backslash that waits for what it escapes
                return
        safe, end = _safe_cut(data)
        if safe:
            yield Frame(data[:safe], list(_fields(data[:safe])))
        if len(data) - safe <= FRAME_MAX:
            self._held = data[safe:]
            return
        self._in_string = end < len(data)
        stop = len(data) - (data.endswith(b"\\") if self._in_string else 0)
        yield data[safe:stop]
        self._held = data[stop:]

    def close(self) -> Iterator[Part]:
        if self._held:
            yield Frame(self._held, list(_fields(self._held)))
            self._held = b""


def _safe_cut(data: bytes) -> tuple[int, int]:
    """Behind the last comma or bracket that stands in no string, and where the last whole token ends."""
    safe = end = 0
    for token in _STRING_OR_NOT.finditer(data):
        if token.start() != end:
            break  # a string that has not ended
        end = token.end()
        if token[0][:1] != b'"':
            last = max(token[0].rfind(b","), token[0].rfind(b"}"), token[0].rfind(b"]"))
            safe = token.start() + last + 1 if last >= 0 else safe
    return safe, end


def _fields(data: bytes) -> Iterator[Leaf]:
    for found in _FIELD.finditer(data):
        try:
            text = json.loads(b'"%b"' % found[2])
        except ValueError:
            continue
        name = found[1].decode("utf-8", "replace")
        yield Leaf(*found.span(2), text, name, name, ("long", name), 0)


class _Messages:
    """The messages of an AWS event stream."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> Iterator[Part]:
        self._held += data
        done = 0
        for message in messages(self._held):
            yield Frame(self._held[message.start : message.stop], leaves(message.said), message.moved())
            done = message.stop
        self._held = self._held[done:]
        if len(self._held) > FRAME_MAX and not is_prelude(self._held):
            yield self._held
            self._held = b""

    def close(self) -> Iterator[Part]:
        if self._held:
            yield self._held
