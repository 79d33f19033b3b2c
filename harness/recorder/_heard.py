"""What a journal says: its records become the interactions that were heard, as far as they got."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from harness.dialects import MEANING
from harness.errors import CassetteError
from harness.matching import Piece, Redaction
from harness.model import (
    ZERO,
    At,
    Chunk,
    End,
    Event,
    Head,
    Headers,
    Interaction,
    Left,
    Nanos,
    Request,
    Reset,
    TimedOut,
    Timeline,
)
from harness.recorder._records import VERSION, Record, pieces_of, read_records

_FINAL = (End, Reset, TimedOut)


@dataclass(frozen=True, slots=True)
class Heard:
    """The content of one journal. `mode` is that of its recording, `before` the fingerprint of the cassette that it
    found, empty where there was none. `torn` bytes at the end are no record."""

    interactions: tuple[Interaction, ...] = ()
    mode: str = "once"
    before: bytes = b""
    torn: int = 0

    @property
    def open(self) -> int:
        """How many answers were cut off."""
        return sum(one.timeline.left == "open" for one in self.interactions)


def heard_in(data: bytes, path: Path) -> Heard:
    """What the journal with the content `data` has heard. Raises CassetteError where it is none."""
    records, torn = read_records(data)
    if not records:
        return Heard(torn=torn) if len(data) < 1 << 10 else _refuse(path, "it is no journal of harness")
    first, *rest = records
    if first.kind != "journal" or first.take != VERSION:
        return _refuse(path, "it is no journal of harness, or one of a later version")
    takes: defaultdict[int, list[Record]] = defaultdict(list)
    for record in rest:
        takes[record.take].append(record)
    try:
        about = json.loads(first.payload)
        heard = tuple(_interaction(takes[n]) for n in sorted(takes) if takes[n][0].kind == "ask")
        return Heard(heard, about.get("mode", "once"), bytes.fromhex(about.get("before") or ""), torn)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError) as error:
        return _refuse(path, f"it is damaged: {error}", error)


def _refuse(path: Path, why: str, error: Exception | None = None) -> Heard:
    message = f"{path}: {why}. It was left as it is."
    raise CassetteError(message) from error


def _interaction(records: Sequence[Record]) -> Interaction:
    """One take. Redacted once more: over a whole body a rule may see what it could not see in a stream."""
    ask, *rest = records
    line, _, body = ask.payload.partition(b"\n")
    asked: dict[str, Any] = json.loads(line)
    request = Request(asked["method"], asked["url"], Headers.of(asked["headers"]), body)
    return Redaction.default().interaction(Interaction(request, _timeline(rest), meaning=MEANING))


def _timeline(records: Sequence[Record]) -> Timeline:
    events: list[At] = []
    bodies = iter(_bodies([one for one in records if one.kind == "chunk"], _fills(records)))
    left: Left | None = None
    left_at = ZERO
    for record in records:
        at = Nanos(record.at)
        match record.kind:
            case "chunk":
                body = next(bodies)
                if body:
                    events.append((at, Chunk(body)))
            case "fill":
                continue
            case "left":
                left, left_at = json.loads(record.payload)["how"], at
            case kind:
                events.append((at, _event(kind, json.loads(record.payload))))
    if events and isinstance(events[-1][1], _FINAL):
        return Timeline(tuple(events))
    last = events[-1][0] if events else ZERO
    return Timeline(tuple(events), left or "open", max(last, left_at))


def _event(kind: str, found: dict[str, Any]) -> Event:
    match kind:
        case "head":
            return Head(found["status"], Headers.of(found["headers"]), found["reason"])
        case "end":
            return End()
        case "reset":
            return Reset(found["error"], found["message"])
        case "timeout":
            return TimedOut(found["phase"], found["message"])
    message = f"the record {kind!r} is not known"
    raise ValueError(message)


def _fills(records: Sequence[Record]) -> dict[int, list[Piece]]:
    return {int(record.words[0]): list(pieces_of(record)) for record in records if record.kind == "fill"}


def _bodies(chunks: Sequence[Record], fills: Mapping[int, list[Piece]]) -> Iterator[bytes]:
    """The bytes of each chunk as it arrived, whenever they were written: those of the stream that it brought."""
    written = [piece for chunk in chunks for piece in pieces_of(chunk)]
    pieces = [one for piece in written for one in fills.get(piece.hole, (piece,))]
    body = b"".join(piece.data for piece in pieces)
    raw = list(accumulate(piece.raw for piece in pieces))
    new = list(accumulate(len(piece.data) for piece in pieces))
    done = arrived = 0
    for chunk in chunks:
        arrived += int(chunk.words[0])
        stop = _offset(arrived, pieces, raw, new)
        yield body[done:stop]
        done = stop


def _offset(arrived: int, pieces: Sequence[Piece], raw: Sequence[int], new: Sequence[int]) -> int:
    """Where in what was written the first `arrived` bytes of the stream end. Inside a secret: the same share of it."""
    place = bisect_left(raw, arrived)
    if place == len(raw):
        return new[-1] if new else 0
    raw_start, new_start = (raw[place - 1], new[place - 1]) if place else (0, 0)
    piece = pieces[place]
    return new_start + (arrived - raw_start) * len(piece.data) // max(1, piece.raw)
