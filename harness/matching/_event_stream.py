"""Redaction of AWS event streams: binary messages whose lengths and checksums have to be right afterwards as well.

The form of a message stands in `harness/dialects/_bedrock_framing.py`, which is above this room.
`InvokeModelWithResponseStream` wraps what the model says once more: `{"bytes": "<base64 of JSON>"}`.
"""

from __future__ import annotations

import base64
import binascii
import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Final, NamedTuple
from zlib import crc32

from harness.matching._spans import Span

_PRELUDE: Final = 12
_TRAILER: Final = 4


class Message(NamedTuple):
    """`said` is what the payload holds; `wrapped` where that is base64 in a field called `bytes`."""

    start: int
    stop: int
    headers: bytes
    said: bytes
    wrapped: dict[str, object] | None

    def moved(self) -> Message:
        """The same one, standing by itself."""
        return self._replace(start=0, stop=self.stop - self.start)


def remade(body: bytes, find: Callable[[bytes], Sequence[Span]]) -> list[Span] | None:
    """The messages of `body` that hold secrets, each as a span that a new message stands in for; None where `body` is
    no event stream. What follows the last whole message is left as it is."""
    whole = messages(body)
    if not whole:
        return None
    lines = [message.said + b"\n" for message in whole]
    ends = list(accumulate(map(len, lines)))
    of_message: defaultdict[int, list[Span]] = defaultdict(list)
    for span in find(b"".join(lines)):
        of_message[bisect_right(ends, span.start)].append(span)
    return [renewed(whole[at], ends[at] - len(lines[at]), spans) for at, spans in sorted(of_message.items())]


def said(body: bytes) -> bytes:
    """What the messages of `body` hold, one on each line; `body` itself where it is no event stream."""
    return b"".join(message.said + b"\n" for message in messages(body)) or body


def messages(body: bytes) -> list[Message]:
    """The whole messages that `body` begins with."""
    found: list[Message] = []
    at = 0
    while len(body) - at >= _PRELUDE + _TRAILER:
        size, headers = int.from_bytes(body[at : at + 4]), int.from_bytes(body[at + 4 : at + 8])
        if not is_prelude(body[at : at + _PRELUDE]):
            break
        if not _PRELUDE + headers + _TRAILER <= size <= len(body) - at:
            break
        split = at + _PRELUDE + headers
        payload = body[split : at + size - _TRAILER]
        said, wrapped = _unwrapped(payload)
        found.append(Message(at, at + size, body[at + _PRELUDE : split], said, wrapped))
        at += size
    return found


def is_prelude(data: bytes) -> bool:
    """Whether a message begins here: its two lengths, and their checksum."""
    return len(data) >= _PRELUDE and crc32(data[:8]) == int.from_bytes(data[8:_PRELUDE])


def _unwrapped(payload: bytes) -> tuple[bytes, dict[str, object] | None]:
    if payload.startswith(b'{"bytes"'):
        try:
            wrapped = json.loads(payload)
            return base64.b64decode(wrapped["bytes"], validate=True), wrapped
        except (ValueError, binascii.Error, TypeError, RecursionError):
            return payload, None
    return payload, None


def renewed(message: Message, offset: int, spans: Sequence[Span]) -> Span:
    """`message` made anew with `spans` of what it said replaced; they count from `offset` before it."""
    pieces, done = [], 0
    for span in spans:
        start, stop = span.start - offset, min(span.stop - offset, len(message.said))
        pieces += [message.said[done:start], span.stands_in]
        done = stop
    said = b"".join([*pieces, message.said[done:]])
    if message.wrapped is not None:
        wrapped = {**message.wrapped, "bytes": base64.b64encode(said).decode()}
        said = json.dumps(wrapped, separators=(",", ":")).encode()
    return Span(message.start, message.stop, spans[0].kind, _message(message.headers, said))


def _message(headers: bytes, payload: bytes) -> bytes:
    size = _PRELUDE + len(headers) + len(payload) + _TRAILER
    lengths = size.to_bytes(4) + len(headers).to_bytes(4)
    data = lengths + crc32(lengths).to_bytes(4) + headers + payload
    return data + crc32(data).to_bytes(4)
