"""Where in some bytes the secrets stand.

The first question is the cheap one: is there any run of token characters long enough to be a secret? Bytes are mapped
to two classes and the runs found with `bytes.find`, which costs a third of what `json.loads` and `json.dumps` cost.
Only the runs meet the regular expression. One `bytes.find` per prefix was measured and costs ten times as much.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from harness.matching._kinds import (
    ARN,
    ARN_NEEDLE,
    BEHIND,
    BEHIND_SHORT,
    FIELDS,
    IDENTITIES,
    IDENTITY,
    PEM,
    PEM_NEEDLE,
    PREFIX,
    RUN,
    SHAPES,
    SIZED,
    STARTS,
    constant,
)


class Span(NamedTuple):
    """`data[start:stop]` is a secret of `kind`.

    Where it is a part of one, `part` says which share of the constant stands there; bytes stand there as they are.
    """

    start: int
    stop: int
    kind: str
    part: tuple[int, int] | bytes | None = None

    @property
    def stands_in(self) -> bytes:
        """What stands there instead."""
        if isinstance(self.part, bytes):
            return self.part
        whole = constant(self.kind).encode()
        return whole if self.part is None else whole[self.part[0] : self.part[1]]


_TOKEN_CHARACTERS = frozenset((string.ascii_letters + string.digits + "_-+/").encode())
CLASSES = bytes(1 if byte in _TOKEN_CHARACTERS else 0 for byte in range(256))
LONG = b"\x01" * RUN
_NAME_BEFORE = 40  # bytes in which the name of a secret without a prefix is looked for
_LONGEST_URL = 4096  # a longer run is base64: a slash in it begins nothing
_LONGEST_NAME = 64
_ESCAPES = frozenset({b"\\", b"%"})
_DASHES = b"-_+"

# What may stand between the start of a run and the secret: the letter of an escape (`\n`, `\u201c`, `%3D`), or dashes.
_LEAD = r"(?:(?<=\\)[nrtbfav]|(?<=\\)u[0-9a-fA-F]{4}|(?<=\\)x[0-9a-fA-F]{2}|(?<=%)[0-9A-Fa-f]{2})?[-_+]{0,4}"
_GROUPS = "|".join(f"({shape})" for _, shape in SHAPES)  # the number of the group is the place in SHAPES
_AT_START = re.compile(f"{_LEAD}(?:{_GROUPS})".encode())
_AT_SLASH = re.compile(f"/(?:{_GROUPS})".encode())


def shape_spans(data: bytes) -> Iterator[Span]:
    """Key-shaped strings, wherever they stand."""
    classes = data.translate(CLASSES)
    size = len(data)
    start = classes.find(LONG)
    while start >= 0:
        stop = classes.find(b"\0", start + RUN)
        stop = size if stop < 0 else stop
        # Most runs are identifiers and digits: three letters and what stands before decide for nearly all of them.
        if data[start : start + 3] in STARTS or _is_led(data, start):
            yield from _at_start(data, start, stop)
        elif stop - start in SIZED:
            yield from _sized(data, start, stop)
        if data.find(b"/", start, stop) >= 0 and stop - start <= _LONGEST_URL:
            yield from _behind_slashes(data, start, stop)
        start = classes.find(LONG, stop)


def _is_led(data: bytes, start: int) -> bool:
    if data[start - 1 : start] in _ESCAPES or data[start - 4 : start] in BEHIND:
        return True
    if data[start - 3 : start] in BEHIND_SHORT or (
        data[start - 1 : start] == b":" and data[start : start + 2] == b"AA"
    ):
        return True
    return data[start] in _DASHES and data[start : start + 7].lstrip(_DASHES)[:3] in STARTS


def _at_start(data: bytes, start: int, stop: int) -> Iterator[Span]:
    found = _AT_START.match(data, start)
    if found:
        yield _span(found)
    elif stop - start in SIZED:
        yield from _sized(data, start, stop)


def _behind_slashes(data: bytes, start: int, stop: int) -> Iterator[Span]:
    slash = data.find(b"/", start, stop)
    while slash >= 0:
        found = _AT_SLASH.match(data, slash)  # not bounded by the run: a JWT goes on past the one that it starts in
        if found:
            yield _span(found)
        slash = data.find(b"/", found.end() if found else slash + 1, stop)


def _span(found: re.Match[bytes]) -> Span:
    group = found.lastindex
    assert group is not None, "every alternative is a group"
    return Span(*found.span(group), SHAPES[group - 1][0])


def _sized(data: bytes, start: int, stop: int) -> Iterator[Span]:
    kind, name, value = SIZED[stop - start]
    found = value.match(data, start)
    if found and (name is None or name.search(data[max(0, start - _NAME_BEFORE) : start])):
        yield Span(*found.span(), kind)


def pem_spans(data: bytes) -> Iterator[Span]:
    """Private keys in PEM armour, whole; one whose end is missing to where its base64 stops."""
    kind, pattern = PEM
    if PEM_NEEDLE in data:
        yield from (Span(*found.span(), kind) for found in pattern.finditer(data))


def account_spans(data: bytes) -> Iterator[Span]:
    """The account number in an AWS resource name, percent-encoded or not."""
    kind, pattern = ARN
    if ARN_NEEDLE in data:
        yield from (Span(*found.span(1), kind) for found in pattern.finditer(data))


class FieldFinder:
    """JSON fields that are secret by their name, in JSON text that need not parse and in JSON text inside a string."""

    def __init__(self, table: Mapping[str, str]) -> None:
        self.table = table
        self.names = frozenset(table)
        # A name is recognised from its end: most quotes in a text end no name at all, and looking for two hundred
        # spellings behind each of them costs more than everything else in this room.
        width = min(3, *map(len, self.names))
        ends = "|".join(sorted({re.escape(name[-width:]) for name in self.names}))
        plain = r'"(?P<value>(?:[^"\\]|\\.)+)"'
        # One level down every backslash is two: `\\\\` is one, `\\\"` a quote, `\\n` a newline; `\u201c` is ours.
        nested = r'\\"(?P<value>(?:[^"\\]|\\\\\\\\|\\\\\\"|\\\\[^"\\]|\\[^"\\])+)\\"'
        self._plain = re.compile(rf'"(?<=(?:{ends})")\s*:\s*{plain}'.encode(), re.DOTALL)
        # Further down, a quote is written with the same number of backslashes at both ends of both texts.
        self._deep = re.compile(
            rb'(?P<q>(?:\\\\){1,15}\\)"(?P<name>[A-Za-z_-]{3,64})(?P=q)"\s*:\s*(?P=q)"(?P<value>.{1,8192}?)(?<!\\)(?P=q)"',
            re.DOTALL,
        )
        self._nested = re.compile(rf'\\"(?<=(?:{ends})\\"):(?:\s|\\[nrt])*{nested}'.encode(), re.DOTALL)

    def plain_spans(self, data: bytes) -> Iterator[Span]:
        """`"password": "…"`."""
        if b'"' in data:
            yield from self._spans(data, self._plain, b'"')

    def nested_spans(self, data: bytes) -> Iterator[Span]:
        r"""`\"password\": \"…\"`, as in the arguments of a tool call."""
        if b"\\" in data and b'\\":' in data:
            yield from self._spans(data, self._nested, b'\\"')
            if b'\\\\\\":' in data:
                yield from self._deep_spans(data)

    def _deep_spans(self, data: bytes) -> Iterator[Span]:
        for found in self._deep.finditer(data):
            kind = self.table.get(found["name"].decode())
            if kind and is_secret(kind, found["value"].decode("utf-8", "replace")):
                yield Span(*found.span("value"), kind)

    def _spans(self, data: bytes, pattern: re.Pattern[bytes], quote: bytes) -> Iterator[Span]:
        for found in pattern.finditer(data):
            stop = found.start()
            start = data.rfind(quote, max(0, stop - _LONGEST_NAME), stop)
            name = data[start + len(quote) : stop].decode("utf-8", "replace") if start >= 0 else ""
            if name in self.table and is_secret(self.table[name], found["value"].decode("utf-8", "replace")):
                yield Span(*found.span("value"), self.table[name])

    def secrets_of(self, value: dict[str, object]) -> dict[str, str]:
        """The fields of one decoded JSON object that are secret: name -> kind."""
        return {
            name: self.table[name]
            for name in self.names.intersection(value)
            if isinstance(text := value[name], str) and is_secret(self.table[name], text)
        }


def is_secret(kind: str, value: str) -> bool:
    """Whether a field of this kind with this value is to be replaced."""
    if not value or value.startswith(PREFIX):
        return False
    return kind not in IDENTITIES or IDENTITY.fullmatch(value) is not None


DEFAULT_FIELDS = FieldFinder(FIELDS)


def merged(spans: Iterable[Span]) -> list[Span]:
    """In order and without overlap: of two that overlap the one that starts first counts, then the longer."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.stop)):
        if not kept or span.start >= kept[-1].stop:
            kept.append(span)
        elif span.stop > kept[-1].stop:
            kept[-1] = kept[-1]._replace(stop=span.stop)
    return kept
