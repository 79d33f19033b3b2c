"""The texts of a body as a program sees them: the string values of its JSON, each with the bytes that spell it.

A body is one JSON document, or lines that are: server-sent events (`data: {…}`) and NDJSON.
The same place in consecutive documents is one channel, because a model writes a text over many events:
`$.choices[0].delta.content` of this one goes on in that of the next.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

Channel: TypeAlias = tuple[object, ...]

_LITERAL: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_UNIT: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL
)
_LINE: Final = re.compile(rb"[^\r\n]+")
_DATA: Final = re.compile(rb"\s*(?:data:\s*)?(?=[{\[])")
_MARKS: Final = frozenset(
    {"index", "content_index", "output_index", "summary_index", "item_id", "type", "choice_index"}
)
_TOKENS: Final = "logprobs"  # a list of the tokens of one text: its items are one channel


@dataclass(frozen=True, slots=True)
class Leaf:
    """One string value. `data[start:stop]` is what stands between its quotes; `name` is its field, or empty."""

    start: int
    stop: int
    text: str
    place: str
    name: str
    channel: Channel
    document: int


class _Number(str):
    """A number as it is spelled: it may be longer than Python likes to convert, and only its text matters here."""

    __slots__ = ()


class _Pairs(list[tuple[str, object]]):
    """An object as its fields stand in the text: twice where one stands twice."""


def leaves(data: bytes) -> list[Leaf]:
    """Every string value in `data`, in order. Nothing where it holds no JSON, or JSON that is nested too deeply."""
    begins = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}
    if begins and (whole := _document(data, 0, len(data), 0)) is not None:
        return whole
    found: list[Leaf] = []
    for number, line in enumerate(_LINE.finditer(data)):
        lead = _DATA.match(line[0])
        if lead:
            found += _document(data, line.start() + lead.end(), line.end(), number) or ()
    return found


def leaves_within(data: bytes, start: int) -> list[Leaf]:
    """Every string value of the document that `data` holds from `start` on."""
    return _document(data, start, len(data), 0) or []


def _document(data: bytes, start: int, stop: int, number: int) -> list[Leaf] | None:
    try:
        text = data[start:stop].decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=_Pairs, parse_int=_Number, parse_float=_Number)
        literals = _LITERAL.finditer(data, start, stop)
        if isinstance(value, list) and not isinstance(value, _Pairs):
            # A list of documents is how Gemini streams without SSE.
            each = (_walk(item, f"$[{at}]", "", (), literals, number + at) for at, item in enumerate(value))
            return [leaf for walked in each for leaf in walked]
        return list(_walk(value, "$", "", (), literals, number))
    except (ValueError, RecursionError):
        return None


def _walk(
    value: object, place: str, name: str, channel: Channel, literals: Iterator[re.Match[bytes]], number: int
) -> Iterator[Leaf]:
    """The leaves of `value`; takes from `literals` what it walks over, names of fields included."""
    if isinstance(value, _Pairs):
        marks = tuple(item for key, item in value if key in _MARKS and isinstance(item, str))
        for key, item in value:
            next(literals)
            yield from _walk(item, f"{place}.{key}", key, (*channel, key, marks), literals, number)
    elif isinstance(value, list):
        for at, item in enumerate(value):
            step = (*channel, "*" if _TOKENS in channel else at)
            yield from _walk(item, f"{place}[{at}]", "", step, literals, number)
    elif isinstance(value, _Number):
        return
    elif isinstance(value, str):
        literal = next(literals)
        yield Leaf(*literal.span(1), value, place, name, channel, number)


def spelled(data: bytes, leaf: Leaf, start: int, stop: int) -> tuple[int, int]:
    """Where in `data` the bytes stand that spell `leaf.text`'s UTF-8 bytes from `start` to `stop`."""
    raw = leaf.start
    done = 0
    begins = ends = -1
    for unit in _UNIT.findall(data[leaf.start : leaf.stop].decode("utf-8", "surrogateescape")):
        if begins < 0 and done >= start:
            begins = raw
        if done >= stop:
            ends = raw
            break
        raw += len(unit.encode("utf-8", "surrogateescape"))
        done += _size(unit)
    return (begins if begins >= 0 else leaf.stop), (ends if ends >= 0 else leaf.stop)


def _size(unit: str) -> int:
    """How many bytes of UTF-8 the text has that `unit` spells."""
    if len(unit) == 1:
        return len(unit.encode("utf-8", "surrogateescape"))
    if len(unit) == 2:
        return 1
    return len(json.loads(f'"{unit}"').encode("utf-8", "surrogatepass"))
