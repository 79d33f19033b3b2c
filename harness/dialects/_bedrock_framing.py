"""AWS event streams (`application/vnd.amazon.eventstream`): binary messages with headers and two checksums.

A message is its length and the length of its headers (4 bytes each, big endian), a CRC-32 of these eight bytes, the
headers, the payload, and a CRC-32 of everything before it.
Source: https://smithy.io/2.0/aws/amazon-eventstream.html; botocore allows 16 MiB a message and 128 KiB of headers.

1. A wrong checksum is told in the frame and stops nothing: a recording that somebody edited is still readable.
2. Lengths that cannot be are where reading ends, because nobody knows where the next message begins.
   What is left is one frame, and it is not complete.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from zlib import crc32

from harness.dialects._framing import Frame, Framer, decoded
from harness.dialects._untyped import dumped

_PRELUDE: Final = 12
_TRAILER: Final = 4
_MESSAGE_MAX: Final = 16 << 20
_HEADERS_MAX: Final = 128 << 10
_TEXT: Final = 7
_BYTES: Final = 6
_SIZES: Final[dict[int, int]] = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a header value by its type; texts and byte strings have a length of two bytes before them."""


class EventStreamParser(Framer):
    """One frame per message. `data` is its payload as text, and `event` the name of its event or exception.

    A message with a wrong checksum has no event and a sentence as its data, which is no JSON.
    """

    _lost = False

    def _next_end(self, *, final: bool) -> int | None:
        del final
        if self._lost or len(self._buffer) < self._at + _PRELUDE:
            return None
        size = _number(self._buffer, self._at)
        headers = _number(self._buffer, self._at + 4)
        fits = _PRELUDE + headers + _TRAILER <= size <= _MESSAGE_MAX and headers <= _HEADERS_MAX
        if not fits:
            self._lost = True
            return None
        if len(self._buffer) < self._at + size:
            return None
        self._at += size
        return self._at

    def _view(self, raw: bytes, *, complete: bool) -> Frame:
        if not complete:
            return Frame(raw, f"{len(raw)} bytes of an event stream that are no whole message", complete=False)
        if not _is_sound(raw):
            return Frame(raw, f"a message of {len(raw)} bytes whose checksum is wrong")
        stop = _PRELUDE + _number(raw, 4)
        told = dict(_headers(raw[_PRELUDE:stop]))
        payload = decoded(raw[stop:-_TRAILER])
        if told.get(":message-type") == "error":
            error = {"message": told.get(":error-message", ""), "code": told.get(":error-code", "")}
            return Frame(raw, dumped(error), event="error")
        return Frame(raw, payload, event=told.get(":exception-type") or told.get(":event-type", ""))


def event_message(name: str, payload: bytes) -> bytes:
    """One message of an AWS event stream with `payload`: an event called `name`, or an exception where the name says
    that it is one, as AWS names them."""
    kind = "exception" if name.endswith("Exception") else "event"
    named = ((f":{kind}-type", name), (":content-type", "application/json"), (":message-type", kind))
    headers = b"".join(_header(key, value) for key, value in named)
    size = _PRELUDE + len(headers) + len(payload) + _TRAILER
    lengths = size.to_bytes(4) + len(headers).to_bytes(4)
    start = lengths + crc32(lengths).to_bytes(4) + headers + payload
    return start + crc32(start).to_bytes(4)


def _header(name: str, value: str) -> bytes:
    said = value.encode()
    return bytes([len(name)]) + name.encode() + bytes([_TEXT]) + len(said).to_bytes(2) + said


def _number(data: bytes | bytearray, at: int) -> int:
    return int.from_bytes(data[at : at + 4])


def _is_sound(raw: bytes) -> bool:
    return crc32(raw[:8]) == _number(raw, 8) and crc32(raw[:-_TRAILER]) == _number(raw, len(raw) - _TRAILER)


def _headers(data: bytes) -> Iterator[tuple[str, str]]:
    """Names and values of the headers that are texts, as far as they can be read."""
    at = 0
    while at < len(data):
        name_stop = at + 1 + data[at]
        kind = data[name_stop] if name_stop < len(data) else -1
        start = name_stop + 1
        if kind in {_TEXT, _BYTES}:
            size = int.from_bytes(data[start : start + 2])
            start += 2
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            return
        if kind == _TEXT:
            yield decoded(data[at + 1 : name_stop]), decoded(data[start : start + size])
        at = start + size
