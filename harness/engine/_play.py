"""The two drivers of an Exchange, the only pair in the house that differs by colour."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from typing import TypeAlias

from harness.engine._exchange import Exchange, Leap
from harness.errors import VirtualDeadlockError
from harness.model import Event, Nanos
from harness.spec import CancelEvent, Clock

Turn: TypeAlias = Callable[[], Awaitable[None]]
"""Lets other tasks run, and hears of a cancel; time stands still. A clock of one's own need not have it."""

Lapse: TypeAlias = Callable[[Nanos], Awaitable[None]]
"""The caller of a recording was cancelled so long after its request: a clock that only counts looks for what did it."""


def play(
    exchange: Exchange, clock: Clock, wake: CancelEvent | None = None, *, joined: bool = False
) -> Generator[Event, None, None]:
    """The events of `exchange`, each when it is due. Ends early where `wake` is set: ask it afterwards. `joined` as in
    `Exchange.rush`.

    Raises Miss where the wire is silent and nothing can end the wait.
    """
    try:
        if wake is None:
            yield from exchange.rush(getattr(clock, "leaping", _waits)(), joined=joined)
        while (due := exchange.next_event(clock.now())) is not None:
            for until in exchange.waits(clock.now(), due.at):
                if clock.wait_until(until, wake):
                    exchange.left(clock.now(), "cancelled")
                    return
            if exchange.is_over:
                return
            if due.event is None:
                raise exchange.silent()
            yield exchange.delivered(clock.now(), due.event)
    except VirtualDeadlockError as stuck:
        raise exchange.silent() from stuck
    finally:
        exchange.left(clock.now(), "closed")


async def aplay(exchange: Exchange, clock: Clock, *, joined: bool = False) -> AsyncGenerator[Event, None]:
    """The events of `exchange`, each when it is due. Cancelled by the task's own cancellation. `joined` as in
    `Exchange.rush`.

    Raises Miss where the wire is silent and nothing can end the wait.
    """
    turn: Turn = getattr(clock, "turn", _no_turn)
    lapse: Lapse = getattr(clock, "lapse", _no_lapse)
    try:
        for event in rushed_in_task(exchange, clock, joined=joined):
            yield event
        while (due := exchange.next_event(clock.now())) is not None:
            if exchange.gives_turns:
                await turn()
            for until in exchange.waits(clock.now(), due.at):
                await clock.sleep_until(until)
                if until == exchange.cancelled_at:
                    await lapse(exchange.interaction.timeline.left_at)
            if exchange.is_over:
                return
            if due.event is None:
                raise exchange.silent()
            yield exchange.delivered(clock.now(), due.event)
    except VirtualDeadlockError as stuck:
        raise exchange.silent() from stuck
    except GeneratorExit:
        exchange.left(clock.now(), "closed")
        raise
    finally:
        exchange.left(clock.now(), "cancelled")


def rushed_in_task(exchange: Exchange, clock: Clock, *, joined: bool = False) -> Iterator[Event]:
    """The events with which `aplay` begins, for which a task has nothing to wait. `joined` as in `Exchange.rush`."""
    return exchange.rush(getattr(clock, "leaping_in_task", _waits)(), joined=joined)


def _waits() -> Leap:
    """For a clock that cannot leap: it waits for every moment."""
    return _never


def _never(at: int) -> None:
    del at


async def _no_turn() -> None:
    """For a clock that gives none."""


async def _no_lapse(length: Nanos) -> None:
    """For a clock on which timers strike by themselves."""
    del length
