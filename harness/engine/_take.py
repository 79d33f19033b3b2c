"""Take: one live answer being heard. Live: the engine's word to a sink that it has to call upstream."""

from __future__ import annotations

from dataclasses import dataclass

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


class Take:
    """Listens to one live answer without holding it up. Its place in the cassette is that of its request."""

    def __init__(self, request: Request, entry: Entry) -> None:
        self.request = request
        self.entry = entry
        self._sent_at = ZERO
        self.finished = False  # kept, not computed: asking the timeline for every chunk would cost the square of them

    def sent(self, now: Nanos) -> None:
        """The request goes out at `now`; offsets count from here."""
        self._sent_at = now

    def heard(self, now: Nanos, event: Event) -> None:
        """`event` arrived at `now`. What comes after the end or after leaving is not part of the answer."""
        if not self.finished:
            self.finished = isinstance(event, End | Reset | TimedOut)
            self.entry.hear(self._offset(now), event)

    def left(self, now: Nanos, how: Left) -> None:
        """The caller went away: closed the stream, or was cancelled."""
        if not self.finished:
            self.finished = True
            self.entry.left, self.entry.left_at = how, self._offset(now)

    def _offset(self, now: Nanos) -> Nanos:
        return Nanos(self.entry.at + max(0, now - self._sent_at))

    def interaction(self) -> Interaction:
        """What was heard so far; `open` where it has not ended."""
        return Interaction(self.request, self.entry.timeline, meaning=MEANING)


@dataclass(frozen=True, slots=True)
class Live:
    """Call upstream, and let `take` hear it."""

    take: Take
