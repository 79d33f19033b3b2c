"""A request as any of the known recorders writes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from harness.model import Headers, Request
from harness.storage._layout import restore
from harness.storage._trouble import Unreadable, did_you_mean
from harness.storage._values import Mapping, Value, kind, mapping, text

REQUEST_KEYS: Final = ("method", "uri", "headers", "body")
REQUEST_KEYS_ELSEWHERE: Final = ("url", "parsed_body")


def read_request(value: Value, layout: str = "") -> Request:
    """The request in `value`; its body is put back from `layout`. Raises Unreadable."""
    found = mapping(value, "request")
    body = read_parsed(found) if found.get("parsed_body") is not None else read_body(found.get("body"), "request.body")
    return Request(
        method=_required(found, "method").upper(),  # aiohttp's users write `post`; a method is sent in capitals
        url=_required(found, "uri", "url"),
        headers=read_headers(found.get("headers"), "request.headers"),
        body=restored(body, layout),
    )


def read_headers(value: Value, place: str) -> Headers:
    """Header fields from a mapping of names to a value or a list of values. Names keep their case."""
    if value is None:
        return Headers()
    return Headers(tuple(_pairs(mapping(value, place), place)))


def read_body(value: Value, place: str) -> bytes:
    """The bytes of a body. A mapping or list is JSON that somebody's serializer took apart."""
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict | list):
        return _dumped(value, place)
    return text(value, place).encode("utf-8", "surrogatepass")


def read_parsed(found: Mapping) -> bytes:
    """`parsed_body`, put together as the serializer that took it apart does."""
    return _dumped(found["parsed_body"], "parsed_body")


def restored(body: bytes, layout: str) -> bytes:
    """`body` as it was before it was laid out for the file. One that is no text any more comes back as it is."""
    if not layout:
        return body
    try:
        return restore(body.decode(), layout).encode()
    except UnicodeDecodeError:
        return body


def _dumped(value: Value, place: str) -> bytes:
    try:
        return json.dumps(value).encode()
    except TypeError as error:
        message = "it holds bytes, which JSON cannot"
        raise Unreadable(message, place) from error


def _required(found: Mapping, *names: str) -> str:
    for name in names:
        if found.get(name) is not None:
            return text(found[name], f"request.{name}")
    message = f"the request has no `{names[0]}`"
    near = next((hint for key in found if (hint := did_you_mean(key, names))), "")
    raise Unreadable(message, "request", near.strip() or "The file may have been cut short or edited.")


def _pairs(fields: Mapping, place: str) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        for single in value if isinstance(value, list) else [value]:
            if isinstance(single, dict | list):
                message = f"a header value is a text, found {kind(single)}"
                raise Unreadable(message, f"{place}.{name}")
            yield name, "" if single is None else text(single, f"{place}.{name}")
