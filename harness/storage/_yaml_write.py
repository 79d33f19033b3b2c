"""Plain values to YAML that reads well in a diff and comes back exactly.

An emitter of our own for the little that a cassette needs, because libyaml's writes a whole body as one quoted line as
soon as it holds an emoji, and PyYAML's own, which does not, is ten times slower and corrupts U+0085 in blocks.

1. A text of several lines is a literal block wherever a block gives back the same text.
2. Every other text stands on one line: plain where no YAML reader can take it for something else, single-quoted, or
   double-quoted with escapes where it holds line breaks of YAML 1.1, control characters or blanks at an edge.
3. Bytes that are no UTF-8 are `!!binary`. Nothing is aliased, nothing is folded, keys keep their order.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Final

from harness.storage._layout import stands_in_a_block
from harness.storage._values import Value

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./?=&%~@-]*(?::[A-Za-z0-9_./?=&%~@-]+)*", re.ASCII)
_CHUNKS: Final = re.compile(r"\d+\+\d+(?: \d+\+\d+)*", re.ASCII)
_WORDS: Final = frozenset(
    {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
)  # what YAML 1.1 takes for others
_ESCAPED: Final = re.compile(r'[^\x20-\x7e\xa0-\u2027\u202a-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|["\\]')
_SHORT_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BINARY_WIDTH: Final = 76


class OneLine(dict[str, "Value"]):
    """A mapping of scalars that is written in flow style, on one line."""


def write_yaml(document: dict[str, Value]) -> bytes:
    """`document` as YAML in UTF-8. Raises UnicodeEncodeError for a text that is none (half of a surrogate pair)."""
    return "".join(f"{line}\n" for line in _mapping(document, "")).encode()


def _mapping(found: dict[str, Value], indent: str) -> Iterator[str]:
    for key, value in found.items():
        first, *rest = _node(value, indent)
        yield f"{indent}{_inline(key)}:{first}"
        yield from rest


def _sequence(values: list[Value], indent: str) -> Iterator[str]:
    """A dash at the indent of the list's own key, as libyaml writes it and as the scan for interactions expects."""
    for value in values:
        if isinstance(value, dict) and value:
            first, *rest = _mapping(value, f"{indent}  ")
            yield f"{indent}- {first.lstrip(' ')}"
        else:
            first, *rest = _node(value, indent)
            yield f"{indent}-{first}"
        yield from rest


def _node(value: Value, indent: str) -> Iterator[str]:
    """What follows a key or a dash: the rest of that line, then further lines."""
    match value:
        case OneLine():
            yield f" {{{', '.join(f'{key}: {_inline(single)}' for key, single in value.items())}}}"
        case dict() if value:
            yield ""
            yield from _mapping(value, f"{indent}  ")
        case list() if value:
            yield ""
            yield from _sequence(value, indent)
        case bytes():
            yield " !!binary |"
            text = base64.b64encode(value).decode()  # textwrap would take a minute for five megabytes of it
            yield from (f"{indent}  {text[at : at + _BINARY_WIDTH]}" for at in range(0, len(text), _BINARY_WIDTH))
        case str() if "\n" in value and stands_in_a_block(value):
            yield from _block(value, f"{indent}  ")
        case _:
            yield f" {_inline(value)}"


def _block(text: str, indent: str) -> Iterator[str]:
    """A literal block. Its chomping says what follows the last line: nothing, one break, or as many as there are."""
    core = text.rstrip("\n")
    breaks = len(text) - len(core)
    yield f" |{'-' if not breaks else '+' if breaks > 1 else ''}"
    lines = core.split("\n") + [""] * (breaks - 1)
    yield from (f"{indent}{line}" if line else "" for line in lines)


def _inline(value: Value) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case str():
            return _one_line(value)
        case _:
            return "[]" if isinstance(value, list) else "{}"


def _one_line(text: str) -> str:
    if (_PLAIN.fullmatch(text) and text.lower() not in _WORDS) or _CHUNKS.fullmatch(text):
        return text
    if "\n" not in text and stands_in_a_block(text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    code = ord(char)
    return _SHORT_ESCAPES.get(char) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
