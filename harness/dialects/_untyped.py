"""JSON of unknown shape, read without trust: a field of the wrong type reads as absent, and nothing here raises."""

from __future__ import annotations

import json
import re
from typing import Final, TypeAlias, cast

from harness.errors import DialectError
from harness.model import Json, Request

Object: TypeAlias = "dict[str, Json]"

MISSING = object()
_SURROGATE = re.compile("[\ud800-\udfff]")
_EXCERPT_CHARACTERS = 200


def as_object(value: object) -> Object:
    """`value` where it is a JSON object, else an empty one."""
    return cast("Object", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[Json]:
    """`value` where it is a JSON array, else an empty one."""
    return cast("list[Json]", value) if isinstance(value, list) else []


def as_text(value: object) -> str:
    """`value` where it is a string, else empty."""
    return value if isinstance(value, str) else ""


def as_count(value: object) -> int | None:
    """`value` where it is a whole number, else None. A bool is no number here, though Python says it is."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def first(item: Object, *names: str) -> Json:
    """The first of `names` that `item` has: for wires that spell one field two ways."""
    return next((item[name] for name in names if name in item), None)


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)


def dumped(value: object) -> str:
    """`value` as JSON text on one line, letters as they are. Half a surrogate pair, which is no UTF-8, is escaped."""
    text = _ENCODER.encode(value)
    return json.dumps(value) if not text.isascii() and _SURROGATE.search(text) else text


def loaded(text: str | bytes) -> object:
    """The JSON value of `text`, or `MISSING` where it is none. `null` is a value, so None cannot say that."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return MISSING


def excerpt(data: bytes | str) -> str:
    """The beginning of `data`, short enough for a message."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    return text if len(text) <= _EXCERPT_CHARACTERS else text[:_EXCERPT_CHARACTERS] + "…"


def request_object(request: Request, dialect: str) -> Object:
    """The body of `request`, which has to be a JSON object. Raises DialectError with the place where it is not."""
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        place = f"{request.method} {request.url}"
        message = f"{place}: the request body is no JSON, as {dialect} wants: {error}: {excerpt(request.body)!r}"
        raise DialectError(message) from error
    if not isinstance(body, dict):
        found = type(body).__name__
        message = f"{request.method} {request.url}: {dialect} wants a JSON object as request body, found a {found}"
        raise DialectError(message)
    return cast("Object", body)
