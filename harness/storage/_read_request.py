"""A request as any of the known recorders writes it."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Final

from harness.model import Headers, Request
from harness.storage._layout import restore
from harness.storage._trouble import Unreadable, did_you_mean
from harness.storage._values import Mapping, Value, kind, mapping, text

REQUEST_KEYS: Final = ("method", "uri", "headers", "body")
_STORED: Final = frozenset({"string", "base64_string", "encoding"})
_TYPED: Final = frozenset({"type", "content"})
_TYPES: Final = frozenset({"json", "text", "binary", "none"})
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
    if isinstance(value, dict):
        known = read_structured(value, place)
        return _dumped(value, place) if known is None else known
    if isinstance(value, list):
        return _dumped(value, place)
    return text(value, place).encode("utf-8", "surrogatepass")


def read_structured(value: Mapping, place: str) -> bytes | None:
    """A body with words about itself; None where `value` is none.

    `string` or `base64_string`, and `encoding`, as Ruby's VCR and Betamax have it; `type` and `content`, as cassetter.
    """
    if set(value) <= _TYPED and value.get("type") in _TYPES:
        return _typed(str(value["type"]), value.get("content"), place)
    if not set(value) <= _STORED or not {"string", "base64_string"} & set(value):
        return None
    if value.get("base64_string") is not None:
        return _unpacked(b64decode, text(value["base64_string"], place), place)
    string = value.get("string")
    if isinstance(string, str) and isinstance(value.get("encoding"), str):
        return _encoded(string, str(value["encoding"]))
    return read_body(string, f"{place}.string")


def _typed(how: str, content: Value, place: str) -> bytes:
    if how == "none":
        return b""
    if how == "json":
        return _dumped(content, place)
    string = text("" if content is None else content, place)
    return string.encode("utf-8", "surrogatepass") if how == "text" else _unpacked(bytes.fromhex, string, place)


def _unpacked(unpack: Callable[[str], bytes], string: str, place: str) -> bytes:
    try:
        return unpack(string)
    except ValueError as error:  # binascii.Error is one
        message = f"its bytes cannot be unpacked: {error}"
        raise Unreadable(message, place, "The file may have been cut short or edited.") from error


def _encoded(string: str, encoding: str) -> bytes:
    """`string` as it was sent. Ruby's names of encodings that Python has none for mean bytes that were UTF-8."""
    try:
        return string.encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return string.encode("utf-8", "surrogatepass")


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
