"""Whole answers as bytes, kept: a short answer that is due at once is written in one piece, and the next time without
being made again.

Kept by the very Timeline, which is a value: whatever changes an answer (a fault, a template, the next of a sequence)
makes another one. So nothing here can be out of date.
"""

from __future__ import annotations

from typing import Final

from harness.model import Chunk, End, Head, Request, Timeline
from harness.wire import Send, Writer

_KEPT_MAX: Final = 1024
_BYTES_MAX: Final = 16 * 1024
_REDIRECTS: Final = 3
_ASKED: Final = Request("POST", "")


class Wholes:
    """The bytes of timelines that are at once from beginning to end."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Timeline, bytes]] = {}

    def of(self, timeline: Timeline) -> bytes:
        """All of it, for a client that keeps its connection; empty where it has to be played event by event: it takes
        its time, breaks, is long, or ends the connection."""
        found = self._kept.get(id(timeline))
        if found is None:
            if len(self._kept) >= _KEPT_MAX:
                self._kept.clear()
            # The timeline is held as well: its id is its own for as long as it is here.
            found = self._kept[id(timeline)] = (timeline, _whole(timeline))
        return found[1]


def _whole(timeline: Timeline) -> bytes:
    if timeline.is_open or timeline.end_at or sum(map(len, timeline.chunks)) > _BYTES_MAX:
        return b""
    if timeline.head is None or timeline.head.status // 100 == _REDIRECTS:  # where it leads depends on who was asked
        return b""
    if not all(isinstance(event, Head | Chunk | End) for _, event in timeline.events):
        return b""
    writer = Writer(_ASKED)
    try:
        steps = [step for _, event in timeline.events for step in writer.write(event)]
    except ValueError:  # a head that cannot be sent: who plays it says why
        return b""
    return b"".join(step.data for step in steps if isinstance(step, Send)) if writer.keeps_alive else b""
