"""What one call gives, time after time: its reply, or its sequence item by item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.scenarios._durations import FOREVER
from harness.scenarios._filling import is_filled
from harness.scenarios._scenario import Call, Fault, Reply, Timing, When


@dataclass(slots=True)
class Step:
    """One item: the reply, the fault that strikes it, how often it is given, and how often it was.

    `timing` is the item's own: a refusal does not take the time of the answer that it takes the place of.
    """

    reply: Reply
    timing: Timing | None
    fault: Fault | None
    times: int
    label: str
    given: int = 0
    is_filled: bool = False

    def __post_init__(self) -> None:
        self.is_filled = is_filled(self.reply)


class Script:
    """The steps of one call. Stateful: it knows what it has given."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.matched = 0
        self._then = call.then or ("error" if call.sequence is not None else "last")
        self._steps = list(_steps(call))
        self._next = 0
        self._cycled = False

    @property
    def is_used_up(self) -> bool:
        """True where `times` says that this call answers no more, and the next one may."""
        return self.call.times is not None and self.matched >= self.call.times

    @property
    def answers_anything(self) -> bool:
        """True where it may answer what no dialect recognises: it asks for something of the wire, and all it says is
        for the wire."""
        return _asks_the_wire(self.call.when) and all(
            step.reply.raw is not None or "json_" in step.reply.model_fields_set for step in self._steps
        )

    @property
    def answers(self) -> int:
        """How many answers it holds that somebody should ask for."""
        return len(self._steps)

    def give(self) -> Step | None:
        """The next step; None where the sequence is exhausted."""
        step = self._step()
        if step is not None:
            self.matched += 1
            step.given += 1
        return step

    def take_back(self, step: Step) -> None:
        """`step` was given and never heard: it is the next one again."""
        self.matched -= 1
        step.given -= 1

    def _step(self) -> Step | None:
        if self._next < len(self._steps) and self._steps[self._next].given >= self._steps[self._next].times:
            self._next += 1
        if self._next < len(self._steps):
            return self._steps[self._next]
        match self._then:
            case "last":
                return self._steps[-1]
            case "cycle":
                for step in self._steps:
                    step.given = 0
                self._next, self._cycled = 0, True
                return self._steps[0]
        return None

    def unplayed(self) -> Iterator[str]:
        """One line for each promise of this call that was not kept."""
        times = self.call.times
        if times is not None and times < FOREVER and self.matched < times:
            yield f"{self.call.id}: answers {times} times, and was asked {self.matched} times"
        if self.call.sequence is None and (self.call.reply is None or self.call.reply.fault is None):
            return
        for step in self._steps:
            wanted = 1 if step.times >= FOREVER else step.times
            if step.given < wanted and not self._cycled:
                yield f"{self.call.id}: {step.label} was given {step.given} of {wanted} times"


def _asks_the_wire(when: When) -> bool:
    return bool(when.path or when.header or when.body) or any(map(_asks_the_wire, (*when.all_, *when.any_)))


def _steps(call: Call) -> Iterator[Step]:
    if call.sequence is not None:
        for number, item in enumerate(call.sequence):
            times = (item.fault.times or 1) if item.fault else 1
            yield Step(
                _struck(call.sequence, number), item.timing, item.fault, times, f"item {number + 1} ({_named(item)})"
            )
    elif call.reply is not None:
        fault = call.reply.fault
        yield Step(
            call.reply, call.reply.timing, fault, (fault.times or FOREVER) if fault else FOREVER, _named(call.reply)
        )
        if fault and fault.times and call.reply.says:
            yield Step(call.reply, call.reply.timing, None, FOREVER, "the reply after its fault")


def _struck(items: list[Reply], number: int) -> Reply:
    """The answer that a fault strikes: its own, else the next one, else the last one before it."""
    later = [item for item in items[number:] if item.says]
    before = [item for item in items[:number] if item.says]
    return next(iter([*later, *reversed(before)]), Reply(text=""))


def _named(item: Reply) -> str:
    return item.fault.kind if item.fault else " and ".join(item.says)
