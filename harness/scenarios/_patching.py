"""JSON Patch (RFC 6902) over JSON Pointers (RFC 6901): a value and the operations on it, none of them in place."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any, Final

from harness.scenarios._faults import Edit

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,9}")


class PatchError(ValueError):
    """An operation that cannot be done on this value."""


def patched(value: Any, edits: Sequence[Edit]) -> Any:
    """`value` after all of `edits`, or PatchError at the first that cannot be done."""
    held = {"": copy.deepcopy(value)}
    for edit in edits:
        _apply(held, edit)
    return held[""]


def _apply(held: dict[str, Any], edit: Edit) -> None:
    match edit.op:
        case "test":
            if not _equal(_at(held, edit.path), edit.value):
                message = f"{edit.path} is not {edit.value!r}"
                raise PatchError(message)
        case "add":
            _add(held, edit.path, copy.deepcopy(edit.value))
        case "replace":
            _at(held, edit.path)
            _put(held, edit.path, copy.deepcopy(edit.value))
        case "remove":
            _remove(held, edit.path)
        case "copy":
            _add(held, edit.path, copy.deepcopy(_at(held, edit.from_ or "")))
        case "move":
            source = edit.from_ or ""
            if edit.path.startswith(f"{source}/"):
                message = f"{source} cannot be moved into itself"
                raise PatchError(message)
            moved = _at(held, source)
            _remove(held, source)
            _add(held, edit.path, moved)


def _at(held: Any, pointer: str) -> Any:
    holder, step = _parent(held, pointer)
    return _child(holder, step, pointer)


def _add(held: Any, pointer: str, value: Any) -> None:
    holder, step = _parent(held, pointer)
    if isinstance(holder, list):
        place = len(holder) if step == "-" else _index(step, len(holder) + 1, pointer)
        holder.insert(place, value)
    else:
        _put(held, pointer, value)


def _put(held: Any, pointer: str, value: Any) -> None:
    holder, step = _parent(held, pointer)
    if isinstance(holder, dict):
        holder[step] = value
    elif isinstance(holder, list):
        holder[_index(step, len(holder), pointer)] = value
    else:
        raise _nothing(pointer)


def _remove(held: Any, pointer: str) -> None:
    holder, step = _parent(held, pointer)
    _child(holder, step, pointer)
    del holder[step if isinstance(holder, dict) else _index(step, len(holder), pointer)]


def _parent(held: Any, pointer: str) -> tuple[Any, str]:
    """The container that `pointer` ends in, and its last step. The whole value is held under the empty name."""
    steps = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")]
    holder = held
    for step in steps[:-1]:
        holder = _child(holder, step, pointer)
    return holder, steps[-1]


def _child(holder: Any, step: str, pointer: str) -> Any:
    if isinstance(holder, dict) and step in holder:
        return holder[step]
    if isinstance(holder, list):
        return holder[_index(step, len(holder), pointer)]
    raise _nothing(pointer)


def _index(step: str, length: int, pointer: str) -> int:
    if not _INDEX.fullmatch(step) or int(step) >= length:
        raise _nothing(pointer)
    return int(step)


def _nothing(pointer: str) -> PatchError:
    return PatchError(f"there is no {pointer or 'value'}")


def _equal(value: Any, wanted: Any) -> bool:
    """Equal as JSON is: true is not 1."""
    match value, wanted:
        case (dict(), dict()):
            return value.keys() == wanted.keys() and all(_equal(value[name], wanted[name]) for name in value)
        case (list(), list()):
            return len(value) == len(wanted) and all(map(_equal, value, wanted))
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)
