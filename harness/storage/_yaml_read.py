"""YAML to plain values: composed by libyaml where it is there, never constructed.

PyYAML's constructors are what makes a YAML file dangerous (tags that name Python objects) and much of what makes it
slow. A cassette needs none of them: scalars, lists, mappings and `!!binary`. Of the Python tags that other recorders
left behind, the harmless ones are read as the text they hold; every other tag is refused.

1. Nesting, nodes and what aliases expand to are bounded (`_limits`).
2. Header values, URLs and bodies keep the text that stands in the file: `1.0` is not a float there, nor `yes` a truth.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import yaml

from harness.storage._limits import ALIASED_BYTES_MAX, DEPTH_MAX, NODES_MAX
from harness.storage._trouble import Unreadable
from harness.storage._values import Value

if TYPE_CHECKING or not yaml.__with_libyaml__:
    from yaml import SafeLoader as _Base
else:
    from yaml import CSafeLoader as _Base

_YAML: Final = "tag:yaml.org,2002:"
_STR: Final = f"{_YAML}str"
_TEXT_TAGS: Final = frozenset({_STR, f"{_YAML}timestamp", f"{_YAML}python/str", f"{_YAML}python/unicode"})
_TEXT_KEYS: Final = frozenset({"headers", "uri", "url", "method", "body", "string", "content", "message", "chunks"})
_ISTR: Final = re.compile(rf"{_YAML}python/object/(?:apply|new):(?:\w+\.)*istr")
_BINARY: Final = frozenset({f"{_YAML}binary", "!binary"})  # Ruby writes it with one exclamation mark
_LISTS: Final = frozenset({f"{_YAML}seq", f"{_YAML}python/tuple"})
_ITER: Final = f"{_YAML}python/object/apply:builtins.iter"
_BYTES_IO: Final = f"{_YAML}python/object/new:_io.BytesIO"
_REMEMBERED_MAX: Final = 64
_NUMBERS: Final = yaml.constructor.SafeConstructor()


class _TooBigError(Exception):
    """A bound was passed while composing."""


class _Loader(_Base):
    """Composes only. Plain scalars resolve to null, bool, int and float; dates stay texts."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML declares it, and mypy wants it declared alike
        first: [(tag, form) for tag, form in forms if tag[len(_YAML) :] in {"null", "bool", "int", "float"}]
        for first, forms in _Base.yaml_implicit_resolvers.items()
    }
    depth = 0
    nodes = 0

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:  # noqa: ARG002 - PyYAML's signature
        """Called by both composers on the way down: the one place from which C can be stopped."""
        self.depth += 1
        self.nodes += 1
        if self.depth > DEPTH_MAX:
            message = f"it is nested deeper than {DEPTH_MAX} levels"
            raise _TooBigError(message)
        if self.nodes > NODES_MAX:
            message = f"it has more than {NODES_MAX:,} nodes"
            raise _TooBigError(message)

    def ascend_resolver(self) -> None:
        """The way up."""
        self.depth -= 1

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> Any:
        """The tag of an untagged node. The short cut halves the cost: nearly every scalar of a cassette is quoted."""
        if kind is yaml.ScalarNode:
            if not implicit[0]:
                return _STR
            if len(value) <= _REMEMBERED_MAX:
                return _plain_tag(value)
        return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]  # PyYAML is untyped here


@lru_cache(maxsize=4096)
def _plain_tag(text: str) -> str:
    """The tag of a plain scalar. Remembered: most of them are the same few names of fields, thousands of times."""
    forms = _Loader.yaml_implicit_resolvers.get(text[:1], ())
    return next((tag for tag, form in forms if form.match(text)), _STR)


def read_yaml(data: bytes) -> Value:
    """The one document in `data`. Raises Unreadable with line and column."""
    loader = _Loader(data)
    try:
        node = loader.get_single_node()
        return None if node is None else _Tree(len(data)).value(node)
    except yaml.MarkedYAMLError as error:
        raise Unreadable(_problem(error), _place(error.problem_mark or error.context_mark)) from error
    except yaml.reader.ReaderError as error:
        message = f"it is no YAML: {error.reason} at byte {error.position}"
        raise Unreadable(message) from error
    except (_TooBigError, RecursionError) as error:
        message = f"this is no cassette: {error}"
        raise Unreadable(message) from error
    finally:
        loader.dispose()


def _problem(error: yaml.MarkedYAMLError) -> str:
    if "nesting depth" in (error.problem or ""):  # libyaml 0.2.6 counts brackets before anything is composed
        return f"this is no cassette: it is nested deeper than {DEPTH_MAX} levels"
    words = [word for word in (error.context, error.problem) if word]
    return f"it is no YAML: {', '.join(words)}"


def _place(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""


class _Tree:
    """One document on its way to plain values. Keeps count of what aliases add."""

    def __init__(self, length: int) -> None:
        self._left = 2 * length + ALIASED_BYTES_MAX
        self._seen: dict[tuple[int, bool], tuple[Value, int] | None] = {}

    def value(self, node: yaml.Node, *, raw: bool = False) -> Value:
        """`node` as a plain value; `raw` keeps the text of scalars that would be numbers or truths."""
        if isinstance(node, yaml.ScalarNode):
            self._spend(len(node.value) + 1)
            return _scalar(node, raw=raw)
        key = (id(node), raw)
        if key in self._seen:
            return self._again(node, self._seen[key])
        self._seen[key] = None
        before = self._left
        self._spend(1)
        value = self._mapping(node, raw=raw) if isinstance(node, yaml.MappingNode) else self._list(node, raw=raw)
        self._seen[key] = (value, before - self._left)
        return value

    def _again(self, node: yaml.Node, known: tuple[Value, int] | None) -> Value:
        if known is None:
            message = "an alias refers to what it stands in"
            raise Unreadable(message, _place(node.start_mark))
        self._spend(known[1])
        return known[0]

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            message = f"aliases add more than {ALIASED_BYTES_MAX:,} bytes"
            raise _TooBigError(message)

    def _list(self, node: yaml.Node, *, raw: bool) -> Value:
        if _ISTR.fullmatch(node.tag):
            return _text_of_istr(node)
        if node.tag not in _LISTS:
            raise _refused(node)
        return [self.value(item, raw=raw) for item in node.value]

    def _mapping(self, node: yaml.MappingNode, *, raw: bool) -> Value:
        if _ISTR.fullmatch(node.tag):
            return _text_of_istr(node)
        found: dict[str, Value] = {}
        merged: list[Value] = []
        for key_node, value_node in node.value:
            key = _key(key_node)
            value = self.value(value_node, raw=raw or _stays_text(key, value_node))
            if key == "<<" and not key_node.style:
                merged.extend(value if isinstance(value, list) else [value])
                continue
            if key in found:  # two files in one, or a merge gone wrong: the first half would be gone without a word
                message = f"the key {key[:40]!r} stands twice in one mapping"
                raise Unreadable(message, _place(key_node.start_mark), "Keep one of them, or record it again.")
            found[key] = value
        for base in merged:
            found = {**base, **found} if isinstance(base, dict) else found
        return found if node.tag == f"{_YAML}map" else _old_body(node, found)


def _stays_text(key: str, node: yaml.Node) -> bool:
    """Headers all the way down; other texts only where they are scalars (a body may be a mapping of typed values)."""
    return key in _TEXT_KEYS and (key == "headers" or isinstance(node, yaml.ScalarNode))


def _key(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    if _ISTR.fullmatch(node.tag):
        return _text_of_istr(node)
    message = "a key is no text"
    raise Unreadable(message, _place(node.start_mark))


def _scalar(node: yaml.ScalarNode, *, raw: bool) -> Value:
    tag = node.tag
    text: str = node.value
    if tag in _TEXT_TAGS:
        return text
    if tag == f"{_YAML}null":
        return None
    if tag in _BINARY:
        return _binary(node)
    if raw and tag in {f"{_YAML}bool", f"{_YAML}int", f"{_YAML}float"}:
        return text
    return _number(node)


def _number(node: yaml.ScalarNode) -> Value:
    construct: Mapping[str, Any] = {
        f"{_YAML}bool": _NUMBERS.construct_yaml_bool,
        f"{_YAML}int": _NUMBERS.construct_yaml_int,
        f"{_YAML}float": _NUMBERS.construct_yaml_float,
    }
    if node.tag not in construct:
        raise _refused(node)
    try:
        number: Value = construct[node.tag](node)
    except (ValueError, KeyError) as error:
        message = f"{node.value[:40]!r} is no {node.tag[len(_YAML) :]}"
        raise Unreadable(message, _place(node.start_mark)) from error
    return number


def _binary(node: yaml.ScalarNode) -> bytes:
    try:
        return base64.b64decode("".join(node.value.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        message = f"!!binary is no base64: {error}"
        raise Unreadable(message, _place(node.start_mark), "The file may have been cut short or edited.") from error


def _text_of_istr(node: yaml.Node) -> str:
    """The text in multidict's case-insensitive string, which aiohttp uses for header names. Nothing is imported."""
    parts = node.value
    if isinstance(node, yaml.MappingNode):
        parts = next((value.value for key, value in node.value if key.value == "args"), [])
    if isinstance(parts, list) and parts and isinstance(parts[0], yaml.ScalarNode):
        return str(parts[0].value)
    message = "a header name of multidict holds no text"
    raise Unreadable(message, _place(node.start_mark))


def _old_body(node: yaml.MappingNode, found: dict[str, Value]) -> Value:
    """Bodies that old vcrpy wrote as objects: an iterator, and a file in memory (its first state is the content)."""
    parts = found.get({_ITER: "args", _BYTES_IO: "state"}.get(node.tag, ""))
    if not isinstance(parts, list):
        raise _refused(node)
    first = parts[0] if parts else b""
    pieces = first if isinstance(first, list) else [first]
    return b"".join(
        piece.encode() if isinstance(piece, str) else piece for piece in pieces if isinstance(piece, str | bytes)
    )


def _refused(node: yaml.Node) -> Unreadable:
    tag = node.tag.replace(_YAML, "!!")
    return Unreadable(
        f"the tag {tag} is refused: a cassette holds texts, numbers and !!binary, never objects",
        _place(node.start_mark),
        "Record it again, or replace the tagged value by its text.",
    )
