"""Values as YAML that people edit: texts as blocks, what is short on one line, and nothing that YAML would misread."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_WIDTH: Final = 120
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][\w-]*")
_WORD: Final = re.compile(r"[a-z][a-z0-9_-]*|[0-9]+m?s")
_RESERVED: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def yaml_lines(value: Mapping[str, Any], indent: int) -> Iterator[str]:
    """`value` as a block, `indent` columns in; each entry on one line where it fits and holds no text of several."""
    for key, item in value.items():
        yield from _entry(f"{' ' * indent}{_key(key)}:", item, indent)


def _entry(head: str, item: Any, indent: int) -> Iterator[str]:
    """`head` and `item` after it, or in lines below it."""
    if isinstance(item, str) and _is_block(item):
        yield f"{head} {_chomping(item)}"
        inner = " " * (indent + 2)
        yield from (f"{inner}{line}" if line else "" for line in item.rstrip("\n").split("\n"))
        yield from [""] * (len(item) - len(item.rstrip("\n")) - 1)
        return
    flow = f"{head} {_flow(item)}"
    is_open = (isinstance(item, dict) and item) or (isinstance(item, list) and item)
    if not is_open or (len(flow) <= _WIDTH and not _has_lines(item)):
        yield flow
    elif isinstance(item, dict):
        yield head
        yield from yaml_lines(item, indent + 2)
    elif all(isinstance(one, str | int | float | None) for one in item):
        yield from _filled(f"{head} [", _listed(item), indent + 2)
    else:
        yield head
        for one in item:
            yield from _item(one, indent + 2)


def _item(one: Any, indent: int) -> Iterator[str]:
    """One item of a list, its first key beside the dash."""
    flow = f"{' ' * indent}- {_flow(one)}"
    if not isinstance(one, dict) or not one or (len(flow) <= _WIDTH and not _has_lines(one)):
        yield flow
        return
    first, *rest = yaml_lines(one, indent + 2)
    yield f"{' ' * indent}- {first.lstrip()}"
    yield from rest


def _filled(head: str, items: list[str], indent: int) -> Iterator[str]:
    """Short items, as many on a line as fit."""
    line = head
    for number, item in enumerate(items):
        piece = item + ("]" if number == len(items) - 1 else ",")
        if len(line) + 1 + len(piece) > _WIDTH and line.strip() and not line.endswith("["):
            yield line.rstrip()
            line = " " * indent
        line += piece if line.endswith("[") or not line.strip() else f" {piece}"
    yield line


def _flow(value: Any) -> str:
    match value:
        case str():
            return value if _is_word(value) else _quoted(value)
        case dict():
            return "{" + ", ".join(f"{_key(key)}: {_flow(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(_listed(value)) + "]"
    return json.dumps(value)


def _listed(items: list[Any]) -> list[str]:
    """The items of a list; pieces of a text are all in quotes, or none is."""
    texts = all(isinstance(item, str) for item in items)
    plain = all(map(_is_word, items))
    return [_quoted(item) if texts and not plain else _flow(item) for item in items]


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and bool(_WORD.fullmatch(value)) and value not in _RESERVED


def _key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) and key not in _RESERVED else _quoted(key)


def _quoted(text: str) -> str:
    """In double quotes: YAML reads what JSON escapes."""
    return _UNPRINTABLE.sub(_escape, json.dumps(text, ensure_ascii=False))


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _has_lines(value: Any) -> bool:
    match value:
        case str():
            return _is_block(value)
        case dict():
            return any(map(_has_lines, value.values()))
        case list():
            return any(map(_has_lines, value)) and any(isinstance(item, dict) for item in value)
    return False


def _is_block(text: str) -> bool:
    """True for a text of several lines that stands in a literal block as it is."""
    lines = text.split("\n")
    return (
        len(lines) > 1
        and bool(lines[0].strip())
        and not _UNPRINTABLE.search(text)
        and lines[0][0] != " "
        and not any(line != line.rstrip() for line in lines)
        and "\t" not in text
    )


def _chomping(text: str) -> str:
    ends = len(text) - len(text.rstrip("\n"))
    return "|-" if ends == 0 else "|" if ends == 1 else "|+"
