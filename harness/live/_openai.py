"""Any OpenAI-compatible chat endpoint: OpenAI, llama.cpp, vLLM, LM Studio, Ollama's `/v1`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from harness.contract import DEFAULTS, Call
from harness.dialects import get
from harness.live._provider import HttpBackend, Provider
from harness.live._shape import Shape, shape_of, without_shape
from harness.model import Json, Request


def _speak(call: Call, base_url: str) -> Request:
    """`call` on the wire. The chat contract's defaults are said: a server's own may be others."""
    prompt = call.prompt
    shape = shape_of(prompt)
    said: dict[str, Json] = {} if shape is None else {"response_format": _format(shape)}
    defaults = {} if call.verb == "generate" else DEFAULTS
    return get("openai-chat").encode(
        replace(prompt, parameters={**defaults, **without_shape(prompt), **said}), base_url
    )


def _format(shape: Shape) -> Json:
    if shape.schema is None:
        return {"type": "json_object"}
    name = re.sub(r"[^\w-]", "_", shape.name)[:64]  # what the API allows in a name
    return {"type": "json_schema", "json_schema": {"name": name, "schema": dict(shape.schema)}}


def _credentials(key: str) -> Mapping[str, str]:
    return {"authorization": f"Bearer {key}"}


class OpenAIBackend(HttpBackend):
    """Chat completions of any server that speaks them.

    The base URL else comes from OPENAI_BASE_URL, the key from OPENAI_API_KEY, which only OpenAI itself demands.
    """

    provider_: ClassVar[Provider] = Provider(
        name="openai",
        dialect="openai-chat",
        home="https://api.openai.com/v1",
        url_variables=("OPENAI_BASE_URL",),
        key_variables=("OPENAI_API_KEY",),
        credentials=_credentials,
        speak=_speak,
        health=lambda base_url: f"{base_url}/models",
    )
