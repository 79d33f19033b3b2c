"""`response.timeline`: when the bytes of a body arrived, as one line of scalars beside it.

    timeline: {v: 1, unit: ms, headers_at: 2, chunks: 2+42 102+42, end: eof, end_ms: 104}

`chunks` has one `offset+length` per chunk: milliseconds since the request was sent, and bytes. Bytes, not characters,
so that a chunk may end in the middle of one. One string, because the same as a nested list costs 84 % of load time more
(measured). Whole milliseconds, so that a recording made again differs little; rounding keeps the order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, get_args

from harness.model import PER_MILLISECOND, Left, Nanos, Phase, Reset, TimedOut
from harness.storage._trouble import Unreadable, did_you_mean
from harness.storage._values import Mapping, Value, mapping, text, whole

VERSION: Final = 1
KEYS: Final = ("v", "unit", "headers_at", "chunks", "end", "end_ms", "error", "layout", "request_layout")
SILENT_ENDS: Final[tuple[str, ...]] = get_args(Left)
ENDS: Final = ("eof", "error", *SILENT_ENDS)
_CHUNK: Final = re.compile(r"(\d{1,12})\+(\d{1,12})", re.ASCII)
_TIMEOUTS: Final[dict[str, Phase]] = {
    "ConnectTimeout": "connect",
    "ReadTimeout": "read",
    "WriteTimeout": "write",
    "PoolTimeout": "pool",
}
_NAMES: Final = {phase: name for name, phase in _TIMEOUTS.items()}


@dataclass(frozen=True, slots=True)
class Timing:
    """One timeline as it is written, all times in milliseconds. `spans` are (offset, length) of the chunks."""

    headers_at: int = 0
    spans: tuple[tuple[int, int], ...] = ()
    end: str = "eof"
    end_at: int = 0
    error: str = ""
    layout: str = ""
    request_layout: str = ""

    @property
    def length(self) -> int:
        """The bytes of all chunks together."""
        return sum(length for _, length in self.spans)


def read_timing(value: Value, place: str) -> Timing:
    """The timeline that stands at `place`. Raises Unreadable where it is not one, or from a later version."""
    found = mapping(value, place)
    _refuse_version(found, place)
    spans = _read_spans(text(found.get("chunks") or "", f"{place}.chunks"), f"{place}.chunks")
    headers_at = whole(found.get("headers_at", 0), f"{place}.headers_at")
    last = spans[-1][0] if spans else headers_at
    timing = Timing(
        headers_at=headers_at,
        spans=spans,
        end=_read_end(found.get("end", "eof"), f"{place}.end"),
        end_at=whole(found.get("end_ms", last), f"{place}.end_ms"),
        error=text(found.get("error") or "", f"{place}.error"),
        layout=text(found.get("layout") or "", f"{place}.layout"),
        request_layout=text(found.get("request_layout") or "", f"{place}.request_layout"),
    )
    times = [timing.headers_at, *(at for at, _ in spans), timing.end_at]
    if any(a > b for a, b in pairwise(times)):
        message = "its times go back"
        raise Unreadable(message, place, "Put them in order, or delete the timeline: it plays at time zero then.")
    return timing


def write_timing(timing: Timing) -> Mapping:
    """The mapping to write: keys that say nothing are left out."""
    spoken: Mapping = {
        "v": VERSION,
        "unit": "ms",
        "headers_at": timing.headers_at,
        "chunks": " ".join(f"{at}+{length}" for at, length in timing.spans),
        "end": timing.end,
        "end_ms": timing.end_at,
    }
    optional = {"error": timing.error, "layout": timing.layout, "request_layout": timing.request_layout}
    return spoken | {key: value for key, value in optional.items() if value}


def rounded(at: Nanos) -> int:
    """`at` in whole milliseconds. Monotonous, so that the order of events survives it."""
    return (at + PER_MILLISECOND // 2) // PER_MILLISECOND


def nanos(milliseconds: int) -> Nanos:
    """Whole milliseconds as the time of the house."""
    return Nanos(milliseconds * PER_MILLISECOND)


def write_error(event: Reset | TimedOut) -> str:
    """`ReadTimeout: timed out`: the class name that an httpx-like client gives it, and its text."""
    name = _NAMES[event.phase] if isinstance(event, TimedOut) else event.error
    return f"{name}: {event.message}" if event.message else name


def read_error(error: str) -> Reset | TimedOut:
    """What `write_error` wrote. A failure without a name is a ReadError."""
    name, _, message = error.partition(": ")
    if name in _TIMEOUTS:
        return TimedOut(_TIMEOUTS[name], message)
    return Reset(name or "ReadError", message)


def _refuse_version(found: Mapping, place: str) -> None:
    version, unit = found.get("v", VERSION), found.get("unit", "ms")
    if version not in {VERSION, str(VERSION)}:
        message = f"this timeline is of version {version!r}, and only version {VERSION} is known here"
        raise Unreadable(message, place, "Upgrade replay-harness.")
    if unit != "ms":
        message = f"the unit {unit!r} is not known; it is always `ms`"
        raise Unreadable(message, place)


def _read_end(value: Value, place: str) -> str:
    word = text(value, place)
    if word not in ENDS:
        message = f"{word!r} is no way to end; known are {', '.join(ENDS)}"
        raise Unreadable(message, place, did_you_mean(word, ENDS).strip())
    return word


def _read_spans(written: str, place: str) -> tuple[tuple[int, int], ...]:
    return tuple(_spans(written.split(), place))


def _spans(words: Iterable[str], place: str) -> Iterable[tuple[int, int]]:
    for number, word in enumerate(words, 1):
        found = _CHUNK.fullmatch(word)
        if found is None or not int(found[2]):
            message = f"chunk {number} is {word!r}, which is not `offset+length` with a length of one or more"
            raise Unreadable(message, place)
        yield int(found[1]), int(found[2])
