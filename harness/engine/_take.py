"""Take: one live answer being heard. Live: the engine's word to a sink that it has to call upstream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from harness.dialects import MEANING
from harness.engine._history import Entry
from harness.model import (
    ZERO,
    End,
    Event,
    Interaction,
    Left,
    Nanos,
    Request,
    Reset,
    TimedOut,
)


class Witness(Protocol):
    """Is told of every event before the consumer is, with offsets since the request was sent."""

    def heard(self, at: Nanos, event: Event) -> None:
        """`event` arrived."""

    def left(self, at: Nanos, how: Left) -> None:
        """The caller went away."""


class Take:
    """Listens to one live answer without holding it up. Its place in the cassette is that of its request.

    `witness` is told of everything as it happens.
    """

    def __init__(self, request: Request, entry: Entry) -> None:
        self.request = request
        self.entry = entry
        self.witness: Witness | None = None
        self._sent_at = ZERO
        self.finished = False  # kept, not computed: asking the timeline for every chunk would cost the square of them

    def sent(self, now: Nanos) -> None:
        """The request goes out at `now`; offsets count from here."""
        self._sent_at = now

    def heard(self, now: Nanos, event: Event) -> None:
        """`event` arrived at `now`. What comes after the end or after leaving is not part of the answer."""
        if not self.finished:
            self.finished = isinstance(event, End | Reset | TimedOut)
            since = self._since(now)
            self.entry.hear(Nanos(self.entry.at + since), event)
            if self.witness is not None:
                self.witness.heard(since, event)

    def left(self, now: Nanos, how: Left) -> None:
        """The caller went away: closed the stream, or was cancelled."""
        if not self.finished:
            self.finished = True
            since = self._since(now)
            self.entry.left, self.entry.left_at = how, Nanos(self.entry.at + since)
            if self.witness is not None:
                self.witness.left(since, how)

    def _since(self, now: Nanos) -> Nanos:
        return Nanos(max(0, now - self._sent_at))

    def interaction(self) -> Interaction:
        """What was heard so far; `open` where it has not ended."""
        return Interaction(self.request, self.entry.timeline, meaning=MEANING)


@dataclass(frozen=True, slots=True)
class Live:
    """Call upstream, and let `take` hear it."""

    take: Take
