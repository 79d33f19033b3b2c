"""A conversation without a contract: the decoded answer, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

from harness.dialects import decoder
from harness.engine import Exchange, play
from harness.model import Chunk, Delta, End, Head, Message, Problem, Prompt, Reset, TimedOut
from harness.spec import Clock


def as_prompt(asked: object) -> Prompt:
    """What is asked: a Prompt, or the one message of a user. Raises TypeError."""
    if isinstance(asked, str):
        return Prompt(messages=(Message("user", asked),))
    if isinstance(asked, Prompt):
        return asked
    message = f"converse takes a text or a harness.Prompt(messages=(harness.Message('user', ...), ...)), not {asked!r}"
    raise TypeError(message)


def deltas(exchange: Exchange, clock: Clock) -> Iterator[Delta]:
    """The meaning of what `exchange` delivers."""
    decode = None
    for event in play(exchange, clock):
        match event:
            case Head():
                decode = decoder(exchange.interaction.request, event)
            case Chunk(data=data) if decode is not None:
                yield from decode.feed(data)
            case End() if decode is not None:
                yield from decode.close()
            case Reset(error=error, message=message):
                yield Problem("server-error", message, code=error)
            case TimedOut(phase=phase):
                yield Problem("timeout", f"{phase} timeout")
