"""One spelling for what a provider reads in several, so that an SDK that changed its mind asks the same question.

Only what the provider itself takes for equal, and nothing is left out that says something:

1. A member at the top that is null, "", [] or {} says nothing: older SDKs send these for all that the caller left out.
   So does a `stream` that is what the operation does anyway.
2. Gemini's servers read protobuf, whose JSON takes `response_mime_type` for `responseMimeType`, `object` for `OBJECT`
   where a schema names its type, and either alphabet of base64. Arguments, answers of tools and JSON schemas are the
   caller's own and stay as they are. Source: https://protobuf.dev/programming-guides/json/.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final, cast

from harness.dialects._untyped import Object, as_list, as_object, dumped, loaded
from harness.model import Json, Request
from harness.spec import Operation

_UNSET: Final[tuple[object, ...]] = (None, "", [], {})
_UNDERSCORE: Final = re.compile(r"_([a-z0-9])")
_OPAQUE: Final = frozenset({"args", "response", "parametersJsonSchema", "responseJsonSchema", "labels"})
_SCHEMAS: Final = frozenset({"parameters", "responseSchema"})
_BASE64: Final = frozenset({"thoughtSignature", "data"})
_ORDINARY: Final = str.maketrans("-_", "+/", "=")


def spelled(request: Request, operation: Operation) -> Request:
    """`request` with its JSON in one spelling; itself where its body is no JSON object."""
    body = loaded(request.body) if request.body.lstrip()[:1] == b"{" else None
    if not isinstance(body, dict):
        return request
    streams = operation.dialect == "ollama"
    told = {name: value for name, value in as_object(body).items() if value not in _UNSET}
    if told.get("stream") is streams:
        del told["stream"]
    if operation.dialect == "gemini":
        told = as_object(_gemini(cast("Json", told)))
    elif streams and "messages" in told:
        told["messages"] = [_said(item) for item in as_list(told["messages"])]
    return replace(request, body=dumped(told).encode())


def _said(message: Json) -> Json:
    """A message of Ollama, whose SDKs wrote null for every field that it has not."""
    return {k: v for k, v in message.items() if v is not None} if isinstance(message, dict) else message


def _gemini(value: Json) -> Json:
    match value:
        case dict():
            return {_camel(name): _member(_camel(name), item) for name, item in value.items() if item is not None}
        case list():
            return [_gemini(item) for item in value]
    return value


def _member(name: str, value: Json) -> Json:
    if name in _OPAQUE:
        return value
    if name in _SCHEMAS:
        return _schema(value)
    if name in _BASE64 and isinstance(value, str):
        return value.translate(_ORDINARY)
    return _gemini(value)


def _schema(value: Json) -> Json:
    """A schema of protobuf: its keywords are field names, and the names of its properties are the caller's."""
    if isinstance(value, list):
        return [_schema(item) for item in value]
    if not isinstance(value, dict):
        return value
    told: Object = {}
    for name, item in value.items():
        match _camel(name), item:
            case _, None:
                continue
            case "type", str(word):
                told["type"] = word.upper()
            case "properties", dict(properties):
                told["properties"] = {key: _schema(one) for key, one in properties.items()}
            case "items" | "anyOf" as key, _:
                told[key] = _schema(item)
            case key, _:
                told[key] = item
    return told


def _camel(name: str) -> str:
    return _UNDERSCORE.sub(lambda found: found[1].upper(), name)
