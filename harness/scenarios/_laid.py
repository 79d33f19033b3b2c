"""What is laid over an answer, in order: faults that wait for their place, and edits of what it says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from random import Random
from typing import Any, Protocol

from harness import plugins
from harness.dialects import frames
from harness.faults import Armed, edited, manner_of, types_of
from harness.model import Interaction, Json, Locator, Nanos, Strike, Timeline
from harness.scenarios._durations import is_spread, spread
from harness.scenarios._faults import Edit, FaultAt, Patch
from harness.scenarios._patching import PatchError, patched


class Layer(Protocol):
    """Something with a place, that is laid over an answer."""

    @property
    def struck(self) -> int:
        """How many answers it changed."""

    def meets(self, call: int, attempt: int, answer: Interaction, asked_at: Nanos) -> bool:
        """True where it is to change this answer."""

    def apply(self, answer: Interaction, call: int, attempt: int, asked_at: Nanos) -> Interaction:
        """The answer, changed. Raises ValueError where its dialect has no form for it."""


class Diced:
    """An armed fault with something left to chance: whether it strikes, or a time that it takes.

    The dice are made of the seed, of which fault it is, and of the attempt: other requests do not change them.
    """

    def __init__(self, armed: Armed, fault: FaultAt, seed: str) -> None:
        self._armed = armed
        self._probability = fault.probability
        self._params = fault.params
        self._seed = seed
        self._spared = 0

    @property
    def struck(self) -> int:
        """How many answers it changed."""
        return self._armed.struck

    def meets(self, call: int, attempt: int, answer: Interaction, asked_at: Nanos) -> bool:
        """True where it is to change this answer, and the dice agree."""
        if not self._armed.meets(call, attempt, answer, asked_at):
            return False
        if self._probability is None or self._dice(call, attempt).random() < self._probability:
            return True
        self._spared += 1
        return False

    def apply(self, answer: Interaction, call: int, attempt: int, asked_at: Nanos) -> Interaction:
        """The answer, struck, with every time drawn."""
        params = tuple(drawn(self._params, self._dice(call, attempt)).items())
        self._armed.strike = replace(self._armed.strike, params=params)
        return self._armed.apply(answer, call, attempt, asked_at)

    def _dice(self, call: int, attempt: int) -> Random:
        return Random(f"{self._seed}/{call}/{attempt}")  # noqa: S311 - dice for a test, the same in every run

    def __str__(self) -> str:
        count = f"{self._spared} answer{'' if self._spared == 1 else 's'}"
        spared = f": the dice of clock.seed spared {count}" if self._spared else ""
        return f"{self._armed}{spared}"


def drawn(params: dict[str, Any], dice: Random) -> dict[str, Json]:
    """`params` with every spread of times replaced by one time."""
    made: dict[str, Json] = {}
    for name, value in params.items():
        given = spread(value) if is_spread(value) else None
        made[name] = value if given is None or isinstance(given, int) else f"{given.drawn(dice)}ns"
    return made


@dataclass(slots=True)
class Edited:
    """An edit in waiting."""

    patch: Patch
    struck: int = 0
    missed: str = ""

    def meets(self, call: int, attempt: int, answer: Interaction, asked_at: Nanos) -> bool:
        """True where it is to change this answer."""
        del asked_at
        if self.patch.times is not None and self.struck >= self.patch.times:
            return False
        return self.patch.locator.meets(call, attempt, answer.id)

    def apply(self, answer: Interaction, call: int, attempt: int, asked_at: Nanos) -> Interaction:
        """The answer, edited; as it is, and remembered, where nothing in it can be."""
        del call, attempt, asked_at
        made = _edited(answer, self.patch.locator, self.patch.patch)
        if made is None:
            self.missed = "nothing there can be edited so"
            return answer
        self.struck += 1
        return replace(answer, timeline=made)

    def __str__(self) -> str:
        paths = ", ".join(f"{edit.op} {edit.path}" for edit in self.patch.patch)
        why = f": {self.missed}" if self.missed else ""
        return f"the patch {paths} at {self.patch.at} never struck{why}"


def _edited(answer: Interaction, place: Locator, edits: Sequence[Edit]) -> Timeline | None:
    """The answer with every frame at `place` edited in which all of `edits` can be done; None where there is none."""
    timeline = answer.timeline
    if timeline.head is None:
        return None
    manner = manner_of(timeline)
    cut = frames(answer.request, timeline.head, timeline.body)
    changes: list[tuple[int, int, bytes]] = []
    seen = 0
    for raw, stop in zip(cut, accumulate(map(len, cut)), strict=True):
        value = manner.value(raw)
        if place.point == "event":
            if place.event_type not in types_of(manner.read(raw).event, value):
                continue
            seen += 1
            if place.index and seen != int(place.index):
                continue
        if value is None or not _is_at_chunk(place, timeline, stop - len(raw), stop):
            continue
        try:
            changes.append((stop - len(raw), stop, manner.rewritten(raw, patched(value, edits))))
        except PatchError:
            continue
    return edited(timeline, changes) if changes else None


def _is_at_chunk(place: Locator, timeline: Timeline, start: int, stop: int) -> bool:
    """True where a part of the frame comes in the chunk that `place` names, or it names none."""
    if place.point != "chunk" or place.index == "*":
        return True
    ends = [0, *accumulate(map(len, timeline.chunks))]
    number = int(place.index)
    number = number if number > 0 else len(ends) + number
    return 1 <= number < len(ends) and start < ends[number] and ends[number - 1] < stop


def layers(laid: Iterable[Patch | FaultAt], seed: object, prefix: str = "") -> list[Layer]:
    """Each of `laid`, armed. `prefix` tells the dice of several lists apart."""
    return [_layer(one, f"{seed}/{prefix}{number}") for number, one in enumerate(laid)]


def _layer(one: Patch | FaultAt, seed: str) -> Layer:
    if isinstance(one, Patch):
        return Edited(one)
    armed = Armed(_strike(one), one.times, plugins.fault)
    if one.probability is None and not any(map(is_spread, one.params.values())):
        return armed
    return Diced(armed, one, seed)


def _strike(fault: FaultAt) -> Strike:
    return fault.strike


def struck(laid: Iterable[Layer], answer: Interaction, call: int, attempt: int, asked_at: Nanos) -> Interaction:
    """`answer` with everything laid over it that is meant for it, in order."""
    for layer in laid:
        if layer.meets(call, attempt, answer, asked_at):
            answer = layer.apply(answer, call, attempt, asked_at)
    return answer


def unstruck(laid: Iterable[Layer]) -> list[str]:
    """One line for each that never struck."""
    return [str(layer) for layer in laid if not layer.struck]
