"""Reached: has an exchange come to a place? Places are counted as they are delivered, from one.

A token is a chunk that carries something of the answer itself, as a fault counts them.
The type of an event is the name of an SSE event, else the `type` that stands in its JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from harness.dialects import decoder, frames, sse_frame
from harness.engine._exchange import Exchange
from harness.errors import SessionError
from harness.model import Chunk, End, Event, Head, Locator, Refusal, Text, Thinking, ToolFragment
from harness.spec import Decoder

POINTS: Final = ("", "connect", "headers", "chunk", "token", "event", "end")
_TOKENS: Final = (Text, Thinking, Refusal, ToolFragment)

Reached = Callable[[Exchange, Event | None], bool]
"""True where what was just delivered (None: nothing yet, the request is on its way) is the place."""


def reached(place: Locator) -> Reached:
    """Whether `place` was just reached; asked of every event of every exchange, in order.

    Raises SessionError for a point that no delivery marks.
    """
    if place.point not in POINTS or place.index.startswith("-"):
        message = (
            f"{place} is no place to cancel at: say call=n, with /connect, /headers, /chunk=k, /token=k, "
            "/event=type[k], /await=k or /end, or t=duration"
        )
        raise SessionError(message)
    within = _within(place)
    return lambda exchange, event: _is_in(place, exchange) and within(exchange, event)


def _within(place: Locator) -> Reached:
    match place.point:
        case "token":
            return _Tokens(place).met
        case "event":
            return _Events(place).met
        case _:
            return _is_at(place)


def _is_in(place: Locator, exchange: Exchange) -> bool:
    entry = exchange.entry
    return place.meets(entry.call, entry.attempt, entry.id)


def _is_at(place: Locator) -> Reached:
    def met(exchange: Exchange, event: Event | None) -> bool:
        match place.point:
            case "" | "connect":
                return event is None
            case "headers":
                return isinstance(event, Head)
            case "chunk":
                return isinstance(event, Chunk) and place.index in {"*", str(exchange.entry.chunks)}
            case _:
                return isinstance(event, End)

    return met


class _Tokens:
    """Counts the chunks that carry a token, in each exchange for itself."""

    def __init__(self, place: Locator) -> None:
        self._wanted = 1 if place.index == "*" else int(place.index)
        self._exchange: Exchange | None = None
        self._decoder: Decoder | None = None
        self._count = 0

    def met(self, exchange: Exchange, event: Event | None) -> bool:
        if exchange is not self._exchange:
            self._exchange, self._decoder, self._count = exchange, None, 0
        if isinstance(event, Head):
            self._decoder = decoder(exchange.interaction.request, event)
        if not isinstance(event, Chunk) or self._decoder is None:
            return False
        carries = any(isinstance(delta, _TOKENS) for delta in self._decoder.feed(event.data))
        self._count += carries
        return carries and self._count == self._wanted


class _Events:
    """Counts the events of one type, in each exchange for itself."""

    def __init__(self, place: Locator) -> None:
        self._type = place.event_type
        self._wanted = int(place.index or 1)
        self._exchange: Exchange | None = None
        self._is_met = False

    def met(self, exchange: Exchange, event: Event | None) -> bool:
        if exchange is not self._exchange:
            self._exchange, self._is_met = exchange, False
        timeline = exchange.entry.timeline
        if self._is_met or not isinstance(event, Chunk) or timeline.head is None:
            return False
        whole = frames(exchange.interaction.request, timeline.head, timeline.body)
        self._is_met = [_type_of(frame) for frame in whole].count(self._type) >= self._wanted
        return self._is_met


def _type_of(raw: bytes) -> str:
    """The type of one event; empty where it has none, or is not complete yet."""
    if not raw.endswith((b"\n", b"\r", b"}", b"]")):
        return ""
    event = sse_frame(raw)
    try:
        data = json.loads(event.data or raw)
    except ValueError:
        return event.event
    said = data.get("type", "") if isinstance(data, dict) else ""
    return event.event or (said if isinstance(said, str) else "")
