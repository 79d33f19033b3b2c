r"""How one event stands in a journal: a line that says what it is and how long, then that many bytes, then a line end.

    ask 1 0 187            take, nanoseconds since it was sent, bytes of the payload
    {"method": "POST", ...}\n<body>
    chunk 1 3021 57 57     and the bytes that arrived, in case some are withheld or replaced
    data: {"choices": ...
    chunk 1 4100 48 60 60=48=2   60 bytes without a text that is undecided, under the number 2
    data: {"choices": ...
    fill 1 5021 60 2 60=60       and here they are
    data: {"choices": ...

Lengths come first, so that a record that was torn by a crash is known as such, and a payload can hold anything. JSON
with its escapes was tried for chunks: it costs more than the write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from harness.matching import Fill, Piece

VERSION: Final = 1
_LINE: Final = re.compile(
    rb"(?P<kind>[a-z]{3,8}) (?P<take>\d{1,9}) (?P<at>\d{1,18}) (?P<size>\d{1,10})(?P<words>(?: [\d=]{1,32})*)\n"
)


@dataclass(frozen=True, slots=True)
class Record:
    """One event of the take number `take`, `at` nanoseconds after it was sent."""

    kind: str
    take: int
    at: int
    payload: bytes = b""
    words: tuple[str, ...] = ()


def written(kind: str, take: int, at: int, payload: bytes = b"") -> bytes:
    """A record as it stands in the file."""
    return b"%b %d %d %d\n%b\n" % (kind.encode(), take, at, len(payload), payload)


def written_chunk(take: int, at: int, arrived: int, pieces: Sequence[Piece]) -> bytes:
    """`arrived` bytes came, and `pieces` may be written. All of them as they are is the common case."""
    if pieces and all(len(piece.data) == piece.raw and not piece.hole for piece in pieces):
        data = b"".join(piece.data for piece in pieces)
        return b"chunk %d %d %d %d\n%b\n" % (take, at, len(data), arrived, data)
    return _written_pieces("chunk", take, at, arrived, pieces)


def written_fill(take: int, at: int, fill: Fill) -> bytes:
    """What was undecided is decided."""
    return _written_pieces("fill", take, at, fill.hole, fill.pieces)


def _written_pieces(kind: str, take: int, at: int, first: int, pieces: Sequence[Piece]) -> bytes:
    data = b"".join(piece.data for piece in pieces)
    cuts = b"".join(
        b" %d=%d" % (piece.raw, len(piece.data)) + (b"=%d" % piece.hole) * bool(piece.hole) for piece in pieces
    )
    return b"%b %d %d %d %d%b\n%b\n" % (kind.encode(), take, at, len(data), first, cuts, data)


def pieces_of(record: Record) -> Iterator[Piece]:
    """The pieces that a chunk or a fill was written from."""
    if len(record.words) == 1:
        if record.payload:
            yield Piece(len(record.payload), record.payload)
        return
    start = 0
    for word in record.words[1:]:
        raw, length, *hole = map(int, word.split("="))
        yield Piece(raw, record.payload[start : start + length], *hole)
        start += length


def read_records(data: bytes) -> tuple[list[Record], int]:
    """Every whole record in `data`, and how many bytes at the end are none: a write that was cut off by a crash."""
    found: list[Record] = []
    at = 0
    while (line := _LINE.match(data, at)) is not None:
        stop = line.end() + int(line["size"])
        if data[stop : stop + 1] != b"\n":
            break
        words = tuple(line["words"].decode().split())
        found.append(Record(line["kind"].decode(), int(line["take"]), int(line["at"]), data[line.end() : stop], words))
        at = stop + 1
    return found, len(data) - at
