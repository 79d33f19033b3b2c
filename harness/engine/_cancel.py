"""Cancel: where somebody said stop, and what came of it. What a checker needs to know, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from harness.engine._history import Entry
from harness.model import End, Nanos, Reset, TimedOut

VIAS: Final = ("event", "task", "close", "thread", "signal")
"""The ways to say stop."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """A cancel that was armed, as things stand. Times are offsets since the session was opened.

    `at` is None where its place was not reached (yet), and then everything below is empty.
    `call` and `attempt` name the attempt that it struck, 0 where nothing had been asked.
    `chunks_before` were delivered to that attempt before it, `chunks_after` after it; `text` is what they said.
    `requests_after` counts the requests that were made after it, whoever made them.
    `ended_at` is when that attempt or its call was over, None where somebody still listens; `how` is its outcome
    (`cancelled`, `closed`, `ok`, ...), and `result` what its call came to where a backend of ours knows
    (`GenerationCancelled (harness)`).
    """

    place: str
    via: str
    at: Nanos | None = None
    call: int = 0
    attempt: int = 0
    chunks_before: int = 0
    chunks_after: int = 0
    requests_after: int = 0
    text: str = ""
    ended_at: Nanos | None = None
    how: str = ""
    result: str = ""

    @property
    def is_reached(self) -> bool:
        """True once its place was there."""
        return self.at is not None

    @property
    def is_released(self) -> bool:
        """True where nobody listens to that attempt any more: its stream is closed, its connection given back."""
        return self.ended_at is not None

    @property
    def lasted(self) -> Nanos | None:
        """Nanoseconds from the cancel to the end; None where it was not reached or nothing ended."""
        return None if self.at is None or self.ended_at is None else Nanos(max(0, self.ended_at - self.at))


@dataclass(frozen=True, slots=True)
class Struck:
    """What was so in the moment of the cancel. `requests` counts those that had been made."""

    at: Nanos
    entry: Entry | None
    chunks: int
    requests: int

    @classmethod
    def now(cls, at: Nanos, entry: Entry | None, history: Sequence[Entry]) -> Struck:
        """What is so at `at`."""
        return cls(at, entry, entry.chunks if entry is not None else 0, len(history))


def cancel_of(place: str, via: str, struck: Struck | None, history: Sequence[Entry]) -> Cancel:
    """How the cancel at `place` stands."""
    if struck is None:
        return Cancel(place, via)
    after = len(history) - struck.requests
    entry = struck.entry
    if entry is None:
        return Cancel(place, via, struck.at, requests_after=after)
    result = next((note for note in entry.notes if note.label == "result" and note.at >= struck.at), None)
    reply = entry.reply
    return Cancel(
        place,
        via,
        struck.at,
        call=entry.call,
        attempt=entry.attempt,
        chunks_before=struck.chunks,
        chunks_after=entry.chunks - struck.chunks,
        requests_after=after,
        text=reply.text if reply is not None else "",
        ended_at=result.at if result is not None else _ended_at(entry),
        how=entry.outcome,
        result=result.text if result is not None else "",
    )


def _ended_at(entry: Entry) -> Nanos | None:
    if entry.left is not None:
        return entry.left_at
    last = entry.events[-1:]
    return last[0][0] if last and isinstance(last[0][1], End | Reset | TimedOut) else None
