"""What is wrong with a cassette, for `harness check`: all of it, each with its place."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from harness.errors import CassetteError
from harness.storage._document import read_document
from harness.storage._load import parse, read_bytes
from harness.storage._read import UNANSWERED_KEYS
from harness.storage._read_request import REQUEST_KEYS, REQUEST_KEYS_ELSEWHERE
from harness.storage._read_response import RESPONSE_KEYS, RESPONSE_KEYS_ELSEWHERE
from harness.storage._shapes import TOP_KEYS, TOP_KEYS_ELSEWHERE, shape_of
from harness.storage._timing import KEYS as TIMELINE_KEYS
from harness.storage._trouble import did_you_mean
from harness.storage._values import Value

Severity: TypeAlias = Literal["error", "warning"]
_PAIR_KEYS: Final = ("request", "response")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `place` is the file, and what in it; an `error` is a file that cannot be replayed."""

    place: str
    severity: Severity
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.severity}: {self.message}"


def check(path: str | os.PathLike[str]) -> list[Finding]:
    """Everything wrong with the cassette at `path`: that it loads, that timelines add up, that its keys are known.

    An empty list is a sound cassette. Never raises for what is in the file or for a missing one.
    """
    name = os.fspath(path)
    try:
        data = read_bytes(Path(path))
        cassette = parse(data, name)
    except CassetteError as error:
        return [Finding(name, "error", str(error).removeprefix(f"{name}: "))]
    notes = [Finding(name, "warning", note.removeprefix(f"{name}: ")) for note in cassette.notes]
    return [*notes, *_unknown_keys(read_document(data), name)]


def _unknown_keys(document: Value, name: str) -> Iterator[Finding]:
    shape = shape_of(document)
    yield from _strangers(document, TOP_KEYS, TOP_KEYS_ELSEWHERE, name)
    for number, item in enumerate(shape.items, 1):
        place = f"{name}: interaction #{number}"
        if item is not document:
            yield from _strangers(item, _PAIR_KEYS, (), place)
        response = item["response"]
        yield from _strangers(item["request"], REQUEST_KEYS, REQUEST_KEYS_ELSEWHERE, f"{place}, request")
        yield from _strangers(response, RESPONSE_KEYS, RESPONSE_KEYS_ELSEWHERE, f"{place}, response")
        timeline = response.get("timeline") if isinstance(response, dict) else None
        yield from _strangers(timeline, TIMELINE_KEYS, (), f"{place}, response.timeline")
    for number, item in enumerate(shape.unanswered, 1):
        place = f"{name}: unanswered #{number}"
        yield from _strangers(item, UNANSWERED_KEYS, (), place)
        yield from _strangers(item["request"], REQUEST_KEYS, (), f"{place}, request")


def _strangers(found: Value, known: Sequence[str], elsewhere: Sequence[str], place: str) -> Iterator[Finding]:
    for key in found if isinstance(found, dict) else ():
        if key not in known and key not in elsewhere:
            yield Finding(place, "warning", f"the key {key!r} is not known and is ignored.{did_you_mean(key, known)}")
