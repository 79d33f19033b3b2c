"""Frames as JSON: a value is changed where it is what a fault looks for, and only the changed frames are rewritten."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from harness.faults._cutting import edited, framed
from harness.faults._fault import NoPlaceError
from harness.faults._spelling import manner_of
from harness.model import Timeline
from harness.spec import Asked

Change: TypeAlias = Callable[[Any], Any]
"""One frame's JSON, a copy that may be edited, to what it is to be; GONE where the frame is to go."""


class _Gone:
    """What a Change gives for a frame that is to go."""


GONE: Final = _Gone()


def changed(timeline: Timeline, asked: Asked, change: Change, what: str) -> Timeline:
    """The answer with every frame that `change` changes. Raises NoPlaceError where that is none: the answer has no
    `what`."""
    edits = list(_edits(timeline, asked, change))
    if not edits:
        message = f"this answer has no {what}"
        raise NoPlaceError(message)
    return edited(timeline, edits)


def _edits(timeline: Timeline, asked: Asked, change: Change) -> Iterator[tuple[int, int, bytes]]:
    manner = manner_of(timeline)
    for span in framed(timeline, asked):
        value = manner.value(span.raw)
        if not isinstance(value, dict):
            continue
        new = change(copy.deepcopy(value))
        if new is GONE:
            yield span.start, span.stop, b""
        elif new != value:
            event = new.get("type") if isinstance(new, dict) else None
            raw = manner.renamed(span.raw, event) if event != value.get("type") and isinstance(event, str) else span.raw
            yield span.start, span.stop, manner.rewritten(raw, new)


def items(value: Any, *path: str) -> list[dict[str, Any]]:
    """The objects at `path`, through every list on the way; those that are not there are no objects."""
    found = [value]
    for step in path:
        found = [inner for item in found if isinstance(item, dict) for inner in _each(item.get(step))]
    return [item for item in found if isinstance(item, dict)]


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
