"""Bytes of a file to one document of plain values: unpack, tell YAML from JSON, parse item by item where possible."""

from __future__ import annotations

import codecs
import json
from typing import Final

from harness.storage._coding import GZIP_MAGIC, gunzip
from harness.storage._limits import BYTES_MAX
from harness.storage._split import split
from harness.storage._trouble import Unreadable
from harness.storage._values import Value
from harness.storage._yaml_read import read_yaml

_EMPTY_ADVICE: Final = "Delete it and record again; an empty file is never taken for an empty recording."
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_document(data: bytes) -> Value:
    """What stands in `data`. Raises Unreadable where it is empty, too large, cut short or no text of a known kind."""
    _refuse_size(data)
    plain = _as_utf8(_unpacked(data))
    if not plain.strip():
        message = "the file is empty (zero bytes)" if not data else "the file holds nothing but blanks"
        raise Unreadable(message, advice=_EMPTY_ADVICE)
    if plain.lstrip()[:1] in {b"{", b"["}:
        return _read_json(plain)
    return _read_by_item(plain)


def _refuse_size(data: bytes) -> None:
    if len(data) > BYTES_MAX:
        message = f"the file has {len(data):,} bytes, more than the {BYTES_MAX:,} that a cassette may have"
        raise Unreadable(message, advice="Split the test that recorded it.")


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(GZIP_MAGIC):
        return data
    try:
        return gunzip(data)
    except ValueError as error:
        message = f"the file is gzip and cannot be unpacked: {error}"
        raise Unreadable(message, advice="It may have been cut short; restore or record it again.") from error


def _as_utf8(data: bytes) -> bytes:
    coding = "utf-16" if data.startswith(_UTF16) else "utf-8"
    try:
        text = data.decode(coding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"it is no {coding.upper()} text: {error.reason}"
        raise Unreadable(
            message, f"line {line}", "This is no cassette, or it was saved in another encoding."
        ) from error
    return data.removeprefix(codecs.BOM_UTF8) if coding == "utf-8" else text.encode()


def _read_json(data: bytes) -> Value:
    try:
        value: Value = json.loads(data.decode())  # as text: of bytes, json guesses the encoding
    except json.JSONDecodeError as error:
        return _read_flow(data, error)
    except RecursionError as error:
        message = "this is no cassette: it is nested too deeply"
        raise Unreadable(message) from error
    except ValueError as error:  # a number of more digits than Python converts
        message = f"it is no JSON that can be read: {error}"
        raise Unreadable(message) from error
    return value


def _read_flow(data: bytes, error: json.JSONDecodeError) -> Value:
    """YAML in flow style begins like JSON. Where it is neither, the JSON trouble is the likelier one."""
    try:
        return read_yaml(data)
    except Unreadable:
        place = f"line {error.lineno}, column {error.colno}"
        message = f"it is no JSON: {error.msg}"
        raise Unreadable(message, place, "The file may have been cut short.") from error


def _read_by_item(data: bytes) -> Value:
    pieces = split(data)
    if pieces is None:
        return read_yaml(data)
    try:
        rest = read_yaml(pieces.rest)
        items = [read_yaml(data[start:stop]) for start, stop in pieces.spans]
    except Unreadable:
        # An alias to another item, a quoted text at column 0, or a mistake: the whole file decides, and knows the line.
        return read_yaml(data)
    singles = [item[0] for item in items if isinstance(item, list) and len(item) == 1]
    if not isinstance(rest, dict) or rest.get("interactions", "") is not None or len(singles) != len(items):
        return read_yaml(data)
    return {**rest, "interactions": singles}
