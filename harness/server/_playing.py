"""Playing: one answer on one connection, each event when it is due. A timer of the loop waits; there is no task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal, Protocol

from harness.clock import WallClock
from harness.engine import Exchange
from harness.model import PER_SECOND, Event, Head, Headers
from harness.server._incoming import ORIGIN
from harness.wire import Close, Refuse, Send, Writer

_PUT_BYTES: Final = 64 * 1024
_REDIRECTS: Final = 3
_CORS: Final = "access-control-allow-origin"


class Line(Protocol):
    """The connection that an answer is played on."""

    @property
    def is_full(self) -> bool:
        """True where the other side does not read: nothing more is to be put there for now."""

    def put(self, data: bytes) -> None:
        """Send `data`."""

    def end(self, *, reset: bool) -> None:
        """Close it after what was put there: with a reset, or as usual."""


class Playing:
    """Plays `exchange` on `line` and calls `done` when the connection may take the next answer.

    `broken` hears of a head that cannot be sent, as it is before anything of it was.
    """

    def __init__(
        self,
        line: Line,
        exchange: Exchange,
        clock: WallClock,
        writer: Writer,
        *,
        cors: bool,
        done: Callable[[], None],
        broken: Callable[[ValueError], None],
    ) -> None:
        self._line = line
        self._exchange = exchange
        self._clock = clock
        self._writer = writer
        self._cors = cors
        self._done = done
        self._broken = broken
        self._timer: asyncio.TimerHandle | None = None

    def go(self) -> None:
        """Send all that is due, and come back when the next thing is. Also called when a full line has room again."""
        self.rest()
        waiting = bytearray()
        try:
            ending = self._send_what_is_due(waiting)
        except ValueError as error:
            self._exchange.left(self._clock.now(), "open")
            self._broken(error)
            return
        if waiting:
            self._line.put(bytes(waiting))
        if ending is not None:
            self._line.end(reset=ending == "rst")
        elif self._exchange.is_over and self._writer.keeps_alive:
            self._done()

    def _send_what_is_due(self, waiting: bytearray) -> Literal["fin", "rst"] | None:
        """The bytes that are due now, and how the connection ends, if it does."""
        exchange, clock = self._exchange, self._clock
        while not self._line.is_full:
            now = clock.now()
            due = exchange.next_event(now)
            if due is None or due.event is None:
                return None
            if due.at > now:
                delay_s = (due.at - now) / clock.rate / PER_SECOND
                self._timer = asyncio.get_running_loop().call_later(delay_s, self.go)
                return None
            steps = self._writer.write(self._as_served(due.event))
            exchange.delivered(now, due.event)
            for step in steps:
                match step:
                    case Send(data=data):
                        waiting += data
                        if len(waiting) > _PUT_BYTES:  # so that a line that is full says so before all is on it
                            self._line.put(bytes(waiting))
                            waiting.clear()
                    case Close(how=how):
                        return how
                    case Refuse():  # it was accepted already, and this is as close as a server comes
                        return "rst"
        return None

    def rest(self) -> None:
        """Wait no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def left(self) -> None:
        """The other side went away, or the server stops."""
        self.rest()
        self._exchange.left(self._clock.now(), "closed")

    def _as_served(self, event: Event) -> Event:
        """A head as this server sends it: a browser that asked from a page gets to read the answer, and who is sent on
        to the address that was asked comes back here, and not to where it was recorded."""
        if not isinstance(event, Head) or not (self._cors or event.status // 100 == _REDIRECTS):
            return event
        origins = (ORIGIN, "/".join(self._exchange.interaction.request.url.split("/", 3)[:3]))
        pairs = [
            (name, _path(value, origins) if name.lower() == "location" else value) for name, value in event.headers
        ]
        if self._cors:
            pairs = [pair for pair in pairs if pair[0].lower() != _CORS]
            pairs.append((_CORS, "*"))
        return replace(event, headers=Headers(tuple(pairs)))


def _path(location: str, origins: tuple[str, ...]) -> str:
    """`location` without what leads away, where that is one of `origins`."""
    for origin in origins:
        if origin and location.startswith(f"{origin}/"):
            return location.removeprefix(origin)
    return location
