"""From a place as people write it to a place in one very answer: tokens, bytes and numbers from the end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, pairwise

from harness.dialects import recognise
from harness.model import Head, Interaction, Locator, Refusal, Request, Text, Thinking, Timeline, ToolFragment
from harness.spec import Dialect, Fault, FaultSite

_TOKENS = (Text, Thinking, Refusal, ToolFragment)


def token_chunks(dialect: Dialect, request: Request, head: Head, chunks: Sequence[bytes]) -> tuple[int, ...]:
    """The numbers, from one, of the chunks that carry something of the answer itself."""
    decoder = dialect.decoder(request, head)
    said = [any(isinstance(delta, _TOKENS) for delta in decoder.feed(chunk)) for chunk in chunks]
    return tuple(number for number, carries in enumerate(said, 1) if carries)


def site_of(fault: Fault, place: Locator, answer: Interaction) -> tuple[Timeline, FaultSite] | None:
    """The place in this very answer, which `byte=` may have to be cut for; None where there is none."""
    timeline = answer.timeline
    if not place.point:
        natural = natural_site(fault, timeline)
        return (timeline, natural) if natural else None
    if place.point == "byte":
        cut = _at_byte(timeline, _from_end(place.index, len(timeline.body)))
        return (cut[0], FaultSite("chunk", cut[1])) if cut else None
    site = FaultSite(place.point)
    if place.point == "chunk":
        site = FaultSite("chunk", _from_end(place.index, len(timeline.chunks)))
    if place.point == "token":
        site = FaultSite("chunk", _token(place, answer))
    return (timeline, site) if site in fault.sites(timeline) else None


def natural_site(fault: Fault, timeline: Timeline) -> FaultSite | None:
    """Where `fault` strikes when nobody says where: its only place, or the middle of the answer."""
    sites = list(fault.sites(timeline))
    return next(islice(sites, (len(sites) - 1) // 2, None), None) if sites else None


def _token(place: Locator, answer: Interaction) -> int:
    """The number of the chunk that carries the token; 0 where the answer has none such."""
    known, head = recognise(answer.request), answer.timeline.head
    if known is None or head is None:
        return 0
    carried = token_chunks(known[0], answer.request, head, answer.timeline.chunks)
    number = _from_end(place.index, len(carried))
    return carried[number - 1] if 1 <= number <= len(carried) else 0


def _at_byte(answer: Timeline, byte: int) -> tuple[Timeline, int] | None:
    """`answer` with a chunk that ends after `byte` bytes, and the number of that chunk; None where it is shorter."""
    ends = [0]
    for chunk in answer.chunks:
        ends.append(ends[-1] + len(chunk))
    if not 1 <= byte <= ends[-1]:
        return None
    edges = sorted({*ends, byte})
    return answer.rechunked([b - a for a, b in pairwise(edges)]), edges.index(byte)


def _from_end(index: str, length: int) -> int:
    number = int(index)
    return number if number > 0 else length + 1 + number
