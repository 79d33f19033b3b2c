"""The JSON Schema for editors, made from the typed model. `schema.json` beside this file is its text."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Final

from harness.scenarios._scenario import Scenario

_ID: Final = "https://github.com/replay-harness/replay-harness/blob/main/harness/scenarios/schema.json"


def schema() -> dict[str, Any]:
    """The schema, draft 2020-12."""
    made = Scenario.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": _ID, **made}


def schema_text() -> str:
    """The schema as it is shipped."""
    return json.dumps(schema(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def shipped() -> str:
    """The text of `schema.json`."""
    return files("harness.scenarios").joinpath("schema.json").read_text("utf-8")
