"""JSON paths: `$.a.b`, `$.a[0]`, `$.a[-1]`, `$.a[*].b`, `$['odd name']`, `$..name`. A small part of RFC 9535."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from harness.model import Json


class Every:
    """`[*]` or `.*`: every item or field."""

    def __repr__(self) -> str:
        return "*"


@dataclass(frozen=True, slots=True)
class Anywhere:
    """`..name`: the field at any depth."""

    name: str


EVERY: Final = Every()
Step: TypeAlias = str | int | Every | Anywhere
Change: TypeAlias = Callable[[Json], Json]


class _Gone:
    """What a Change returns to remove a field."""


GONE: Final[Json] = _Gone()  # type: ignore[assignment]  # a marker that is no JSON value on purpose

_NAME = r"[A-Za-z_$@\u0080-\uffff][\w$@-]*"
_STEP = re.compile(
    rf"\.\.(?P<anywhere>{_NAME})|\.(?P<name>{_NAME})|(?P<every>\.\*|\[\*\])|\[(?P<index>-?[0-9]+)\]"
    r"|\['(?P<single>(?:[^'\\]|\\.)+)'\]|\[\"(?P<double>(?:[^\"\\]|\\.)+)\"\]"
)


def parse_path(path: str) -> tuple[Step, ...]:
    """The steps of `path`. Raises ValueError that shows it and the place."""
    if not path.startswith("$"):
        message = f"{path!r} is no JSON path: it starts with `$`, as in `$.metadata.request_id`"
        raise ValueError(message)
    steps: list[Step] = []
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if not found:
            message = f"{path!r} is no JSON path from {path[at:]!r} on: known are .name ['name'] [0] [*] ..name"
            raise ValueError(message)
        steps.append(_step(found))
        at = found.end()
    return tuple(steps)


def _step(found: re.Match[str]) -> Step:
    match found.lastgroup:
        case "anywhere":
            return Anywhere(found["anywhere"])
        case "every":
            return EVERY
        case "index":
            return int(found["index"])
        case "name":
            return found["name"]
        case group:
            return re.sub(r"\\(.)", r"\1", found[group or "single"])


@lru_cache(maxsize=512)
def _parsed(path: str) -> tuple[Step, ...]:
    return parse_path(path)


def values_at(value: Json, path: str) -> list[Json]:
    """Everything in `value` that `path` names, in order; empty where there is none. Raises ValueError for no path."""
    found: list[Json] = []

    def seen(item: Json) -> Json:
        found.append(item)
        return item

    changed(value, _parsed(path), seen)
    return found


def changed(value: Json, steps: tuple[Step, ...], change: Change) -> Json:
    """`value` with everything at `steps` changed, in place where it is a container. What is not there is no error."""
    if not steps:
        return change(value)
    step, rest = steps[0], steps[1:]
    if isinstance(step, Anywhere):
        _anywhere(value, step, rest, change)
        return value
    for place in list(_places(value, step)):
        _set(value, place, changed(value[place], rest, change))  # type: ignore[index]  # _places checked the container
    return value


def _anywhere(value: Json, step: Anywhere, rest: tuple[Step, ...], change: Change) -> None:
    if isinstance(value, dict):
        if step.name in value:
            _set(value, step.name, changed(value[step.name], rest, change))
        for item in value.values():
            _anywhere(item, step, rest, change)
    elif isinstance(value, list):
        for item in value:
            _anywhere(item, step, rest, change)


def _places(value: Json, step: Step) -> Iterator[str | int]:
    if isinstance(value, dict):
        if isinstance(step, Every):
            yield from value
        elif isinstance(step, str) and step in value:
            yield step
    elif isinstance(value, list):
        if isinstance(step, Every):
            yield from range(len(value))
        elif isinstance(step, int) and -len(value) <= step < len(value):
            yield step


def _set(container: Json, place: str | int, value: Json) -> None:
    """A removed field is gone; a removed item becomes null, so that the others keep their places."""
    if isinstance(container, dict) and isinstance(place, str):
        if value is GONE:
            del container[place]
        else:
            container[place] = value
    elif isinstance(container, list) and isinstance(place, int):
        container[place] = None if value is GONE else value
