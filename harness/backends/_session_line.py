"""The wires of a ReplayBackend: a request in the native dialect goes to the session, its events come when they are
due."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final, Protocol

from harness.contract import Call, sleep_until
from harness.dialects import decoder, native_line, native_request
from harness.engine import Engine, Entry, Exchange, Live, aplay, play, rushed_in_task
from harness.errors import SessionError, UnknownDialectError
from harness.matching import Rules
from harness.model import ZERO, Chunk, Event, Head, Nanos, Patience, Request, Status, Timeline, seconds
from harness.spec import CancelEvent, Clock, Decoder

ANY_MODEL: Final = "replay"
_LISTENING: Final = frozenset({"stream_tokens"})
"""The verbs whose caller hears every piece: to the others an answer may come as a whole."""
_TOLD: Final = native_line(Status("")).partition(b":")[0]


class Opened(Protocol):
    """What a backend needs of a session: an open one."""

    name: str
    rules: Rules
    available: tuple[bool, ...]

    @property
    def clock(self) -> Clock:
        """What it waits by."""

    @property
    def engine(self) -> Engine:
        """Who decides, and since when."""

    def open(self, request: Request, patience: Patience) -> Exchange | Live:
        """What to do about `request`. Raises Miss."""


class SessionLine:
    """The line of one call."""

    def __init__(self, session: Opened) -> None:
        self._session = session
        self._entry: Entry | None = None
        self.where = session.name
        self.clock: Clock = session.clock

    def wire(self, call: Call, timeout_s: float | None, cancel: CancelEvent | None) -> SessionWire:
        """A wire for a thread."""
        return SessionWire(self, call, timeout_s, cancel)

    def async_wire(self, call: Call, timeout_s: float | None, cancel: CancelEvent | None) -> AsyncSessionWire:
        """A wire for a task."""
        return AsyncSessionWire(self, call, timeout_s, cancel)

    def ask(self, call: Call, timeout_s: float | None) -> Exchange:
        """The exchange that answers `call`. Raises Miss, and SessionError where the session records."""
        patience = _patience(timeout_s)
        # The model is called "replay" where nobody chose one, and then it is no reason for a miss.
        request = native_request(call.verb, call.prompt, unsaid=ANY_MODEL)
        exchange = self._session.open(request, patience)
        if isinstance(exchange, Live):
            message = (
                f"{self.where} records, and a ReplayBackend has no model behind it: "
                "record with the live backend, then replay"
            )
            raise SessionError(message)
        if patience.total is not None and (waits := told_waits(exchange.interaction.timeline)):
            exchange.patience = Patience(total=Nanos(patience.total + waits))
        self._entry = exchange.entry
        return exchange

    def shown(self, text: str) -> str:
        """Redacted by the session's own rules."""
        return self._session.rules.redaction.text(text)

    def note(self, label: str, text: str) -> None:
        """Into the history, beside the attempt that it is about."""
        if self._entry is not None:
            self._entry.note(Nanos(self.clock.now() - self._session.engine.opened_at), label, text)


@lru_cache(maxsize=64)
def _patience(timeout_s: float | None) -> Patience:
    return Patience(total=None if timeout_s is None else seconds(timeout_s))


def told_waits(timeline: Timeline) -> Nanos:
    """How long the recorded backend waited for its next attempt, after each line that told its caller so.

    A retry has a cap of its own, and the wait before it is nobody's generation.
    """
    if not timeline.end_at:
        return ZERO
    moments = [*timeline.events, (timeline.end_at, None)]
    waits = (
        until - at
        for (at, event), (until, _) in pairwise(moments)
        if isinstance(event, Chunk) and event.data.startswith(_TOLD)
    )
    return Nanos(sum(waits))


class _Answering:
    """What both colours of a wire share: an exchange, once it was asked for."""

    def __init__(self, line: SessionLine, call: Call, timeout_s: float | None, cancel: CancelEvent | None) -> None:
        self._line = line
        self._call = call
        self._timeout_s = timeout_s
        self._cancel = cancel
        self._joined = call.verb not in _LISTENING
        self._exchange: Exchange | None = None

    def _asked(self) -> Exchange:
        self._exchange = self._line.ask(self._call, self._timeout_s)
        return self._exchange

    def decoder(self, head: Head) -> Decoder:
        """The decoder of the dialect in which the answer was recorded."""
        assert self._exchange is not None, "a head came from no exchange"
        request = self._exchange.interaction.request
        found = decoder(request, head)
        if found is None:
            message = f"{self._line.where}: no dialect reads the answer to {request.method} {request.url}"
            raise UnknownDialectError(message)
        return found


class SessionWire(_Answering):
    """One request of a thread."""

    _events: Generator[Event, None, None] | None = None

    def hear(self) -> Event | None:
        """The next event, when it is due; None where `cancel_event` came first."""
        if self._events is None:
            self._events = play(self._asked(), self._line.clock, self._cancel, joined=self._joined)
        return next(self._events, None)

    def leave(self) -> None:
        """Tell the exchange that nobody listens any more."""
        if self._events is not None:
            self._events.close()


class AsyncSessionWire(_Answering):
    """One request of a task."""

    _events: AsyncGenerator[Event, None] | None = None
    _rushed: Iterator[Event] | None = None

    async def hear(self) -> Event | None:
        """The next event, when it is due; None where `cancel_event` came first."""
        if self._rushed is None:
            self._rushed = rushed_in_task(self._asked(), self._sleeper(), joined=self._joined)
        for event in self._rushed:  # nearly every answer ends here, and never enters a generator of the loop's
            return event
        if self._events is None:
            assert self._exchange is not None, "it was asked for above"
            self._events = aplay(self._exchange, self._sleeper(), joined=self._joined)
        try:
            return await anext(self._events, None)
        except _InterruptedError:
            return None

    def _sleeper(self) -> Clock:
        """A clock of its own only where there is something to look at: the session's knows how to leap."""
        clock = self._line.clock
        return clock if self._cancel is None else _Interruptible(clock, self._cancel)

    async def leave(self) -> None:
        """Tell the exchange that nobody listens any more."""
        if self._events is not None:
            await self._events.aclose()
        if self._exchange is not None and not self._exchange.is_over:
            self._exchange.left(self._line.clock.now(), "closed")  # where not one event came from the generator


class _InterruptedError(Exception):
    """`cancel_event` was set while a task slept."""


class _Interruptible:
    """A clock whose sleeps end where `cancel` is set: a task has no other way to hear of it."""

    def __init__(self, clock: Clock, cancel: CancelEvent | None) -> None:
        self._clock = clock
        self._cancel = cancel

    def now(self) -> Nanos:
        return self._clock.now()

    def wait_until(self, at: Nanos, wake: CancelEvent | None = None) -> bool:
        return self._clock.wait_until(at, wake)

    async def sleep_until(self, at: Nanos) -> None:
        if await sleep_until(at, self._clock, self._cancel):
            raise _InterruptedError

    async def turn(self) -> None:
        """Let other tasks run."""
        await getattr(self._clock, "turn", _no_turn)()


async def _no_turn() -> None:
    """For a clock that gives none."""
