"""Scripted cancellation: press cancel at an exact place of the session, with no thread and no sleep."""

from __future__ import annotations

from collections.abc import Callable

from harness.engine import Entry
from harness.errors import SessionError
from harness.model import Chunk, End, Event, Head, Locator

_POINTS = ("", "connect", "headers", "chunk", "end")


def cancel_watcher(place: Locator, strike: Callable[[], object]) -> Callable[[Entry, Event | None], None]:
    """A watcher that calls `strike` once, right after `place` was delivered.

    Raises SessionError for a point that no delivery marks.
    """
    if place.point not in _POINTS or place.index.startswith("-"):
        message = f"{place} is no place to cancel at: say call=n, with /headers, /chunk=k or /end, or t=duration"
        raise SessionError(message)
    struck = False

    def watch(entry: Entry, event: Event | None) -> None:
        nonlocal struck
        if not struck and place.meets(entry.call, entry.attempt, entry.id) and _is_at(place, entry, event):
            struck = True
            strike()

    return watch


def _is_at(place: Locator, entry: Entry, event: Event | None) -> bool:
    match place.point:
        case "" | "connect":
            return event is None
        case "headers":
            return isinstance(event, Head)
        case "chunk":
            return isinstance(event, Chunk) and place.index in {"*", str(entry.chunks)}
        case _:
            return isinstance(event, End)
