"""Schedule: answers that are moved in time, so that calls which are open together complete in a given order.

Until the last of them is asked nothing is moved: a driver that asks because of a chunk that it read asks as it did.
What comes after that moment is pressed into a turn of its own for each call, one turn after the other. All turns are
over when the first of the calls ended in the recording, so no answer is later than it was, and half the patience of the
most impatient caller is enough for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from harness.engine import Entry
from harness.model import PER_MILLISECOND, ZERO, Interaction, Nanos, Timeline
from harness.sweeps._orders import Order, Together, last_attempts, over_at

LATE: Final = Nanos(10 * PER_MILLISECOND)
"""How long an answer takes where a recording knows no times: so long that calls can be open together."""


@dataclass(frozen=True, slots=True)
class Turn:
    """When a call has the rest of its answer: after `begins`, and by `ends`. Offsets since the session was opened."""

    attempt: int
    begins: Nanos
    ends: Nanos


@dataclass(frozen=True, slots=True)
class Schedule:
    """`turns` by the number of the call; `since` is when the last of them is asked. Every answer is `late` first."""

    turns: Mapping[int, Turn] = field(default_factory=dict)
    since: Nanos = ZERO
    late: Nanos = ZERO

    def moved(self, call: int, attempt: int, answer: Interaction, asked_at: Nanos) -> Interaction:
        """`answer`, asked at `asked_at` since the session was opened, as it is to be heard."""
        timeline = answer.timeline.delayed(self.late) if self.late else answer.timeline
        turn = self.turns.get(call)
        if turn is not None and turn.attempt == attempt:
            timeline = _pressed(timeline, *(Nanos(at - asked_at) for at in (self.since, turn.begins, turn.ends)))
        return answer if timeline is answer.timeline else replace(answer, timeline=timeline)


def schedule(order: Order, group: Together, late: Nanos = ZERO) -> Schedule:
    """What lets the calls of `group`, learnt with every answer `late`, complete in `order`."""
    step, since = _step(group), group.since
    attempts = {entry.call: entry.attempt for entry in group.entries}
    turns = {
        call: Turn(attempts[call], Nanos(since + place * step), Nanos(since + (place + 1) * step))
        for place, call in enumerate(order)
    }
    return Schedule(turns, since, late)


def _step(group: Together) -> int:
    room = over_at(group.entries[0]) - group.since
    patient = [entry.patience.read for entry in group.entries if entry.patience is not None]
    room = min([room, *(limit // 2 for limit in patient if limit is not None)])
    return max(1, room // len(group.entries))


def _pressed(timeline: Timeline, since: Nanos, begins: Nanos, ends: Nanos) -> Timeline:
    """`timeline` with everything after `since` between `begins` and `ends`, its last moment at `ends`."""
    last = timeline.end_at
    if last <= since:
        return timeline

    def moved(at: Nanos) -> Nanos:
        return at if at <= since else Nanos(begins + (at - since) * (ends - begins) // (last - since))

    events = tuple((moved(at), event) for at, event in timeline.events)
    return replace(timeline, events=events, left_at=moved(timeline.left_at))


def is_kept(order: Order, history: Iterable[Entry]) -> bool:
    """True where those of the calls of `order` that were heard to their ends were so in that order, each at a moment of
    its own: the first of them alone where the others were cancelled then."""
    entries = last_attempts(entry for entry in history if entry.call in order)
    heard = {call: over_at(one) for call, one in entries.items() if one.events and one.left != "cancelled"}
    ended = tuple(sorted(heard, key=heard.__getitem__))
    return bool(ended) and len(set(heard.values())) == len(ended) and ended == order[: len(ended)]
