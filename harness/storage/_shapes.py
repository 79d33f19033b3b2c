"""The shapes a file can have: vcrpy's, and what other projects made of it. All become pairs of request and response."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from harness.storage._foreign import refuse_item, refuse_list, refuse_mapping, refuse_other
from harness.storage._trouble import Unreadable
from harness.storage._values import Mapping, Value, kind, mapping, sequence

TOP_KEYS: Final = ("interactions", "unanswered", "version")
TOP_KEYS_ELSEWHERE: Final = (
    "metadata", "requests", "responses", "request", "response", "recorded_with", "http_interactions",
)  # fmt: skip
_CUT: Final = "The file was cut short; restore it, or delete it and record again."
_NO_VERSION: Final = (
    "the line `version: 1` is missing, which vcrpy and harness write last: the file may have been cut short"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """`items` are mappings with `request` and `response`; `unanswered` are ours alone."""

    items: tuple[Mapping, ...]
    unanswered: tuple[Mapping, ...] = ()
    notes: tuple[str, ...] = ()


def shape_of(document: Value) -> Shape:
    """The pairs in `document`. Raises Unreadable where there are none to be had, with the reason."""
    if isinstance(document, list):
        raise refuse_list(document)
    if not isinstance(document, dict):
        raise refuse_other(document)
    if "interactions" in document:
        return _vcrpy(document)
    if "http_interactions" in document:  # Ruby's VCR, and Betamax after it; neither writes a version
        return _vcrpy({**document, "interactions": document["http_interactions"], "version": 1})
    if "requests" in document and "responses" in document:
        return _parallel(document)
    if "request" in document and "response" in document:
        return Shape((document,))
    raise refuse_mapping(document)


def _vcrpy(document: Mapping) -> Shape:
    if document["interactions"] is None:
        message = "`interactions` holds nothing"
        raise Unreadable(message, advice=f"{_CUT} An empty recording says `interactions: []`.")
    items = _items(sequence(document["interactions"], "interactions"))
    unanswered = tuple(
        mapping(item, f"unanswered #{number}")
        for number, item in enumerate(sequence(document.get("unanswered") or [], "unanswered"), 1)
    )
    return Shape(items, unanswered, _notes_on_the_end(document, items))


def _items(values: Sequence[Value]) -> tuple[Mapping, ...]:
    for value in values:
        refuse_item(value)
    found = tuple(mapping(value, f"interaction #{number}") for number, value in enumerate(values, 1))
    for number, item in enumerate(found, 1):
        for key in ("request", "response"):
            if item.get(key) is None:
                message = f"it has no `{key}`"
                raise Unreadable(message, f"interaction #{number}", "The file may have been cut short or edited.")
    return found


def _notes_on_the_end(document: Mapping, items: tuple[Mapping, ...]) -> tuple[str, ...]:
    """A missing last line is proof in a file of ours. Others have been seen without it, so there it is a remark."""
    if document.get("version") is not None:
        return ()
    ours = "unanswered" in document or any("timeline" in mapping(item["response"], "response") for item in items)
    if ours:
        message = "the line `version: 1`, which is written last, is missing"
        raise Unreadable(message, advice=_CUT)
    return (_NO_VERSION,)


def _parallel(document: Mapping) -> Shape:
    """Langchain's serializer: all requests, then all responses, in the same order."""
    requests, responses = document["requests"], document["responses"]
    if not isinstance(requests, list) or not isinstance(responses, list) or len(requests) != len(responses):
        counts = " and ".join(f"{len(x)}" if isinstance(x, list) else kind(x) for x in (requests, responses))
        message = f"`requests` and `responses` do not pair up: {counts}"
        raise Unreadable(message, advice=_CUT)
    return Shape(
        _items(
            [{"request": request, "response": response} for request, response in zip(requests, responses, strict=True)]
        )
    )
