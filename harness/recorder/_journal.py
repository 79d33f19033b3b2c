"""Journal: what a recording has heard so far, on the disk before the consumer hears it.

Rules:

1. Append-only, one write() per event, unbuffered: kill -9 loses at most the event in flight.
2. Nothing is written that is not redacted. Of a body that is still arriving, what may yet become a secret waits; an
   event that such a text stands in is written without it, and again when it is decided.
3. It lies beside the cassette as `refund.yaml.journal`, and is deleted when the cassette has reached the disk.
   While it is being written it is locked; one that nobody has locked is an orphan, and is never overwritten.
4. It never fails a live call. Where it cannot be written (a full disk), it stops, and whoever needs it is told.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Final

from harness.engine import Take
from harness.errors import CassetteError
from harness.matching import AnswerRedactor, Fill, Piece, Redaction
from harness.model import Chunk, End, Event, Head, Headers, Json, Left, Nanos, Request, Reset, TimedOut
from harness.recorder._lock import claimed
from harness.recorder._records import VERSION, written, written_chunk, written_fill

SUFFIX: Final = ".journal"
_FLAGS: Final = (
    os.O_RDWR
    | os.O_CREAT
    | os.O_APPEND
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_BINARY", 0)
)
_ASKED: Final = b"\nask "


class Journal:
    """The journal of one recording of `cassette`. The file is made at the first request."""

    def __init__(self, cassette: Path, redaction: Redaction, about: Mapping[str, Json]) -> None:
        self.path: Path | None = None
        self.trouble: OSError | None = None
        self._cassette = cassette
        self._redaction = redaction
        self._about = about
        self._handle: int | None = None
        self._process = 0
        self._numbers = count(1)

    def follow(self, take: Take) -> None:
        """Write down the request of `take`, and from now on what it hears."""
        if self._handle is None and self.trouble is None:
            self._open()
        scribe = Scribe(self, next(self._numbers), self._redaction)
        scribe.asked(take.request)
        take.witness = scribe

    def write(self, record: bytes) -> None:
        """Append `record`. A child that was forked off has another process's takes, and writes nothing."""
        if self._handle is None or self._process != os.getpid():
            return
        try:
            done = os.write(self._handle, record)
            if done < len(record):
                os.write(self._handle, record[done:])  # says why there was no room for it
        except OSError as error:
            self.trouble = error
            self.release()

    def release(self) -> None:
        """Stop writing and leave the file to `recover`."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def discard(self) -> None:
        """What it holds has reached the disk elsewhere, or is not wanted."""
        path, self.path = self.path, None
        if path is None or self._process != os.getpid():
            return
        if os.name == "nt":  # pragma: no cover - an open file cannot be deleted there
            self.release()
        path.unlink(missing_ok=True)
        self.release()

    def _open(self) -> None:
        try:
            self._cassette.parent.mkdir(parents=True, exist_ok=True)
            self.path, self._handle = _opened(self._cassette)
        except OSError as error:
            self.trouble = error
            return
        self._process = os.getpid()
        self.write(written("journal", VERSION, 0, json.dumps(dict(self._about)).encode()))


class Scribe:
    """Writes down what one take hears."""

    def __init__(self, journal: Journal, number: int, redaction: Redaction) -> None:
        self.journal = journal
        self._number = number
        self._redaction = redaction
        self._body = AnswerRedactor(redaction)

    def asked(self, request: Request) -> None:
        """The request is about to go out."""
        safe = self._redaction.request(request)
        line = json.dumps({"method": safe.method, "url": safe.url, "headers": _pairs(safe.headers)})
        self.journal.write(written("ask", self._number, 0, line.encode() + b"\n" + safe.body))

    def heard(self, at: Nanos, event: Event) -> None:
        """`event` arrived, `at` after the request was sent."""
        text = self._redaction.text
        match event:
            case Chunk(data=data):
                self.journal.write(self._said(at, len(data), *self._body.feed(data)))
            case Head(status=status, headers=headers, reason=reason):
                safe = _pairs(self._redaction.headers(headers))
                self._write("head", at, {"status": status, "reason": reason, "headers": safe})
            case End():
                self._write("end", at, {})
            case Reset(error=error, message=message):
                self._write("reset", at, {"error": error, "message": text(message)})
            case TimedOut(phase=phase, message=message):
                self._write("timeout", at, {"phase": phase, "message": text(message)})

    def left(self, at: Nanos, how: Left) -> None:
        """The caller went away."""
        self._write("left", at, {"how": how})

    def _write(self, kind: str, at: Nanos, payload: dict[str, Json]) -> None:
        """What was withheld is decided by an end, and goes with it in one write."""
        before = b"" if kind == "head" else self._said(at, 0, *self._body.close())
        self.journal.write(before + written(kind, self._number, at, json.dumps(payload).encode()))

    def _said(self, at: Nanos, arrived: int, pieces: list[Piece], fills: list[Fill]) -> bytes:
        chunk = written_chunk(self._number, at, arrived, pieces) if arrived or pieces else b""
        return chunk + b"".join(written_fill(self._number, at, fill) for fill in fills)


def journals(cassette: Path) -> list[Path]:
    """Every journal of `cassette`, written or orphan. A second one is there where two recorded it at a time."""
    numbered = cassette.parent.glob(f"{_escaped(cassette.name)}.*{SUFFIX}")
    first = cassette.with_name(cassette.name + SUFFIX)
    return [path for path in (first, *sorted(numbered)) if path.is_file() and cassette_of(path) == cassette]


def cassette_of(journal: Path) -> Path:
    """The cassette that `journal` is of: `refund.yaml.journal` and `refund.yaml.2.journal` are of `refund.yaml`."""
    name = journal.name.removesuffix(SUFFIX)
    stem, _, number = name.rpartition(".")
    return journal.with_name(stem if number.isdigit() and stem else name)


def refuse_orphans(cassette: Path) -> None:
    """Raise CassetteError where a recording of `cassette` was cut off and waits to be recovered."""
    orphan = next((path for path in journals(cassette) if _is_orphan(path)), None)
    if orphan is not None:
        message = (
            f"{cassette}: a recording was cut off, and {orphan.name} has what it had heard. It is not overwritten.\n"
            f"  next: harness recover {cassette}   (or delete the journal)"
        )
        raise CassetteError(message)


def _is_orphan(journal: Path) -> bool:
    """True where nobody writes it and somebody was asked something. Its recording may end while this looks: what is
    no longer there has been saved. It is read before it is locked, as whoever opens a new one wants it for himself."""
    try:
        file = journal.open("rb")
    except FileNotFoundError:
        return False
    with file:
        asked = _ASKED in file.read(1 << 16)
        return asked and claimed(file.fileno(), shared=True) and _is_at(journal, file.fileno())


def _opened(cassette: Path) -> tuple[Path, int]:
    """A journal that nobody writes and that holds nothing, locked."""
    for number in count(1):
        name = cassette.name + (SUFFIX if number == 1 else f".{number}{SUFFIX}")
        path = cassette.with_name(name)
        handle = os.open(path, _FLAGS, 0o666)
        if _is_free(path, handle):
            os.ftruncate(handle, 0)
            return path, handle
        os.close(handle)
    raise AssertionError  # count() does not end


def _is_free(path: Path, handle: int) -> bool:
    """Ours alone, still at `path` (its last owner may have deleted it just now), and without anything to recover."""
    if not claimed(handle) or not _is_at(path, handle):
        return False
    os.lseek(handle, 0, os.SEEK_SET)
    return _ASKED not in os.read(handle, 1 << 16)


def _is_at(path: Path, handle: int) -> bool:
    """True where the open file is the one at `path`, and not one that was deleted after it had been opened."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(handle)
    return (there.st_ino, there.st_dev) == (here.st_ino, here.st_dev)


def _pairs(headers: Headers) -> list[Json]:
    return [[name, value] for name, value in headers]


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)
