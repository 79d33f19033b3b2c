"""Files that are recordings, and none that can be replayed over HTTP: one clear sentence each instead of a riddle."""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from typing import Final

from harness.storage._trouble import Unreadable, did_you_mean
from harness.storage._values import Mapping, Value, kind

_TOP: Final[AnyMapping[str, str]] = {
    "log": "an HTTP archive (HAR), as browsers and Polly.js write it",
    "mappings": "a collection of WireMock stubs",
    "openapi": "an OpenAPI description",
}
_NOCK: Final = "this is a recording of nock (JavaScript), whose bodies are taken apart"
_RECORD: Final = "Record it again with harness, or with vcrpy."


def refuse_item(item: Value) -> None:
    """Raise Unreadable where `item` comes from a recorder of something else than HTTP."""
    if not isinstance(item, dict):
        return
    if "request_sample" in item or "response_sample" in item:
        message = "this is a recording of gRPC calls (request_sample, raw protobuf), not of HTTP"
        raise Unreadable(message, advice="It cannot be replayed here; gRPC is out of scope.")
    if "direction" in item and ("data" in item or "kind" in item):
        message = "this is a recording of WebSocket frames (direction, data), not of HTTP"
        raise Unreadable(message, advice="It cannot be replayed here; WebSockets are out of scope.")


def refuse_list(items: list[Value]) -> Unreadable:
    """Why a file that is one list is no cassette."""
    first = items[0] if items else None
    if isinstance(first, dict) and "scope" in first:
        return Unreadable(_NOCK, advice=_RECORD)
    if isinstance(first, dict) and "request" in first:
        return Unreadable(
            "this cassette was written by vcrpy before 1.0",
            advice="Convert it with `python -m vcr.migration FILE`, or record it again.",
        )
    return Unreadable(
        "this is no cassette: it is a list, and a cassette is a mapping with `interactions`", advice=_RECORD
    )


def refuse_mapping(document: Mapping) -> Unreadable:
    """Why a file that is one mapping is no cassette."""
    for key, what in _TOP.items():
        if key in document:
            return Unreadable(f"this is {what}, not a cassette", advice=_RECORD)
    if document and all(isinstance(one, dict) and "log" in one for one in document.values()):
        return Unreadable(f"this is {_TOP['log']}, not a cassette", advice=_RECORD)
    if "scope" in document and "path" in document:
        return Unreadable(_NOCK, advice=_RECORD)
    if "harness" in document and "calls" in document:
        return Unreadable("this is a scenario, not a cassette", advice="Open it with harness.scenario.")
    keys = ", ".join(list(document)[:5]) or "none"
    near = next((hint for key in document if (hint := did_you_mean(key, ["interactions"]))), "")
    return Unreadable(
        f"this is no cassette: it has no `interactions` (its keys: {keys})", advice=near.strip() or _RECORD
    )


def refuse_other(document: Value) -> Unreadable:
    """Why a file that is neither is no cassette."""
    return Unreadable(f"this is no cassette: it is {kind(document)}", advice=_RECORD)
