"""Gemini: generateContent and streamGenerateContent at Google AI, or at a proxy of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from harness.contract import DEFAULTS, Call
from harness.dialects import get
from harness.live._provider import HttpBackend, Provider
from harness.live._shape import shape_of, without_shape
from harness.model import Json, Request


def _speak(call: Call, base_url: str) -> Request:
    """`call` on the wire. The chat contract's defaults are said: each model has others of its own."""
    prompt = call.prompt
    shape = shape_of(prompt)
    said: dict[str, Json] = {} if shape is None else {"response_format": "json"}
    if shape is not None and shape.schema is not None:
        said["responseJsonSchema"] = dict(shape.schema)
    defaults = {} if call.verb == "generate" else DEFAULTS
    spoken = replace(
        prompt,
        model=prompt.model.removeprefix("models/"),  # as the API's own list of models spells it
        parameters={**defaults, **without_shape(prompt), **said},
    )
    return get("gemini").encode(spoken, base_url)


def _health(base_url: str) -> str:
    versioned = base_url if re.search(r"/v1[a-z0-9]*(/|$)", base_url) else f"{base_url}/v1beta"
    return f"{versioned}/models?pageSize=1"


def _credentials(key: str) -> Mapping[str, str]:
    return {"x-goog-api-key": key}


class GeminiBackend(HttpBackend):
    """Gemini by Google AI's API. The key comes else from GEMINI_API_KEY, then from GOOGLE_API_KEY."""

    provider_: ClassVar[Provider] = Provider(
        name="gemini",
        dialect="gemini",
        home="https://generativelanguage.googleapis.com",
        url_variables=(),
        key_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        credentials=_credentials,
        speak=_speak,
        health=_health,
    )
