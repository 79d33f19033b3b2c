"""Ollama over its HTTP API: `/api/generate` for a prompt, `/api/chat` for messages, `/api/tags` for health."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from harness.contract import DEFAULTS, Call
from harness.dialects import get
from harness.live._provider import HttpBackend, Provider
from harness.live._shape import shape_of, without_shape
from harness.model import Json, Request


def _speak(call: Call, base_url: str) -> Request:
    """`call` on the wire. The chat contract's defaults are said: each modelfile has others of its own."""
    prompt = call.prompt
    shape = shape_of(prompt)
    said: dict[str, Json] = {}
    if shape is not None:
        said["response_format"] = "json" if shape.schema is None else dict(shape.schema)
    defaults = {} if call.verb == "generate" else DEFAULTS
    spoken = replace(prompt, parameters={**defaults, **without_shape(prompt), **said})
    request = get("ollama").encode(spoken, base_url)
    return _as_generate(request) if call.verb == "generate" and not prompt.tools else request


def _as_generate(request: Request) -> Request:
    """A chat of one message as a prompt, which this API asks for elsewhere. `/api/generate` knows no tools."""
    body = json.loads(request.body)
    (message,) = body.pop("messages")
    asked = {"model": body.pop("model"), "prompt": message["content"], **body}
    # The encoder escapes everything where something in it has no UTF-8.
    text = json.dumps(asked, ensure_ascii=request.body.isascii())
    return replace(request, url=f"{request.url.removesuffix('/chat')}/generate", body=text.encode())


def _credentials(key: str) -> Mapping[str, str]:
    return {"authorization": f"Bearer {key}"}


class OllamaBackend(HttpBackend):
    """A running Ollama at `base_url`. It wants no key; a proxy in front of it may, and gets OLLAMA_API_KEY."""

    provider_: ClassVar[Provider] = Provider(
        name="ollama",
        dialect="ollama",
        home="http://127.0.0.1:11434",
        url_variables=(),
        key_variables=("OLLAMA_API_KEY",),
        credentials=_credentials,
        speak=_speak,
        health=lambda base_url: f"{base_url.removesuffix('/api')}/api/tags",
        wants_key=False,
    )
