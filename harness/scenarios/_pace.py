"""When the parts of an answer come: the `timing` of a scenario, with its dice thrown."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from harness.model import NEVER, ZERO, Nanos
from harness.scenarios._reply import Timing


@dataclass(frozen=True, slots=True)
class Pace:
    """`connect` is how long it takes to connect. `out[k]` is when k tokens are out, counted from there, and `tail` how
    long after the last one the answer ends."""

    connect: Nanos
    out: tuple[Nanos, ...]
    tail: Nanos

    def end(self, at: Nanos) -> Nanos:
        """When the answer ends whose last part came `at`."""
        return _not_after_never(at + self.tail)


def has_dice(timing: Timing) -> bool:
    """True where `timing` leaves something to chance."""
    spans = (timing.connect, timing.ttft, timing.per_token, timing.tail)
    return bool(timing.jitter) or not all(isinstance(span, int) for span in spans)


def paced(timing: Timing, tokens: int, dice: Random) -> Pace:
    """`timing` for an answer of so many tokens. The same dice give the same pace."""
    connect, out = _drawn(timing.connect, dice), [_drawn(timing.ttft, dice)]
    for _ in range(tokens):
        step: float = _drawn(timing.per_token, dice)
        if timing.jitter:
            step *= 1 + dice.uniform(-timing.jitter, timing.jitter)
        out.append(_not_after_never(out[-1] + round(step)))
    return Pace(connect, tuple(out), _drawn(timing.tail, dice))


def _drawn(span: object, dice: Random) -> Nanos:
    drawn = getattr(span, "drawn", None)
    if drawn is not None:
        return Nanos(drawn(dice))
    assert isinstance(span, int), "a span is a time or a spread of times"
    return Nanos(span)


def _not_after_never(at: int) -> Nanos:
    return Nanos(min(NEVER, max(ZERO, at)))
