"""From a place as people write it to those in one very answer: tokens, bytes, events, numbers from the end, times."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any

from harness.dialects import frames, recognise
from harness.faults._spelling import manner_of
from harness.model import (
    Chunk,
    Head,
    Interaction,
    Locator,
    Nanos,
    Refusal,
    Request,
    Text,
    Thinking,
    Timeline,
    ToolFragment,
    parse_duration,
)
from harness.spec import Dialect, Fault, FaultSite

_TOKENS = (Text, Thinking, Refusal, ToolFragment)
_EVERY = "*"


def token_chunks(dialect: Dialect, request: Request, head: Head, chunks: Sequence[bytes]) -> tuple[int, ...]:
    """The numbers, from one, of the chunks that carry something of the answer itself."""
    decoder = dialect.decoder(request, head)
    said = [any(isinstance(delta, _TOKENS) for delta in decoder.feed(chunk)) for chunk in chunks]
    return tuple(number for number, carries in enumerate(said, 1) if carries)


def sites_of(
    fault: Fault, place: Locator, answer: Interaction, asked_at: Nanos
) -> tuple[Timeline, tuple[FaultSite, ...]]:
    """The places in this very answer, and the answer, which `byte=` and `event=` may have to be cut for.

    One, several where the place says `*`, none where the answer has no such place. `asked_at` is when it was asked,
    since the session was opened.
    """
    timeline = answer.timeline
    if place.time:
        return timeline, _known(fault, timeline, _at_time(timeline, Nanos(parse_duration(place.time) - asked_at)))
    match place.point:
        case "":
            natural = natural_site(fault, timeline)
            return timeline, (natural,) if natural else ()
        case "byte" | "event":
            byte = _byte(place, answer)
            cut = _cut_at(timeline, byte) if byte else None
            return (cut[0], _known(fault, cut[0], [FaultSite("chunk", cut[1])])) if cut else (timeline, ())
        case "chunk":
            numbers = _numbered(place.index, range(1, len(timeline.chunks) + 1))
        case "token":
            numbers = _numbered(place.index, _tokens(answer))
        case _:
            return timeline, _known(fault, timeline, [FaultSite(place.point)])
    return timeline, _known(fault, timeline, [FaultSite("chunk", number) for number in numbers])


def natural_site(fault: Fault, timeline: Timeline) -> FaultSite | None:
    """Where `fault` strikes when nobody says where: its only place, or the one in the middle of the chunks."""
    sites = list(fault.sites(timeline))
    usual = getattr(fault, "usual", "middle")
    if not sites or usual == "first":
        return sites[0] if sites else None
    numbered = [site for site in sites if site.chunk is not None] or sites
    return numbered[-1 if usual == "last" else (len(numbered) - 1) // 2]


def in_flight(timeline: Timeline, offset: Nanos) -> bool:
    """True where the answer is on its way `offset` after it was asked; what nobody ended is on its way for ever."""
    return offset >= 0 and (timeline.is_open or offset <= timeline.end_at)


def _known(fault: Fault, timeline: Timeline, sites: Iterable[FaultSite]) -> tuple[FaultSite, ...]:
    """Those of `sites` that are its own."""
    own = frozenset(fault.sites(timeline))
    return tuple(site for site in sites if site in own)


def _at_time(timeline: Timeline, offset: Nanos) -> list[FaultSite]:
    """What comes next at that time: first the place itself, then where a fault of another kind would strike."""
    come = sum(isinstance(event, Chunk) and at <= offset for at, event in timeline.events)
    return [FaultSite("chunk", come) if come else FaultSite("headers")]


def _numbered(index: str, numbers: Sequence[int]) -> list[int]:
    if index == _EVERY:
        return list(numbers)
    number = int(index)
    place = number - 1 if number > 0 else len(numbers) + number
    return [numbers[place]] if 0 <= place < len(numbers) else []


def _tokens(answer: Interaction) -> tuple[int, ...]:
    """The numbers of the chunks that carry tokens; none where nobody can tell."""
    known, head = recognise(answer.request), answer.timeline.head
    return token_chunks(known[0], answer.request, head, answer.timeline.chunks) if known and head else ()


def _byte(place: Locator, answer: Interaction) -> int:
    """How many bytes have come at the place; 0 where there is none such."""
    if place.point == "event":
        ends = _event_ends(answer, place.event_type)
        number = int(place.index or 1)
        return ends[number - 1] if 1 <= number <= len(ends) else 0
    length = len(answer.timeline.body)
    number = int(place.index) if place.index != _EVERY else 0
    return number if number >= 0 else max(0, length + 1 + number)


def _event_ends(answer: Interaction, kind: str) -> list[int]:
    """Where each event of that type ends, in bytes."""
    timeline = answer.timeline
    if timeline.head is None:
        return []
    manner = manner_of(timeline)
    cut = frames(answer.request, timeline.head, timeline.body)
    ends = accumulate(map(len, cut))
    return [
        end for raw, end in zip(cut, ends, strict=True) if kind in types_of(manner.read(raw).event, manner.value(raw))
    ]


def types_of(event: str, value: Any) -> frozenset[str]:
    """What an event may be called: its name, its type, and where it has neither the fields that it carries."""
    if not isinstance(value, dict):
        return frozenset({event, json.dumps(value)})
    named = {text for key in ("type", "object") if isinstance(text := value.get(key), str)}
    return frozenset({event, *named} if event or named else value)


def _cut_at(answer: Timeline, byte: int) -> tuple[Timeline, int] | None:
    """`answer` with a chunk that ends after `byte` bytes, and the number of that chunk; None where it is shorter."""
    ends = [0, *accumulate(map(len, answer.chunks))]
    if not 1 <= byte <= ends[-1]:
        return None
    edges = sorted({*ends, byte})
    return answer.rechunked([b - a for a, b in pairwise(edges)]), edges.index(byte)
