"""The JSON Schema for editors, made from the typed model. `schema.json` beside this file is its text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Final

from harness.scenarios._scenario import Scenario
from harness.scenarios._strict import Strict

_ID: Final = "https://github.com/replay-harness/replay-harness/blob/main/harness/scenarios/schema.json"
_AXIS: Final = {"$ref": "#/$defs/axis"}
_PATTERN: Final = r"\$\{[a-z][a-z0-9_]*\}"
_NULL: Final = {"type": "null"}


def schema() -> dict[str, Any]:
    """The schema, draft 2020-12. It says what the loader says, as far as a schema can: no key of a later version, no
    key with nothing behind it, and `${axis}` wherever a value can stand."""
    made = Scenario.model_json_schema(by_alias=True)
    models = {model.__name__: model for model in _models(Strict)}
    for name, one in [*made["$defs"].items(), (Scenario.__name__, made)]:
        for body in (one, *one.get("anyOf", ())):
            if "properties" in body and name in models:
                body["properties"] = dict(_properties(models[name], body["properties"]))
    made["$defs"]["axis"] = {"description": "the value of an axis of the matrix", "type": "string", "pattern": _PATTERN}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": _ID, **made}


def _models(base: type[Strict]) -> Iterator[type[Strict]]:
    for model in base.__subclasses__():
        yield model
        yield from _models(model)


def _properties(model: type[Strict], given: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    own = {field.alias or name: name for name, field in model.model_fields.items()}
    for key, found in given.items():
        name = own.get(key, key)
        if name not in model.nullable:
            _needs_a_value(found)
        yield key, found if name in {"harness", "matrix"} else _or_axis(found)


def _needs_a_value(found: dict[str, Any]) -> None:
    kinds = [kind for kind in found.get("anyOf", ()) if kind != _NULL]
    if "anyOf" in found and len(kinds) < len(found["anyOf"]):
        del found["anyOf"]
        found.update({"anyOf": kinds} if len(kinds) > 1 else kinds[0])
        if found.get("default", 0) is None:
            del found["default"]


def _or_axis(found: dict[str, Any]) -> dict[str, Any]:
    """`found`, or an axis where it would refuse its text."""
    takes_any_text = found.get("type") == "string" and not {"pattern", "enum", "const"} & found.keys()
    if takes_any_text or not {"type", "anyOf", "$ref", "enum", "const"} & found.keys():
        return found
    kept: dict[str, Any] = {name: found.pop(name) for name in ("title", "description", "default") if name in found}
    kinds = found["anyOf"] if found.keys() == {"anyOf"} else [found]
    return {**kept, "anyOf": [*kinds, _AXIS]}


def schema_text() -> str:
    """The schema as it is shipped."""
    return json.dumps(schema(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def shipped() -> str:
    """The text of `schema.json`."""
    return files("harness.scenarios").joinpath("schema.json").read_text("utf-8")
