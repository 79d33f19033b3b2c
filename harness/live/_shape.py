"""What `response_format` asks for, in whichever of the common spellings a driver uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from harness.model import Json, Prompt

_JSON: Final = frozenset({"json", "json_object", "application/json"})
_TEXT: Final = frozenset({"text", "text/plain"})


@dataclass(frozen=True, slots=True)
class Shape:
    """JSON that `schema` describes; any JSON where that is None. `name` is the schema's, for a wire that wants one."""

    schema: Mapping[str, Json] | None = None
    name: str = "answer"


def shape_of(prompt: Prompt) -> Shape | None:
    """The shape that the answer has to have; None for plain text.

    Known are `"json"`, `"text"`, OpenAI's objects (`json_object`, `json_schema`), and a JSON schema as it is, which is
    what a pydantic model becomes.
    """
    asked = prompt.parameters.get("response_format")
    if isinstance(asked, dict):
        return _of_object(asked)
    return None if asked is None or asked in _TEXT else Shape()


def without_shape(prompt: Prompt) -> dict[str, Json]:
    """The parameters less `response_format`."""
    return {name: value for name, value in prompt.parameters.items() if name != "response_format"}


def _of_object(asked: Mapping[str, Json]) -> Shape | None:
    kind = asked.get("type")
    if kind == "json_schema":
        inner = asked.get("json_schema")
        named = inner if isinstance(inner, dict) else asked
        schema = named.get("schema")
        return Shape(schema if isinstance(schema, dict) else None, str(named.get("name") or "answer"))
    if kind in _TEXT:
        return None
    if kind in _JSON:
        return Shape()
    return Shape(asked, str(asked.get("title") or "answer"))
