"""Scripted cancellation: say stop at an exact place of the session, with no sleep, and remember what came of it.

A place is reached right after it was delivered. An event is set and a task is cancelled in that very moment.
What would break the delivery itself (closing the stream, Ctrl-C) happens when the caller asks for the next event: it
has then what was delivered, and waits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from harness.clock import RunningTask, VirtualClock, on_suspension, parse_duration, running_task
from harness.engine import Cancel, Engine, Entry, Exchange, Reached, Struck, cancel_of, reached
from harness.errors import SessionError
from harness.model import Chunk, Event, Head, Locator, Nanos
from harness.session._presses import Cancellable, Press, press_of

_LATER = frozenset({"close", "signal"})


class Host(Cancellable, Protocol):
    """What cancels need of a session: an open one."""

    @property
    def engine(self) -> Engine:
        """Who delivers, and since when."""


@dataclass(slots=True)
class _Armed:
    """One cancel. `is_due` is asked after each suspension where its place is one."""

    place: str
    via: str
    press: Press
    is_due: Callable[[Entry], bool] | None = None
    struck: Struck | None = None


def _nothing() -> None:
    """What ends a count where none is under way."""


class Cancels:
    """The cancels of one session: armed here, seen as they stand by `seen`."""

    def __init__(self, session: Host) -> None:
        self._session = session
        self._armed: list[_Armed] = []
        self._reader: tuple[Exchange, RunningTask | None] | None = None
        self._counted: Exchange | None = None
        self._stop_counting: Callable[[], None] = _nothing
        self._counts = False
        self.failed: SessionError | None = None

    def arm(self, place: str, fn: Callable[[], object] | None, via: str | None) -> None:
        """Say stop at `place`, by `via` or by calling `fn`. Raises ValueError for what is no place or no way,
        SessionError for a place that does not fit this session."""
        if fn is not None and via is not None:
            message = f"a fn and via={via!r} for one cancel: give one of them"
            raise ValueError(message)
        locator = Locator.parse(place)
        way = via or ("event" if fn is None else "fn")
        press = press_of(way, self._session) if fn is None else _calling(fn)
        armed = _Armed(str(locator), way, press)
        if locator.time:
            self._arm_moment(armed, locator)
        elif locator.point == "await":
            self._arm_suspension(armed, locator)
        else:
            self._arm_delivery(armed, reached(locator))
        self._armed.append(armed)

    def count_suspensions(self) -> None:
        """Count in each entry's `awaits` how often the task that asked gave up its loop since."""
        if not self._counts:
            self._counts = True
            self._watch(self._count)

    def close(self) -> None:
        """The session ends, and with it the count that is under way. Whoever keeps the session keeps no task of it: its
        context would need the patches for as long."""
        self._stop_counting()
        self._stop_counting, self._counted, self._reader = _nothing, None, None

    def seen(self) -> tuple[Cancel, ...]:
        """How they stand."""
        history = self._session.engine.history[:]
        return tuple(cancel_of(armed.place, armed.via, armed.struck, history) for armed in self._armed)

    def unreached(self) -> list[str]:
        """One line for each whose place never came."""
        return [f"the cancel at {one.place} via {one.via} was never reached" for one in self.seen() if one.at is None]

    # --- the three kinds of places -----------------------------------------------------------------------------------

    def _arm_moment(self, armed: _Armed, place: Locator) -> None:
        clock, engine = self._session.clock, self._session.engine
        if not isinstance(clock, VirtualClock):
            message = f"{place} needs the virtual clock, and this session runs on the wall clock"
            raise SessionError(message)
        at = Nanos(parse_duration(place.time) + engine.opened_at)
        self._watch(lambda _exchange, _event: None)  # to know who reads
        engine.stops.append(at)
        clock.call_at(at, lambda: self._strike(armed, *(self._reader or (None, None))))

    def _arm_delivery(self, armed: _Armed, is_there: Reached) -> None:
        def watch(exchange: Exchange, event: Event | None) -> None:
            if armed.struck is not None or not is_there(exchange, event):
                return
            task = running_task()
            if armed.via in _LATER and isinstance(event, Head | Chunk):
                armed.struck = self._struck(exchange)
                exchange.defer(lambda: self._strike(armed, exchange, task))
            else:
                self._strike(armed, exchange, task)

        self._watch(watch)

    def _arm_suspension(self, armed: _Armed, place: Locator) -> None:
        self.count_suspensions()
        wanted = 1 if place.index == "*" else int(place.index)
        armed.is_due = lambda entry: place.meets(entry.call, entry.attempt, entry.id) and entry.awaits == wanted

    # --- hearing and saying ------------------------------------------------------------------------------------------

    def _watch(self, hear: Callable[[Exchange, Event | None], None]) -> None:
        def watch(exchange: Exchange, event: Event | None) -> None:
            self._reader = exchange, running_task()
            hear(exchange, event)

        self._session.engine.watchers.append(watch)

    def _count(self, exchange: Exchange, event: Event | None) -> None:
        """From the moment in which a request is made until its task makes the next one."""
        if event is not None or exchange is self._counted or (task := running_task()) is None:
            return
        self._counted, exchange.gives_turns = exchange, True
        self._stop_counting()
        self._stop_counting = on_suspension(lambda: self._suspended(exchange, task))

    def _suspended(self, exchange: Exchange, task: RunningTask) -> None:
        exchange.entry.awaits += 1
        for armed in self._armed:
            if armed.struck is None and armed.is_due is not None and armed.is_due(exchange.entry):
                self._strike(armed, exchange, task)

    def _strike(self, armed: _Armed, exchange: Exchange | None, task: RunningTask | None) -> None:
        armed.struck = self._struck(exchange)
        if exchange is not None:
            exchange.gives_turns = True
            exchange.entry.note(armed.struck.at, "cancel", f"pressed, via {armed.via}")
        try:
            armed.press(exchange, task)
        except SessionError as error:
            self.failed = error  # a driver may swallow it, and then the end says it again
            raise

    def _struck(self, exchange: Exchange | None) -> Struck:
        engine = self._session.engine
        at = Nanos(self._session.clock.now() - engine.opened_at)
        return Struck.now(at, exchange.entry if exchange is not None else None, engine.history[:])


def _calling(fn: Callable[[], object]) -> Press:
    return lambda _exchange, _task: fn()
