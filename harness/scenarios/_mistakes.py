"""From what the model refuses to what an author can act on: the place, what was found, what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args, get_origin

from pydantic import ValidationError

from harness.scenarios._scenario import Scenario
from harness.scenarios._strict import LACKING, Strict, nearest
from harness.scenarios._yaml import Document, Path, shown


def explain(document: Document, error: ValidationError, *, is_repaired: bool = False, within: Path = ()) -> None:
    """Every refusal in `error` as a mistake of `document`; what the repair of another mistake took away is none.

    `within` is where in it the value stands that was validated."""
    for found in error.errors(include_url=False):
        # A step in pointed brackets says which member of a union it is, and stands in no file.
        path = within + tuple(step for step in found["loc"] if not str(step).startswith("<"))
        if is_repaired and found["type"] in {LACKING, "missing"}:
            continue
        if found["type"] == "extra_forbidden":
            document.mistake(path, _stranger(path), at_key=True)
        elif found["type"] == "missing":
            document.mistake(path[:-1], f"{str(path[-1])!r} is missing", at_key=True)
        else:
            document.mistake(path, _wrong(found))


def _stranger(path: Path) -> str:
    key, model = str(path[-1]), model_at(path[:-1])
    if model is None:
        return f"the key {key!r} is not known here"
    names = [field.alias or name for name, field in model.model_fields.items()]
    return f"the key {key!r} is not known here.{nearest(key, names)} Allowed: {', '.join(names)}"


_KINDS = {
    "string_type": "a text (in quotes, where it looks like something else)",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a number",
    "string_too_short": "a text of at least 1 character",
    "too_short": "a list of at least 1 item",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}

_LIMITS = {
    "greater_than_equal": "from {ge:g}",
    "greater_than": "above {gt:g}",
    "less_than_equal": "up to {le:g}",
    "less_than": "below {lt:g}",
}
_SPELLING = "are small letters, digits, - and _ (it becomes part of a test's name)"
_SPELLINGS = {
    "driver": "is package.module:function",
    "name": "are small letters, digits, ., - and _ (it becomes part of a test's name)",
    "sha256": "is what `sha256sum` says of the file: 64 digits from 0 to f",
    "chunks": "is all, smart, or first, last and every:8 with commas between",
}
"""What a text with a pattern has to look like, by its key; the others are ids."""


def _wrong(found: Any) -> str:
    value, context = found["input"], found.get("ctx", {})
    if found["type"] in {LACKING, "harness_text"}:
        return str(context["text"])
    if found["type"] == "literal_error":
        words = context["expected"].replace("'", "")
        return (
            f"found {shown(value)}, allowed is {words}.{nearest(str(value), words.replace(' or ', ', ').split(', '))}"
        )
    if found["type"] == "string_pattern_mismatch":
        return f"found {shown(value)}, allowed {_SPELLINGS.get(str(found['loc'][-1]), _SPELLING)}"
    if found["type"] in _LIMITS:
        return f"found {shown(value)}, allowed are numbers {_LIMITS[found['type']].format(**context)}"
    wanted = context.get("wanted") or _KINDS.get(found["type"]) or found["msg"]
    return f"found {shown(value)}, allowed is {wanted}"


def model_at(path: Path) -> type[Strict] | None:
    """The model that stands at `path` in a scenario, or None where none does."""
    here: Any = Scenario
    for step in path:
        mapping = _part(here, _is_mapping)
        model = _part(here, _is_model)
        if isinstance(step, int):
            continue
        if mapping is not None:
            here = get_args(mapping)[1]
        elif model is not None:
            fields = model.model_fields.items()
            here = next((field.annotation for name, field in fields if (field.alias or name) == step), None)
    found: type[Strict] | None = _part(here, _is_model)
    return found


def _part(annotation: Any, fits: Callable[[Any], bool]) -> Any:
    """The first part of `annotation`, itself among them, that fits."""
    if fits(annotation):
        return annotation
    return next((found for part in get_args(annotation) if (found := _part(part, fits)) is not None), None)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Strict)


def _is_mapping(annotation: Any) -> bool:
    return get_origin(annotation) is dict
