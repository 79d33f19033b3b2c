"""When a recorded answer came, and how it broke off, in the words of a reply: timing, and faults with their places."""

from __future__ import annotations

from harness.dialects import deltas
from harness.model import PER_MILLISECOND, Chunk, Interaction, Nanos, Reset, TimedOut, Timeline
from harness.scenarios._drafted_content import TOKENS, Written


def timing_of(heard: Interaction, tokens: int) -> Written:
    """When the first token came, and how far apart the others were on average."""
    timeline = heard.timeline
    times = [at for at, delta in deltas(heard.request, timeline) if isinstance(delta, TOKENS)]
    if len(timeline.chunks) <= 1 or not times:
        ends = next((at for at, event in timeline.events if isinstance(event, Chunk)), timeline.end_at)
        return _spans(ttft=Nanos(ends))
    step = (times[-1] - times[0]) // (tokens - 1) if tokens > 1 else 0
    rest = timeline.end_at - times[0] - step * tokens
    return _spans(ttft=Nanos(times[0]), per_token=Nanos(step), tail=Nanos(rest))


def _spans(**spans: Nanos) -> Written:
    rounded = {name: round(span / PER_MILLISECOND) for name, span in spans.items()}
    return {name: f"{span}ms" for name, span in rounded.items() if span > 0}


def broken_off(timeline: Timeline, tokens: int, *, is_said: bool) -> tuple[list[Written], list[str]]:
    """The fault that ends an answer whose end was not heard, and what there is to say about it. Where all is said,
    whoever closed it then had heard everything."""
    last = timeline.events[-1][1]
    place = "call=*/chunk=-1" if is_said else f"call=*/token={tokens}" if tokens else "call=*"
    if is_said and timeline.is_open:
        return [], []
    if timeline.is_open:
        why = {"cancelled": "the reader was cancelled", "closed": "the reader closed it"}.get(timeline.end, "it stops")
        note = f"{why} here; what would have come is not known, so nothing comes"
        return [{"at": place, "kind": "stall-mid-stream", "for": "forever"}], [note]
    match last:
        case TimedOut(phase=phase):
            note = f"the {phase} timeout struck here"
            return [{"at": place, "kind": "stall-mid-stream", "for": "forever"}], [note]
        case Reset(error=error):
            kind = "eof-mid-stream" if error == "RemoteProtocolError" else "reset-mid-stream"
            return [{"at": place, "kind": kind}], [f"it was {error} here"]
    return [], []
