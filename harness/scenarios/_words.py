"""The small values of a scenario: its version, what a health check says, how a cancel is said, the words of an end."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from harness.engine import VIAS
from harness.scenarios._strict import wrong

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]


def _version(value: object) -> object:
    if type(value) is not int:  # true is equal to 1, and is no version
        wanted = "1, without quotes"
        raise wrong(wanted)
    return value


Version = Annotated[Literal[1], BeforeValidator(_version)]
"""The version of the format: what makes a file a scenario."""


def _available(value: object) -> object:
    if isinstance(value, bool):
        return [value]
    if not isinstance(value, list):
        wanted = "true, false or a list of them"
        raise wrong(wanted)
    return value


Available = Annotated[
    list[bool],
    BeforeValidator(_available),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "array", "items": {"type": "boolean"}, "minItems": 1}]}),
]
"""What `is_available` says: always the same, or one after the other; the last repeats."""

FinishWord = Literal["stop", "length", "tool", "filter", "refusal", "pause", "load", "missing"]


def _via(value: object) -> object:
    if value not in VIAS:
        wanted = f"{', '.join(VIAS)}; code of your own is pressed by the test: session.cancel_at(place, fn)"
        raise wrong(wanted)
    return value


Via = Annotated[
    str,
    BeforeValidator(_via),
    WithJsonSchema({"enum": list(VIAS)}),
]
"""How a cancel is said."""
