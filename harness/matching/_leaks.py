"""Secrets that are still there: the last look before something is written, and what `check` says about a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from harness.matching._spans import Span
from harness.model import Json

SHOWN = 6


@dataclass(frozen=True, slots=True)
class Leak:
    """A secret that remains. `place` is a JSON path, or `line 3, column 7` where the text is no JSON.

    `shown` is its first characters and its length, so that it can be found again and not be used.
    """

    kind: str
    place: str
    shown: str

    def __str__(self) -> str:
        return f"{self.place}: {self.kind} {self.shown}"


def leaks_in(text: str, find: Callable[[bytes], Sequence[Span]]) -> tuple[Leak, ...]:
    """Every secret that `find` finds in `text`."""
    data = text.encode("utf-8", "surrogatepass")
    spans = find(data)
    if not spans:
        return ()
    return tuple(_in_json(text, find)) or tuple(_in_lines(data, spans))


def _in_lines(data: bytes, spans: Sequence[Span]) -> Iterator[Leak]:
    for start, stop, kind, _ in spans:
        line = data.count(b"\n", 0, start) + 1
        column = start - (data.rfind(b"\n", 0, start) + 1) + 1
        yield Leak(kind, f"line {line}, column {column}", short(data[start:stop]))


def _in_json(text: str, find: Callable[[bytes], Sequence[Span]]) -> Iterator[Leak]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    for path, shown in _leaves(value, "$"):
        leaf = shown.encode("utf-8", "surrogatepass")
        yield from (Leak(kind, path, short(leaf[start:stop])) for start, stop, kind, _ in find(leaf))


def _leaves(value: Json, path: str) -> Iterator[tuple[str, str]]:
    """(path, text) of every string; a field with its name, because the name may be what makes it secret."""
    if isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, str):
                yield f"{path}.{name}", json.dumps({name: item}, ensure_ascii=False)
            else:
                yield from _leaves(item, f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, value


def short(secret: bytes) -> str:
    shown = secret[: min(SHOWN, len(secret) // 3)].decode("utf-8", "replace")
    return f"{shown}… ({len(secret)} characters)"
