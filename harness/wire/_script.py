"""A whole timeline as timed steps."""

from __future__ import annotations

from typing import TypeAlias

from harness.model import Nanos, Request, Timeline
from harness.wire._steps import Silence, Step
from harness.wire._writer import Writer

TimedStep: TypeAlias = tuple[Nanos, Step]


def steps(timeline: Timeline, request: Request) -> tuple[TimedStep, ...]:
    """What a connection does to answer `request` with `timeline`, each step with its offset since the request.

    A timeline whose end nobody heard ends in Silence, at the moment up to which it was heard.
    Raises what Writer raises.
    """
    writer = Writer(request)
    timed = [(at, step) for at, event in timeline.events for step in writer.write(event)]
    return tuple(timed) if timeline.left is None else (*timed, (timeline.left_at, Silence()))
