"""One file, many tests: the axes of a matrix, and the file that each of its combinations stands for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any, Final, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

from harness.scenarios._strict import Strict, nearest, refused
from harness.scenarios._yaml import Document, Path

_COMBINATIONS_MAX: Final = 1_000
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_VARIABLE: Final = re.compile(r"(?P<literal>\$\$\{)|\$\{(?P<name>[^}]*)\}")
_UNSAFE: Final = re.compile(r"[^a-z0-9]+")


class Matrix(Strict):
    """Every combination of the values of its axes is a test of its own, less those that `exclude` names, and those that
    `include` names besides. `${axis}` stands for the value anywhere else in the file; `$${` for `${` itself."""

    model_config = ConfigDict(extra="allow")

    exclude: list[dict[str, JsonValue]] = Field(default_factory=list)
    include: list[dict[str, JsonValue]] = Field(default_factory=list)

    @property
    def axes(self) -> dict[str, Any]:
        """Name to values, in the order of the file."""
        return dict(self.__pydantic_extra__ or {})

    @model_validator(mode="after")
    def _has_axes(self) -> Self:
        if not self.axes:
            message = "a matrix without an axis: give one, such as provider: [openai-chat, anthropic]"
            raise refused(message)
        for name, values in self.axes.items():
            if not _NAME.fullmatch(name):
                message = f"the axis {name!r}: a name of small letters, digits and _"
                raise refused(message)
            if not isinstance(values, list) or not values:
                message = f"the axis {name!r} is a list with at least one value"
                raise refused(message)
        return self


def combinations(matrix: Matrix, document: Document) -> dict[str, dict[str, Any]]:
    """Id to the value of each axis. What is wrong with `exclude` and `include` is noted in `document`."""
    axes = matrix.axes
    count = 1
    for values in axes.values():
        count *= len(values)
    if count > _COMBINATIONS_MAX:
        document.mistake(("matrix",), f"{count:,} combinations; at most {_COMBINATIONS_MAX:,} are made", at_key=True)
        return {}
    made = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    kept = [one for one in made if not any(_is_part(rule, one) for rule in matrix.exclude)]
    for kind, rules in (("exclude", matrix.exclude), ("include", matrix.include)):
        for number, rule in enumerate(rules):
            _check_rule(kind, rule, axes, made, (document, ("matrix", kind, number)))
    kept += [rule for rule in matrix.include if rule.keys() == axes.keys()]
    if not kept and not document.places:
        document.mistake(("matrix", "exclude"), "nothing is left: every combination is excluded", at_key=True)
    return _named(kept)


def _check_rule(
    kind: str, rule: Mapping[str, Any], axes: Mapping[str, Any], made: list[dict[str, Any]], at: tuple[Document, Path]
) -> None:
    document, path = at
    for name in rule.keys() - axes.keys():
        listed = ", ".join(axes)
        document.mistake(
            (*path, name), f"no axis is called {name!r}.{nearest(name, axes)} There are: {listed}", at_key=True
        )
    if rule.keys() - axes.keys():
        return
    if kind == "include" and rule.keys() != axes.keys():
        missing = ", ".join(name for name in axes if name not in rule)
        document.mistake(path, f"a combination has a value for every axis; missing: {missing}")
    if kind == "exclude" and not any(_is_part(rule, one) for one in made):
        document.mistake(path, "this excludes nothing: no combination has these values")


def _is_part(rule: Mapping[str, Any], combination: Mapping[str, Any]) -> bool:
    return all(name in combination and _is_value(value, combination[name]) for name, value in rule.items())


def _is_value(wanted: Any, value: Any) -> bool:
    """Equal, true being no 1; a fault with parameters is also meant by its kind alone."""
    if isinstance(value, Mapping) and isinstance(wanted, str):
        return bool(value.get("kind") == wanted)
    return type(wanted) is type(value) and bool(wanted == value)


def _named(made: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    named: dict[str, dict[str, Any]] = {}
    for combination in made:
        words = [word for axis, value in combination.items() if (word := _word(axis, value))]
        name = again = "-".join(words)
        number = 1
        while again in named:
            number += 1
            again = f"{name}-{number}"
        named[again] = combination
    return named


def _word(axis: str, value: Any) -> str:
    """What a value is called in the id of a test: a yes and no is called by its axis, a fault by its kind."""
    if isinstance(value, bool):
        return axis.replace("_", "-") if value else f"no-{axis.replace('_', '-')}"
    if isinstance(value, Mapping):
        value = value.get("kind", value.get("id", axis))
    return _UNSAFE.sub("-", str(value).lower()).strip("-") or axis


def substituted(value: Any, combination: Mapping[str, Any], document: Document) -> Any:
    """`value`, the file without its matrix, with every `${axis}` replaced: by the value itself where nothing else
    stands there, else by its text. An axis that is not there, and one that nothing uses, is noted in `document`."""
    used: set[str] = set()

    def place(text: str, path: Path) -> Any:
        whole = _VARIABLE.fullmatch(text)
        if whole and whole["name"] is not None:
            return known(whole["name"], path)
        return _VARIABLE.sub(lambda found: "${" if found["literal"] else _text(known(found["name"], path)), text)

    def known(name: str, path: Path) -> Any:
        if name not in combination:
            hint = nearest(name, combination)
            message = f"no axis is called {name!r}.{hint} There are: {', '.join(combination)}; $${{ is written for ${{"
            document.mistake(path, message)
            return ""
        used.add(name)
        return combination[name]

    made = _walked(value, (), place)
    for name in combination.keys() - used:
        document.mistake(("matrix", name), f"nothing uses ${{{name}}}: every test would be there twice", at_key=True)
    return made


def _walked(value: Any, path: Path, place: Callable[[str, Path], Any]) -> Any:
    match value:
        case str():
            return place(value, path) if "${" in value else value
        case list():
            return [_walked(item, (*path, number), place) for number, item in enumerate(value)]
        case dict():
            return {name: _walked(item, (*path, name), place) for name, item in value.items()}
    return value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
