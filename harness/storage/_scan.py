"""Where each interaction of a large file begins, found block by block: the file is never held whole.

`_split` says why a scan may be trusted. This one is stricter, because nothing is parsed behind it: whatever is not laid
out plainly (another line break than LF, a key of the top level between items, flow style, JSON, gzip, UTF-16,
unanswered requests, health answers of a backend) makes it give up, and the whole file is parsed.
"""

from __future__ import annotations

import codecs
import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

_BLOCK: Final = 4 * 2**20
_EDGE: Final = re.compile(rb"\n([^ \n])")  # a literal first: ten times as fast as `^` in MULTILINE
_HEAD: Final = re.compile(rb"interactions:[ \t]*(?:#[^\n]*)?\n")
_BREAKS: Final = ("\x85", "\u2028", "\u2029")  # line ends to YAML 1.1
_HEALTH: Final = b"native://backend/is_available"
_REST_MAX: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Scan:
    """`starts` has the offset of each interaction, and where the last one ends; `rest` is the file without them."""

    starts: array[int]
    rest: bytes


class _GivesUp(Exception):  # noqa: N818 - a decision, not an error
    """The file is not laid out plainly."""


def scan(file: BinaryIO) -> Scan | None:
    """The interactions of `file`, or None where it is not laid out as vcrpy and this room lay it out."""
    try:
        return _scanned(file)
    except _GivesUp:
        return None


def _scanned(file: BinaryIO) -> Scan:
    starts = array("Q")
    head = end = -1
    for at, block in _blocks(file):
        if not at and (found := _HEAD.match(block)):
            head = found.end()
        for edge in _EDGE.finditer(block):
            place = edge.start() + 1
            mark = edge[1]
            if mark == b"-":
                if head < 0 or end >= 0 or block[place + 1 : place + 2] != b" ":
                    raise _GivesUp
                starts.append(at + place)
            elif starts and mark != b"#":
                end = at + place if end < 0 else end
            elif not starts and head < 0 and (found := _HEAD.match(block, place)):
                head = at + found.end()
    stop = file.seek(0, 2)
    end = stop if end < 0 else end
    if not starts or starts[0] > _REST_MAX or stop - end > _REST_MAX:
        raise _GivesUp
    rest = _read(file, 0, starts[0]) + _read(file, end, stop)
    starts.append(end)
    return Scan(starts, rest)


def _blocks(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The file in blocks, each with its offset, and none that ends where a line begins."""
    file.seek(0)
    decode = codecs.getincrementaldecoder("utf-8")().decode
    at, before = 0, b""
    while block := file.read(_BLOCK):
        while (block.endswith((b"\n", b"\n-"))) and (more := file.read(1)):
            block += more
        if b"\r" in block or _HEALTH in block or _HEALTH in before + block[: len(_HEALTH)]:
            raise _GivesUp
        _refuse_breaks(block, decode)
        yield at, block
        at, before = at + len(block), block[-len(_HEALTH) :]
    _refuse_breaks(b"", decode, final=True)


def _refuse_breaks(block: bytes, decode: Callable[[bytes, bool], str], *, final: bool = False) -> None:
    try:
        text = decode(block, final)  # a copy, and of ASCII the fastest way to see that it is
    except UnicodeDecodeError as error:
        raise _GivesUp from error
    if not text.isascii() and any(mark in text for mark in _BREAKS):
        raise _GivesUp


def _read(file: BinaryIO, start: int, stop: int) -> bytes:
    file.seek(start)
    return file.read(stop - start)
