"""Anthropic's Messages API, and servers that speak it (llama.cpp, gateways)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Final

from harness.contract import DEFAULTS, Call
from harness.dialects import get
from harness.live._provider import HttpBackend, Provider
from harness.live._shape import shape_of, without_shape
from harness.model import Json, Message, Prompt, Request

_JSON_ONLY: Final = "Answer with one JSON value and nothing else."


def _speak(call: Call, base_url: str) -> Request:
    """`call` on the wire. Of the contract's two defaults only the temperature is said: newer models refuse a request
    that sets both, and 1.0 is this API's own `top_p`."""
    prompt = _shaped(call.prompt)
    defaults = {} if call.verb == "generate" else {"temperature": DEFAULTS["temperature"]}
    return get("anthropic").encode(replace(prompt, parameters={**defaults, **prompt.parameters}), base_url)


def _shaped(prompt: Prompt) -> Prompt:
    """`prompt` with `response_format` in this API's words: a schema is structured output; for JSON without one there is
    no field, so that a sentence asks for it."""
    shape, parameters = shape_of(prompt), without_shape(prompt)
    if shape is None:
        return replace(prompt, parameters=parameters)
    if shape.schema is None:
        return replace(prompt, parameters=parameters, messages=(*prompt.messages, Message("system", _JSON_ONLY)))
    output: Json = {"format": {"type": "json_schema", "schema": dict(shape.schema)}}
    return replace(prompt, parameters={**parameters, "output_config": output})


def _credentials(key: str) -> Mapping[str, str]:
    return {"x-api-key": key}


class AnthropicBackend(HttpBackend):
    """Claude, or any server that speaks the Messages API.

    The base URL else comes from ANTHROPIC_BASE_URL, the key from ANTHROPIC_API_KEY, which only Anthropic itself
    demands. Where the caller sets no `max_tokens`, which this wire demands, 4096 is sent.
    """

    provider_: ClassVar[Provider] = Provider(
        name="anthropic",
        dialect="anthropic",
        home="https://api.anthropic.com",
        url_variables=("ANTHROPIC_BASE_URL",),
        key_variables=("ANTHROPIC_API_KEY",),
        credentials=_credentials,
        speak=_speak,
        health=lambda base_url: f"{base_url.removesuffix('/v1')}/v1/models",
        health_headers={"anthropic-version": "2023-06-01"},
    )
