"""Replayed bodies: the events of an exchange as the byte stream of a family. Sync and async differ by `await` only."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from types import AsyncGeneratorType, GeneratorType

from harness.engine import Exchange
from harness.errors import Miss
from harness.model import Chunk, End, Event, Reset, TimedOut
from harness.transports._failures import departure
from harness.transports._lookup import OpenSession

Fail = Callable[[Reset | TimedOut], Exception]


class ReplayedBody:
    """Chunks from `events`, the driver of `exchange`. `fail` makes the family's exceptions.

    Raises Miss where the session is closed while somebody still reads.
    """

    def __init__(
        self, session: OpenSession, exchange: Exchange, events: GeneratorType[Event, None, None], fail: Fail
    ) -> None:
        self._playing: tuple[OpenSession, Exchange, GeneratorType[Event, None, None]] | None
        self._playing = session, exchange, events
        self._fail = fail
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        if self._playing is None:
            raise self._fail(_CLOSED)
        session, _, events = self._playing
        for event in events:
            # The kind is compared and nothing is called: a replay of a thousand tokens comes by here a thousand times.
            if type(event) is Chunk and not self._is_closed and not session.closed:
                yield event.data
            elif type(event) is End:
                return
            else:
                raise _ending(event, session, self._fail)
        raise self._fail(_CLOSED)

    def close(self) -> None:
        """The caller is done, early or not. A response that is kept keeps nothing of the session."""
        self._is_closed = True
        playing, self._playing = self._playing, None
        if playing is None:
            return
        session, exchange, events = playing
        if not exchange.is_over:
            exchange.left(session.clock.now(), "closed")
        if not events.gi_running:  # another thread is reading: it finds out when it wakes
            events.close()


class AsyncReplayedBody:
    """The same for tasks."""

    def __init__(
        self, session: OpenSession, exchange: Exchange, events: AsyncGeneratorType[Event, None], fail: Fail
    ) -> None:
        self._playing: tuple[OpenSession, Exchange, AsyncGeneratorType[Event, None]] | None
        self._playing = session, exchange, events
        self._fail = fail
        self._is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._playing is None:
            raise self._fail(_CLOSED)
        session, _, events = self._playing
        async for event in events:
            if type(event) is Chunk and not self._is_closed and not session.closed:
                yield event.data
            elif type(event) is End:
                return
            else:
                raise _ending(event, session, self._fail)
        raise self._fail(_CLOSED)

    async def aclose(self) -> None:
        """The caller is done. A task that is cancelled between two chunks closes the stream on its way out, so the
        exception that is being handled tells a cancel from a close."""
        self._is_closed = True
        playing, self._playing = self._playing, None
        if playing is None:
            return
        session, exchange, events = playing
        how = departure(sys.exception())
        exchange.left(session.clock.now(), "cancelled" if how == "cancelled" else "closed")
        if not events.ag_running:  # another task is reading: it finds out when it wakes
            await events.aclose()


_CLOSED = Reset("ReadError", "the response was closed while it was being read")


def closed_while_read(session: OpenSession) -> Miss:
    """The miss of who reads on after the end of `session`. Remembered."""
    miss = Miss(f"the session {session.name!r} was closed while this answer was being read; read it all inside")
    session.missed(miss)
    return miss


def _ending(event: Event, session: OpenSession, fail: Fail) -> BaseException:
    """What ends a body early: the end of its session, the wire's own word, or else that somebody closed it."""
    if session.closed:
        return closed_while_read(session)
    return fail(event if isinstance(event, Reset | TimedOut) else _CLOSED)
