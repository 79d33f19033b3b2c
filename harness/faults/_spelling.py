"""How a frame is written: a JSON value as a server-sent event or a line, in the manner of the answer it goes into."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any, Final

from harness.dialects import EventStreamParser, Frame, LineParser, SSEParser, event_message
from harness.faults._fault import NoPlaceError
from harness.model import Json, Timeline

_SSE_STARTS: Final = (b":", b"data:", b"event:", b"id:", b"retry:")
_BOM: Final = b"\xef\xbb\xbf"
_DATA: Final = re.compile(rb"(?m)^data:.*?(\r\n|\n|\r|\Z)")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")


_CHUNK: Final = "chunk"
_PARSERS: Final = {"sse": SSEParser, "lines": LineParser, "messages": EventStreamParser}


@dataclass(frozen=True, slots=True)
class Manner:
    """How the answer writes its frames: `sse`, `lines`, `array` (Google's other way), `messages` (AWS, binary) or
    `whole`, and how its lines end."""

    kind: str
    newline: bytes

    def written(self, value: Json, event: str = "") -> bytes:
        """One more frame with `value`. Raises NoPlaceError where the answer is one JSON text."""
        return self.said(dumped(value), event)

    def said(self, data: bytes, event: str = "") -> bytes:
        """One more frame with `data` as it stands."""
        if self.kind == "lines":
            return data + self.newline
        if self.kind == "messages":
            packed = dumped({"bytes": b64encode(data).decode()}) if event == _CHUNK else data
            return event_message(event, packed)
        if self.kind == "sse":
            name = b"event: " + event.encode() + self.newline if event else b""
            return name + b"data: " + data + self.newline * 2
        message = "the answer comes in one piece, and this goes between two"
        raise NoPlaceError(message)

    def read(self, raw: bytes) -> Frame:
        """The view of one frame: its event name and its text."""
        if self.kind in {"whole", "array"}:
            text = raw.removeprefix(_BOM).decode("utf-8", "replace").strip()
            return Frame(raw, text.lstrip("[,").strip() if self.kind == "array" else text)
        parser = _PARSERS[self.kind]()
        found = [frame for frame in [*parser.feed(raw), *parser.close()] if not frame.is_blank]
        return _unpacked(found[0]) if found else Frame(raw, "")

    def value(self, raw: bytes) -> Any:
        """The JSON of one frame; None where it holds none."""
        try:
            return json.loads(self.read(raw).data)
        except ValueError:
            return None

    def rewritten(self, raw: bytes, value: Json) -> bytes:
        """The frame with another value: everything else of it stays, and where the old value was another one."""
        new = dumped(value)
        if self.kind == "messages":
            return self.said(new, self.read(raw).event)
        if self.kind == "sse":
            first = _DATA.search(raw)
            assert first is not None, "a frame whose value was read has data"
            return raw[: first.start()] + b"data: " + new + first[1] + _DATA.sub(b"", raw[first.end() :])
        start = raw.index(b"{") if self.kind == "array" else len(raw) - len(raw.lstrip())
        return raw[:start] + new + raw[len(raw.rstrip()) :]

    def renamed(self, raw: bytes, event: str) -> bytes:
        """The frame with another event name, where it has one."""
        return re.sub(rb"(?m)^event:[^\r\n]*", b"event: " + event.encode(), raw)


def manner_of(timeline: Timeline) -> Manner:
    """How `timeline` writes its frames, by its first bytes, which say so more reliably than its head."""
    body = timeline.body.removeprefix(_BOM).lstrip()
    if body.startswith(b"\0"):  # the length of a first message below 16 MiB, which begins no text
        return Manner("messages", b"")
    found = _LINE_END.search(body)
    newline = found[0] if found else b"\n"
    kind = timeline.head.headers.get("content-type").lower() if timeline.head else ""
    if body.startswith(_SSE_STARTS) or (not body and "event-stream" in kind):
        return Manner("sse", newline)
    is_json = "json" in kind and "ndjson" not in kind and "jsonl" not in kind
    if body.startswith(b"["):
        return Manner("array", newline)
    return Manner("whole" if is_json or not body.startswith(b"{") else "lines", newline)


def _unpacked(frame: Frame) -> Frame:
    """A `chunk` of Bedrock's InvokeModel holds JSON in base64 inside its JSON; every other frame is what it is."""
    if frame.event != _CHUNK:
        return frame
    try:
        return Frame(frame.raw, b64decode(json.loads(frame.data)["bytes"]).decode(), frame.event)
    except (ValueError, KeyError, TypeError):  # somebody's own event of that name
        return frame


def dumped(value: Json) -> bytes:
    """JSON on one line, letters as they are; half a surrogate pair, which is no UTF-8, is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return (json.dumps(value) if _SURROGATE.search(text) else text).encode()
