"""Where in some bytes the secrets stand.

The first question is the cheap one: is there any run of token characters long enough to be a secret? Bytes are mapped
to two classes and the runs found with `bytes.find`, which costs a third of what `json.loads` and `json.dumps` cost.
Only the runs meet the regular expression. One `bytes.find` per prefix was measured and costs ten times as much.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from harness.matching._kinds import (
    ARN,
    ARN_NEEDLE,
    AWS_SECRET,
    FIELDS,
    IDENTITIES,
    IDENTITY,
    PEM,
    PEM_NEEDLE,
    PREFIX,
    RUN,
    SHAPES,
)


class Span(NamedTuple):
    """`data[start:stop]` is a secret of `kind`."""

    start: int
    stop: int
    kind: str


_TOKEN_CHARACTERS = frozenset((string.ascii_letters + string.digits + "_-+/").encode())
_CLASSES = bytes(1 if byte in _TOKEN_CHARACTERS else 0 for byte in range(256))
_LONG = b"\x01" * RUN

# What may stand between the start of a run and the secret: the letter of an escape (`\n`, `\u201c`, `%3D`), or dashes.
_LEAD = r"(?:(?<=\\)[nrtbfav]|(?<=\\)u[0-9a-fA-F]{4}|(?<=\\)x[0-9a-fA-F]{2}|(?<=%)[0-9A-Fa-f]{2})?[-_+]{0,4}"
_GROUPS = "|".join(f"(?P<{kind.replace('-', '_')}>{shape})" for kind, shape in SHAPES)
_AT_START = re.compile(f"{_LEAD}(?:{_GROUPS})".encode())
_AT_SLASH = re.compile(f"/(?:{_GROUPS})".encode())


def shape_spans(data: bytes) -> Iterator[Span]:
    """Key-shaped strings, wherever they stand."""
    classes = data.translate(_CLASSES)
    size = len(data)
    start = classes.find(_LONG)
    while start >= 0:
        stop = classes.find(b"\0", start + RUN)
        stop = size if stop < 0 else stop
        yield from _in_run(data, start, stop)
        start = classes.find(_LONG, stop)


def _in_run(data: bytes, start: int, stop: int) -> Iterator[Span]:
    found = _AT_START.match(data, start)
    if found:
        yield _span(found)
        start = found.end()
    elif stop - start >= 40 and (secret := _aws_secret(data, start)):  # noqa: PLR2004 - the length of an AWS secret
        yield secret
        return
    for found in _AT_SLASH.finditer(data, start, stop):
        # Once more without the end: a JWT goes on past the run that it starts in.
        whole = _AT_SLASH.match(data, found.start())
        yield _span(whole or found)


def _span(found: re.Match[bytes]) -> Span:
    group = found.lastgroup
    assert group is not None, "every alternative is a named group"
    return Span(*found.span(group), group.replace("_", "-"))


def _aws_secret(data: bytes, start: int) -> Span | None:
    kind, name, value = AWS_SECRET
    before = data[max(0, start - 40) : start]
    if not name.search(before):
        return None
    found = value.match(data, start)
    return Span(*found.span(), kind) if found else None


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
    """JSON fields that are secret by their name, in JSON text that need not parse and in JSON text inside a JSON string."""

    def __init__(self, fields: dict[str, str]) -> None:
        self.table = fields
        self.names = frozenset(fields)
        names = "|".join(re.escape(name) for name in sorted(fields, key=len, reverse=True))
        plain = r'"(?P<value>(?:[^"\\]|\\.)+)"'
        # One level down every backslash is two: `\\\\` is one, `\\\"` a quote, `\\n` a newline; `\u201c` is the outer's.
        nested = r'\\"(?P<value>(?:[^"\\]|\\\\\\\\|\\\\\\"|\\\\[^"\\]|\\[^"\\])+)\\"'
        self._plain = re.compile(rf'"(?P<name>{names})"\s*:\s*{plain}'.encode(), re.DOTALL)
        self._nested = re.compile(
            rf'\\"(?P<name>{names})\\"(?:\s|\\[nrt])*:(?:\s|\\[nrt])*{nested}'.encode(), re.DOTALL
        )

    def plain_spans(self, data: bytes) -> Iterator[Span]:
        """`"password": "…"`."""
        if b'"' in data:
            yield from self._spans(self._plain, data)

    def nested_spans(self, data: bytes) -> Iterator[Span]:
        r"""`\"password\": \"…\"`, as in the arguments of a tool call."""
        if b"\\" in data and b'\\"' in data:
            yield from self._spans(self._nested, data)

    def _spans(self, pattern: re.Pattern[bytes], data: bytes) -> Iterator[Span]:
        for found in pattern.finditer(data):
            kind = self.table[found["name"].decode()]
            if is_secret(kind, found["value"].decode("utf-8", "replace")):
                yield Span(*found.span("value"), kind)

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
