"""Places: where one fault can strike the answers that went by, and which of these places say something new.

Sites are counted over the answers of a run, in the order in which they were asked for, by one counter per kind. So what
a run asked only because of a fault has places as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.dialects import decoder, recognise
from harness.engine import Entry
from harness.faults import FaultOverlay, get
from harness.model import Case, Finish, Interaction, Locator, Strike, Timeline, ToolFragment
from harness.sweeps._kinds import CANCEL
from harness.sweeps._laid import Seen

_EVENT_LINE = re.compile(rb"^event: ?([\w.]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Point:
    """One strike that would change an answer. `heard` is what the caller would hear, `number` the place of this point
    in the count of its kind, from one."""

    strike: Strike
    number: int
    heard: Timeline | None = None

    @property
    def case(self) -> Case:
        """The case of this strike alone."""
        return Case((self.strike,))


def points(kind: str, seen: Iterable[Seen]) -> Iterator[Point]:
    """Every place of the fault `kind` in the answers of `seen`. Where it has no form, or would change nothing, there is
    none."""
    number = 0
    for one in seen:
        for locator in _locators(kind, one):
            strike = Strike(locator, kind)
            heard = _heard(strike, one)
            if heard is not None:
                number += 1
                yield Point(strike, number, heard)


def cancels(seen: Iterable[Seen], history: Iterable[Entry]) -> Iterator[Point]:
    """Every chunk of `seen` and every suspension that `history` counted: where a cancel may come."""
    number = 0
    for one in seen:
        for index in range(len(one.answer.timeline.chunks) + 1):
            place = ("chunk", str(index)) if index else ("headers", "")
            number += 1
            yield Point(Strike(Locator(str(one.call), str(one.attempt), *place), CANCEL), number)
    for entry in history:
        for index in range(1, entry.awaits + 1):
            number += 1
            yield Point(Strike(Locator(str(entry.call), str(entry.attempt), "await", str(index)), CANCEL), number)


def _locators(kind: str, one: Seen) -> Iterator[Locator]:
    fault = get(kind)
    for site in fault.sites(one.answer.timeline):
        index = "" if site.chunk is None else str(site.chunk)
        yield Locator(str(one.call), str(one.attempt), site.point, index)
    inside = _inside_a_character(one.answer.timeline.body)
    if inside and "byte" in getattr(fault, "points", ()):
        yield Locator(str(one.call), str(one.attempt), "byte", str(inside))


def _heard(strike: Strike, one: Seen) -> Timeline | None:
    """What `strike` makes of the answer; None where it has no form in its dialect, or leaves it as it is."""
    try:
        struck = FaultOverlay.of([strike]).strike(one.call, one.attempt, one.answer)
    except ValueError:
        return None
    return None if struck.timeline == one.answer.timeline else struck.timeline


def _inside_a_character(body: bytes) -> int:
    """The number of bytes up to the inside of the first character of several bytes; 0 where there is none."""
    return next((place + 1 for place, byte in enumerate(body) if byte >= 0xC0), 0)


def structural(answer: Interaction) -> frozenset[int]:
    """The chunks of `answer` at whose edges its structure changes: the first two and the last two, the first and last
    of each type of event, one inside the arguments of a tool call, those that end inside a character, and the one
    before the reason for finishing. Counted from one, 0 being the head."""
    chunks = answer.timeline.chunks
    edges = {0, 1, 2, len(chunks) - 1, len(chunks)}
    by_type: dict[str, list[int]] = {}
    for number, types in enumerate(_types(answer, chunks), 1):
        for name in types:
            by_type.setdefault(name, []).append(number)
    for name, numbers in by_type.items():
        edges |= {numbers[0], numbers[-1]}
        if name == ToolFragment.__name__:
            edges.add(numbers[len(numbers) // 2])
        if name == Finish.__name__:
            edges.add(numbers[0] - 1)
    torn = next((number for number, chunk in enumerate(chunks, 1) if _is_torn(chunk)), 0)
    return frozenset(edge for edge in edges | {torn} if 0 <= edge <= len(chunks))


def _types(answer: Interaction, chunks: Sequence[bytes]) -> Iterator[set[str]]:
    """What each chunk carries: the kinds of meaning that it completes, and the types that its events are called by."""
    head = answer.timeline.head
    decode = decoder(answer.request, head) if head is not None and recognise(answer.request) else None
    for chunk in chunks:
        meant = {type(delta).__name__ for delta in decode.feed(chunk)} if decode is not None else set()
        yield meant | {name.decode() for name in _EVENT_LINE.findall(chunk)}


def _is_torn(chunk: bytes) -> bool:
    try:
        chunk.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return False
