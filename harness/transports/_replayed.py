"""Replayed bodies: the events of an exchange as the byte stream of a family. Sync and async differ by `await` only."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from types import AsyncGeneratorType, GeneratorType

from harness.engine import Exchange
from harness.model import Chunk, End, Event, Nanos, Reset, TimedOut
from harness.transports._failures import departure

Fail = Callable[[Reset | TimedOut], Exception]
Alive = Callable[[], None]


class ReplayedBody:
    """Chunks from `events`. `fail` makes the family's exceptions, `alive` raises Miss once the session is closed."""

    def __init__(
        self,
        events: GeneratorType[Event, None, None],
        fail: Fail,
        alive: Alive,
        exchange: Exchange,
        now: Callable[[], Nanos],
    ) -> None:
        self._events = events
        self._fail = fail
        self._alive = alive
        self._exchange = exchange
        self._now = now
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        for event in self._events:
            self._alive()
            if isinstance(event, Chunk) and not self._is_closed:
                yield event.data
            elif isinstance(event, End):
                return
            else:
                raise self._fail(_final(event))
        raise self._fail(_CLOSED)

    def close(self) -> None:
        """The caller is done, early or not."""
        self._is_closed = True
        self._exchange.left(self._now(), "closed")
        if not self._events.gi_running:  # another thread is reading: it finds out when it wakes
            self._events.close()


class AsyncReplayedBody:
    """The same for tasks."""

    def __init__(
        self,
        events: AsyncGeneratorType[Event, None],
        fail: Fail,
        alive: Alive,
        exchange: Exchange,
        now: Callable[[], Nanos],
    ) -> None:
        self._events = events
        self._fail = fail
        self._alive = alive
        self._exchange = exchange
        self._now = now
        self._is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for event in self._events:
            self._alive()
            if isinstance(event, Chunk) and not self._is_closed:
                yield event.data
            elif isinstance(event, End):
                return
            else:
                raise self._fail(_final(event))
        raise self._fail(_CLOSED)

    async def aclose(self) -> None:
        """The caller is done. A task that is cancelled between two chunks closes the stream on its way out, so the
        exception that is being handled tells a cancel from a close."""
        self._is_closed = True
        how = departure(sys.exception())
        self._exchange.left(self._now(), "cancelled" if how == "cancelled" else "closed")
        if not self._events.ag_running:  # another task is reading: it finds out when it wakes
            await self._events.aclose()


_CLOSED = Reset("ReadError", "the response was closed while it was being read")


def _final(event: Event) -> Reset | TimedOut:
    """What ends a body early: the wire's own word, or else that somebody closed it."""
    return event if isinstance(event, Reset | TimedOut) else _CLOSED
