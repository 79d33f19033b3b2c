"""Leaping: moving to the next moment of a replay without waiting for it, where nobody else can act before.

A wait costs tens of microseconds (a waiter, the baton, in a loop a timer and a turn), a leap a quarter of one.
It is refused wherever a wait could show a difference: another participant, real work on its way, an action or a timer
that is due by then, a task that is ready, a run of trio, a moment past the horizon.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from harness.clock._agenda import Agenda
from harness.clock._baton import Baton
from harness.clock._trio import running_trio
from harness.model import Nanos

if TYPE_CHECKING:
    from harness.clock._virtual import VirtualClock

Leap: TypeAlias = Callable[[int], int | None]


def in_thread(agenda: Agenda, baton: Baton) -> Leap:
    """A leap for the calling thread, to be used until it next waits."""
    if running_trio() is not None:
        return _never

    # Looked at, not called: a replay of a thousand tokens comes by here a thousand times.
    (participants, real_work, ready), actions = baton.others(), agenda.actions

    def leap(at: int) -> int | None:
        if len(participants) > 1 or real_work or ready or agenda.is_acting:
            return None
        if at > agenda.horizon or (actions and actions[0][0] <= at):
            return None
        if at <= agenda.now:
            return agenda.now
        agenda.now = Nanos(at)
        return at

    return leap


def in_task(clock: VirtualClock, agenda: Agenda, baton: Baton) -> Leap:
    """A leap for the task that runs, to be used until it next waits."""
    alone = in_thread(agenda, baton)
    loop: Any = asyncio._get_running_loop()  # noqa: SLF001 - documented for event loop authors; None where none runs
    ready = getattr(loop, "_ready", None)
    if alone is _never or ready is None:  # trio, or a loop whose insides cannot be seen
        return _never
    next_timer = loop.next_timer if getattr(loop, "clock", None) is clock else None

    def leap(at: int) -> int | None:
        if ready or (next_timer is not None and next_timer() <= at):
            return None
        return alone(at)

    return leap


def quiet_until(clock: VirtualClock, agenda: Agenda, baton: Baton) -> Nanos:
    """When somebody else than the task that runs may act next; now, where that cannot be known."""
    participants, real_work, ready = baton.others()
    loop: Any = asyncio._get_running_loop()  # noqa: SLF001 - as above
    is_ours = running_trio() is None and getattr(loop, "clock", None) is clock
    if not is_ours or loop._ready or len(participants) > 1 or real_work or ready:  # noqa: SLF001 - as above
        return agenda.now
    timer: Nanos = loop.next_timer()
    return min(agenda.next_at(), timer)


def _never(at: int) -> None:
    del at
