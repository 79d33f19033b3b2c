"""YAML read without its traps, and with the place of everything that was read.

Booleans are those of YAML 1.2 (`no` is a text), a key that stands twice is a mistake, there are no tags and no dates.
Aliases, depth and size have limits, so that no file can be a bomb.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, TypeAlias

import yaml

from harness.errors import Place

Step: TypeAlias = str | int
Path: TypeAlias = tuple[Step, ...]

_BYTES_MAX: Final = 1 << 20
_DEPTH_MAX: Final = 40
_VALUES_MAX: Final = 50_000
_TAG: Final = "tag:yaml.org,2002:"
_BOOLEANS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,100}$")  # longer ones stay texts: Python refuses to convert thousands
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")


@dataclass(slots=True)
class Document:
    """What a file says: its value, where each value and each key stands, and what is wrong with it as YAML."""

    file: str
    value: object = None
    values: dict[Path, yaml.Mark] = field(default_factory=dict)
    keys: dict[Path, yaml.Mark] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)

    def mistake(self, path: Path, message: str, *, at_key: bool = False) -> None:
        """Remember that something is wrong at `path`, or at the nearest thing around it that stands in the file."""
        marks = (self.keys, self.values) if at_key else (self.values, self.keys)
        while path and not any(path in known for known in marks):
            path = path[:-1]
        mark = next((known[path] for known in marks if path in known), None)
        self._at(mark, message)

    def unreadable(self, text: bytes, error: yaml.reader.ReaderError) -> None:
        """Remember that a byte is no text, or a character none that YAML allows."""
        # Of a byte yaml tells which byte it is, of a character which character.
        is_byte = error.encoding != "unicode"
        before = text[: error.position].decode("utf-8", "replace") if is_byte else text.decode()[: error.position]
        line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
        message = f"not {'UTF-8' if is_byte else 'YAML'}: {error.reason} (0x{error.character:02x})"
        self.places.append(Place(self.file, line, column, message))

    def _at(self, mark: yaml.Mark | None, message: str) -> None:
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        self.places.append(Place(self.file, line, column, message))


class _Scalars(yaml.SafeLoader):
    """The loader up to nodes. Plain scalars are all texts here; `_scalar` decides what they are."""


_Scalars.yaml_implicit_resolvers = {}


def read(text: bytes, file: str) -> Document:
    """The document in `text`. What is wrong stands in its `places`; its value is then as much as could be read.

    Kept for the next time: every case of a file reads all of it, and most of playing one would be reading it again."""
    kept = _read(text, file)
    return replace(kept, value=deepcopy(kept.value), places=[*kept.places])


@lru_cache(maxsize=16)
def _read(text: bytes, file: str) -> Document:
    document = Document(file)
    if len(text) > _BYTES_MAX:
        document.mistake((), f"a scenario of {len(text):,} bytes; at most {_BYTES_MAX:,} are read")
        return document
    try:
        node = yaml.compose(text, Loader=_Scalars)
    except yaml.MarkedYAMLError as error:
        document._at(error.problem_mark, f"not YAML: {error.problem}")  # noqa: SLF001 - the mark is not of a path
        return document
    except yaml.reader.ReaderError as error:
        document.unreadable(text, error)
        return document
    except (yaml.YAMLError, RecursionError) as error:
        document.mistake((), f"not YAML: {error}")
        return document
    if node is not None:
        document.value = _Reader(document).value(node, (), 0)
    return document


class _Reader:
    """Builds values out of nodes, and notes where they stood."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._count = 0

    def value(self, node: yaml.Node, path: Path, depth: int) -> object:
        self._document.values[path] = node.start_mark
        self._count += 1
        if self._count > _VALUES_MAX or depth > _DEPTH_MAX:
            self._refuse(path, depth)
            return None
        kind = {yaml.MappingNode: "map", yaml.SequenceNode: "seq", yaml.ScalarNode: "str"}[type(node)]
        if node.tag != _TAG + kind:
            self._document.mistake(path, f"the tag {node.tag!r}: a scenario has no tags")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, number), depth + 1) for number, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode), "YAML has three kinds of nodes"
        return _scalar(node)

    def _refuse(self, path: Path, depth: int) -> None:
        if depth > _DEPTH_MAX:
            self._document.mistake(path, f"nested deeper than {_DEPTH_MAX} levels")
        elif self._count == _VALUES_MAX + 1:
            self._document.mistake(path, f"more than {_VALUES_MAX:,} values, counting each use of an alias")

    def _mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, object]:
        built: dict[str, object] = {}
        for key, item in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is None:
                self._document._at(key.start_mark, "a key has to be a text")  # noqa: SLF001 - it has no path
                continue
            here = (*path, name)
            if name in built:
                first = self._document.keys[here].line + 1
                message = f"the key {name!r} stands twice; it stands on line {first} already"
                self._document._at(key.start_mark, message)  # noqa: SLF001 - the path is that of the first
                continue
            self._document.keys[here] = key.start_mark
            built[name] = self.value(item, here, depth + 1)
        return built


def _scalar(node: yaml.ScalarNode) -> object:
    """The value of one scalar, by YAML 1.2's core schema, less octal and hexadecimal numbers."""
    text: str = node.value
    if node.style is not None:
        return text
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text in _NULLS:
        return None
    if _INTEGER.match(text):
        return int(text)
    return float(text) if _FLOAT.match(text) else text


def value_at(document: Document, path: Path) -> object:
    """What stands at `path` in the file, or None."""
    value: Any = document.value
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def shown(value: object) -> str:
    """`value` as somebody would write it, short enough for a message."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…'"
