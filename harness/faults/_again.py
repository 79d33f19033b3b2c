"""The same exchange, said otherwise: an answer is read, changed as a Reply, and rendered anew in its dialect.

For faults of what a model says. Every chunk of the new answer comes when its number came in the old one, and what is
longer goes on at the same pace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from harness.dialects import BUILT_IN, get
from harness.errors import DialectError
from harness.faults._fault import NoPlaceError
from harness.faults._where import is_stream
from harness.model import PER_MILLISECOND, At, Chunk, End, Head, Nanos, Prompt, Reply, Request, Text, Timeline
from harness.spec import Asked

RENDERED: Final = frozenset(dialect.name for dialect in BUILT_IN if dialect.renders)
"""The dialects in which anything can be said."""
_PACE: Final = Nanos(20 * PER_MILLISECOND)
_NOBODY: Final = Request("POST", "")


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer said: the sum, and its text in the pieces in which it came."""

    reply: Reply
    pieces: tuple[str, ...]
    prompt: Prompt

    def text(self, pieces: Sequence[str]) -> Said:
        """With another text, in these pieces."""
        return Said(replace(self.reply, text="".join(pieces)), tuple(piece for piece in pieces if piece), self.prompt)


def said(timeline: Timeline, asked: Asked) -> Said:
    """What the answer said. Raises NoPlaceError where the prompt cannot be read."""
    dialect, request = get(asked.dialect), asked.request or _NOBODY
    decoder = dialect.decoder(request, timeline.head or Head(200))
    deltas = [delta for chunk in timeline.chunks for delta in decoder.feed(chunk)] + decoder.close()
    try:
        prompt = dialect.prompt(request) if asked.request else Prompt(stream=is_stream(timeline))
    except DialectError as error:
        raise NoPlaceError(str(error)) from error
    texts = tuple(delta.text for delta in deltas if isinstance(delta, Text) and delta.choice == 0)
    # The answer knows better than the prompt whether it is a stream: an Ollama streams unless it is told not to.
    return Said(Reply.of(deltas), texts, replace(prompt, stream=is_stream(timeline)))


def again(timeline: Timeline, asked: Asked, change: Callable[[Said], Said]) -> Timeline:
    """The answer with what it said changed. Raises NoPlaceError where the dialect cannot say it."""
    new = change(said(timeline, asked))
    try:
        head, chunks = get(asked.dialect).render(new.reply, new.prompt, new.pieces)
    except DialectError as error:
        raise NoPlaceError(str(error)) from error
    times = [at for at, event in timeline.events if isinstance(event, Chunk)]
    pace = Nanos(times[-1] - times[-2]) if len(times) > 1 and times[-1] > times[-2] else _PACE
    events: list[At] = [(timeline.events[0][0], head)]
    for number, chunk in enumerate(chunks):
        late = max(0, number + 1 - len(times))
        events.append((Nanos(times[min(number, len(times) - 1)] + late * pace), Chunk(chunk)))
    return replace(timeline, events=(*events, (events[-1][0], End())), left=None, left_at=Nanos(0))
