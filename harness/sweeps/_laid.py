"""Laid: the overlay of one case. It strikes, and it remembers every answer that went by and where it struck."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.engine import Entry
from harness.faults import FaultOverlay
from harness.model import Case, Interaction, Nanos
from harness.spec import Overlay
from harness.sweeps._again import Again
from harness.sweeps._kinds import NO_FAULTS, ORDER
from harness.sweeps._orders import order_of
from harness.sweeps._schedule import Schedule, is_kept


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer on its way to the caller, before anything struck it, and the kinds of what then struck it."""

    call: int
    attempt: int
    answer: Interaction
    struck: tuple[str, ...] = ()


class Laid:
    """An Overlay over `beneath`, that of the source itself. `seen` grows in the order in which answers are asked for:
    the places of a fault are counted over it while the run goes on, so that a call which is there only because of a
    fault has places too.

    `schedule` says when what is heard comes, where the order in which calls complete is what the case changes."""

    def __init__(
        self,
        case: Case | None,
        source: Again | None,
        beneath: Overlay | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        strikes = [strike for strike in case.strikes if strike.kind not in NO_FAULTS] if case is not None else []
        self.case = case
        self.seen: list[Seen] = []
        self._faults = FaultOverlay.of(strikes)
        self._source = source
        self._beneath = beneath
        self._schedule = schedule
        self._healed = False

    def strike(self, call: int, attempt: int, answer: Interaction, asked_at: Nanos) -> Interaction:
        """`answer` as it is to be heard. What cannot be said in its dialect leaves it as it is."""
        if self._beneath is not None:
            answer = self._beneath.strike(call, attempt, answer, asked_at)
        before = [armed.struck for armed in self._faults.armed]
        heard = self._struck(call, attempt, answer, asked_at)
        kinds = tuple(
            armed.strike.kind for armed, count in zip(self._faults.armed, before, strict=True) if armed.struck > count
        )
        self.seen.append(Seen(call, attempt, answer, kinds))
        if self._source is not None:
            self._source.was_struck(struck=bool(kinds))
        if self._schedule is None or self._healed:
            return heard
        return self._schedule.moved(call, attempt, heard, asked_at)

    def _struck(self, call: int, attempt: int, answer: Interaction, asked_at: Nanos) -> Interaction:
        if self._healed:
            return answer
        try:
            return self._faults.strike(call, attempt, answer, asked_at)
        except ValueError:  # a persistent fault meets an answer of another dialect: an error here would be a miss
            return answer

    def ordered(self, history: Iterable[Entry]) -> tuple[str, ...]:
        """`order` where the calls of `history` completed in the order of the case; nothing where they did not, or where
        it says none."""
        order = order_of(self.case) if self._schedule is not None else ()
        return (ORDER,) if order and is_kept(order, history) else ()

    def heal(self) -> None:
        """From here on nothing strikes."""
        self._healed = True

    def unstruck(self) -> Sequence[str]:
        """Nothing: whether a case struck is its verdict, and no complaint of the session."""
        return ()
