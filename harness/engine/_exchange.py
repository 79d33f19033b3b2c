"""Exchange: one request being answered. It decides what is due next; a clock waits, a sink delivers.

Rules:

1. Events come at their recorded offsets since the request was opened, or at once where the caller is late.
2. The caller's own patience is kept: a gap longer than it is TimedOut at exactly that time, measured between reads.
3. An answer that nobody heard to the end is never ended cleanly: after its last event the wire is silent. The caller's
   timer or cancel may end that, as live; where nothing can, reading on is a miss.
4. Who watches hears of the request when the caller first asks for an event, and of every event right after it was
   delivered. What a watcher defers happens when the caller asks for the next one.
5. A reader that closed after the model had said why it stops has heard it to the end: SDKs close at the terminator and
   leave the end of the connection unread. A reader of another habit gets that end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from harness.dialects import decode
from harness.engine._history import Entry
from harness.errors import Miss
from harness.model import (
    NEVER,
    End,
    Event,
    Interaction,
    Left,
    Nanos,
    Patience,
    Phase,
    Reset,
    TimedOut,
)

Leap = Callable[[int], int | None]
"""Moves a clock to a moment, or leaves it where it is later already, and says what time it is then; None where somebody
else may act before that moment, so that one has to wait."""


class Due(NamedTuple):
    """What comes next, and when. `event` None is silence: only the caller can end it."""

    at: Nanos
    event: Event | None


class Exchange:
    """One request being answered from a recording. Used by one caller at a time; not reusable.

    `opened_at` is when the session was opened, by the clock that the sink uses; the entry counts from there.
    `stops` are moments in between at which somebody may end it, so that a wait stops there to look.
    `gives_turns`: a task lets others run before each event, as it does on a real wire, and so hears of its cancel.
    """

    gives_turns = False

    def __init__(
        self,
        interaction: Interaction,
        entry: Entry,
        patience: Patience,
        *,
        opened_at: Nanos,
        watchers: Sequence[Callable[[Exchange, Event | None], None]],
        on_silence: Callable[[Entry], Miss],
        stops: Sequence[Nanos] = (),
    ) -> None:
        self.interaction = interaction
        self.entry = entry
        self.patience = patience
        self._session_at = opened_at
        self._asked_at = Nanos(opened_at + entry.at)
        self._watchers = watchers
        self._on_silence = on_silence
        self._stops = stops
        self._deferred: list[Callable[[], object]] = []
        self._is_told = False
        self._next = 0
        self._over = False
        timeline = interaction.timeline
        self._ends_with = 0 if timeline.is_open else len(timeline.events)

    @property
    def is_over(self) -> bool:
        """True once nothing more will be delivered."""
        return self._over

    def next_event(self, now: Nanos) -> Due | None:
        """What is due next for a caller that starts reading at `now`; None after the end."""
        if self._watchers:
            self._come_by()
        if self._over:
            return None
        due = self._recorded()
        limit, phase = self._limit(now, due)
        if limit < due.at:
            return Due(limit, TimedOut(phase))
        return due

    def rush(self, leap: Leap, *, joined: bool = False) -> Iterator[Event]:
        """The events for which nobody has to wait, as far as `leap` goes; `next_event` has the rest.

        `joined` gives chunks of the same moment as one, for a caller who wants the whole answer; not where somebody
        watches, who may act between two of them.

        This is `next_event` and `delivered` for a caller whose patience outlasts the whole answer, and for a clock on
        which nothing else can happen meanwhile. That is nearly every replay, and eight times as fast.
        """
        if self._watchers:
            self._come_by()
        if self._is_disturbed() or not self._is_patient():
            return iter(())
        if self._watchers:
            return self._watched(leap)
        return self._joined(leap) if joined else self._rushed(leap)

    def _rushed(self, leap: Leap) -> Iterator[Event]:
        asked_at, session_at, watchers = self._asked_at, self._session_at, self._watchers
        played, ends_with = self.entry.played.append, self._ends_with
        for place, (offset, event) in enumerate(self.interaction.timeline.events[self._next :], self._next + 1):
            # After each event others may act, or begin to watch.
            if watchers or offset >= NEVER or (now := leap(asked_at + offset)) is None:
                return
            self._next = place
            played(now - session_at)
            if place == ends_with:
                self._over = True
            yield event

    def _joined(self, leap: Leap) -> Iterator[Event]:
        for offset, event, count in self.interaction.timeline.joined(self._next):
            if self._watchers or offset >= NEVER or (now := leap(self._asked_at + offset)) is None:
                return
            self._next += count
            self.entry.played.extend([now - self._session_at] * count)
            if self._next == self._ends_with:
                self._over = True
            yield event

    def _watched(self, leap: Leap) -> Iterator[Event]:
        for offset, event in self.interaction.timeline.events[self._next :]:
            now = None if self._is_disturbed() else leap(self._asked_at + offset)
            if now is None:
                return
            yield self.delivered(Nanos(now), event)

    def _is_disturbed(self) -> bool:
        """True where a watcher had its say: then there is more to decide than when the next event comes."""
        return self.gives_turns or self._over or bool(self._deferred)

    def _come_by(self) -> None:
        """The caller asks for an event: what waits for that happens now."""
        if not self._is_told and not self._next:
            self._is_told = True
            self._tell(None)
        while self._deferred:
            self._deferred.pop(0)()

    def defer(self, action: Callable[[], object]) -> None:
        """Do `action` when the caller asks for the next event: it has what was delivered by then, and waits."""
        self._deferred.append(action)

    @property
    def cancelled_at(self) -> Nanos | None:
        """When the caller of the recording was cancelled, where all that came before that was delivered."""
        timeline = self.interaction.timeline
        if timeline.left != "cancelled" or self._next < len(timeline.events):
            return None
        return Nanos(self._asked_at + timeline.left_at)

    def waits(self, now: Nanos, at: Nanos) -> Iterator[Nanos]:
        """Until when to wait, one after the other, for what is due at `at`. Ends early where the exchange does."""
        cancelled = self.cancelled_at
        for stop in sorted((*self._stops, cancelled)) if cancelled is not None else self._stops:
            if now < stop < at and not self._over:
                yield stop
        if not self._over:
            yield at

    def give(self, now: Nanos) -> bool:
        """Deliver the whole answer at `now`, where all of it is due and nobody watches; False where that is not so.

        For a sink that has the bytes of the whole answer at hand.
        """
        events = self.interaction.timeline.events
        is_due = self._ends_with and self._asked_at + events[-1][0] <= now
        if self._over or self._next or self._watchers or not is_due or not self._is_patient():
            return False
        self._next, self._over = len(events), True
        self.entry.played.extend([now - self._session_at] * len(events))
        return True

    def _is_patient(self) -> bool:
        """True where no timer of the caller's can strike before the last event."""
        last, patience = self.interaction.timeline.end_at, self.patience
        for limit in (patience.connect, patience.read, patience.write, patience.pool, patience.total):
            if limit is not None and limit < last:
                return False
        return True

    def _recorded(self) -> Due:
        timeline = self.interaction.timeline
        if self._next >= len(timeline.events):
            if timeline.left == "closed" and self._said_why_it_stops():
                return Due(Nanos(self._asked_at + timeline.left_at), End())
            return Due(NEVER, None)
        offset, event = timeline.events[self._next]
        return Due(Nanos(self._asked_at + offset), event)

    def _said_why_it_stops(self) -> bool:
        reply = decode(self.interaction.request, self.interaction.timeline)
        return reply is not None and reply.finish is not None

    def _limit(self, now: Nanos, due: Due) -> tuple[Nanos, Phase]:
        """When the caller's own patience runs out, and which of its timers that is."""
        phase: Phase = due.event.phase if isinstance(due.event, TimedOut) else "read"
        connected = Nanos(self._asked_at + self.interaction.timeline.connected_at)
        limits: list[tuple[Nanos, Nanos | None, Phase]] = [
            (max(now, connected), getattr(self.patience, phase), phase),
            (self._asked_at, self.patience.total, "read"),
        ]
        if now < connected:
            limits.append((self._asked_at, self._connect_limit(), "connect"))
        times = [(Nanos(start + length), phase) for start, length, phase in limits if length is not None]
        return min(times, default=(NEVER, phase))

    def _connect_limit(self) -> Nanos | None:
        """The caller's connect timeout, where it is over before there is a connection."""
        limit = self.patience.connect
        return limit if limit is not None and limit < self.interaction.timeline.connected_at else None

    def delivered(self, at: Nanos, event: Event) -> Event:
        """The sink hands `event` to the caller at `at`. Returns it, so that a driver is one line."""
        events, since = self.interaction.timeline.events, Nanos(at - self._session_at)
        if self._next < len(events) and event is events[self._next][1]:
            self.entry.played.append(since)
        else:
            self.entry.hear(since, event)
        self._next += 1
        self._over = isinstance(event, End | Reset | TimedOut)
        self._tell(event)
        return event

    def _tell(self, event: Event | None) -> None:
        for watcher in self._watchers:
            watcher(self, event)

    def left(self, at: Nanos, how: Left) -> None:
        """The caller went away before the end; a second time says nothing new."""
        if not self._over:
            self._over = True
            self.entry.left, self.entry.left_at = how, Nanos(at - self._session_at)

    def silent(self) -> Miss:
        """The miss of a caller that reads on where nothing will ever come."""
        self._over = True
        return self._on_silence(self.entry)


Watcher = Callable[[Exchange, Event | None], None]
"""Hears of every exchange before its first event (None), and of every event right after it was delivered."""
