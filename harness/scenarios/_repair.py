"""A scenario with its malformed parts replaced by harmless ones, so that one run can say what else is wrong with it.

The result is never played: it only lets the checks of the whole see as much of the file as is well formed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Final

from pydantic import ValidationError

from harness.scenarios._scenario import Scenario
from harness.scenarios._yaml import Path

_ROUNDS_MAX: Final = 4
_REPLY: Final = {"text": ""}
_FAULT: Final = {"at": "call=1", "kind": "stall-before-headers"}
_ROOT: Final[dict[str, object]] = {"harness": 1, "name": "repaired", "calls": []}


def repaired(
    value: dict[str, Any], error: ValidationError, found_later: Callable[[ValidationError], object]
) -> Scenario | None:
    """What `value` is without the parts that `error` refuses; None where too little is left.

    `found_later` hears of what only showed once those parts were well formed: two keys that exclude each other.
    """
    value = copy.deepcopy(value)
    for _ in range(_ROUNDS_MAX):
        for found in error.errors(include_url=False, include_input=False, include_context=False):
            _mend(value, tuple(found["loc"]))
        try:
            return Scenario.model_validate(value)
        except ValidationError as left:
            found_later(left)
            error = left
    return None


def _mend(value: dict[str, Any], path: Path) -> None:
    """Replace the smallest part around `path` that has a harmless form."""
    cut, stub = _stub(path)
    if stub is None and len(path) == 2 and path[0] == "calls":
        _mend_call(value, path)
        return
    holder: Any = value
    for step in cut[:-1]:
        holder = _inside(holder, step)
    if not cut:
        value.update(_ROOT)
    elif stub is not None and isinstance(holder, dict | list):
        _put(holder, cut[-1], stub)
    elif isinstance(holder, dict):
        holder.pop(cut[-1], None)
        if len(cut) == 1 and cut[0] in _ROOT:
            holder[str(cut[0])] = _ROOT[str(cut[0])]


def _mend_call(value: dict[str, Any], path: Path) -> None:
    """Neither one reply nor one sequence: keep its id, which other parts refer to, and what it matches."""
    call = _inside(value["calls"], path[1])
    kept = {name: call[name] for name in ("id", "when") if name in call} if isinstance(call, dict) else {}
    _put(value["calls"], path[1], {"id": f"malformed-{path[1]}", "reply": dict(_REPLY), **kept})


def _stub(path: Path) -> tuple[Path, object | None]:
    """Which part to replace, and by what; None is to leave it out."""
    for length in range(1, len(path) + 1):
        match path[:length]:
            case ("calls", int(number), "when"):
                # It must neither match everything nor be equal to another one.
                return path[:length], {"user": {"equals": f"malformed {number}"}}
            case ("calls", int(number), "id"):
                return path[:length], f"malformed-{number}"
            case (
                ("calls", _, "reply")
                | ("calls", _, "sequence", int())
                | ("cases", _, "reply")
                | ("cases", _, "replies", _)
            ):
                return path[:length], dict(_REPLY)
            case ("calls", _, "sequence") if length == len(path):
                return path, [dict(_REPLY)]
            case ("faults" | "overlay", int()) | ("cases", _, "faults", int()) | ("calls", _, "faults", int()):
                return path[:length], dict(_FAULT)
            case ("cases", int(number), "id"):
                return path[:length], f"malformed-{number}"
    if len(path) == 2 and path[0] == "cases":
        return path, {"id": f"malformed-{path[1]}"}
    return (("cassette",) if path[:1] == ("cassette",) else path), None


def _inside(holder: Any, step: str | int) -> Any:
    try:
        return holder[step]
    except (KeyError, IndexError, TypeError):
        return None


def _put(holder: Any, step: Any, stub: object) -> None:
    if isinstance(holder, dict) or (isinstance(holder, list) and isinstance(step, int) and step < len(holder)):
        holder[step] = stub
