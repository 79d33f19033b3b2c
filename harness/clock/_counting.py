"""A virtual clock where it is not the time of the program: a wait moves `now` and returns.

What can end a wait for ever is decidable here as follows.
A thread: an action on the agenda.
A task in a loop that is not ours: an action, or whatever the loop still has to do (a callback, a timer, a descriptor).
Another thread may call in too, and nobody can tell whether it will: it is given 50 ms of real time.
Where it has nothing left, nothing can come, and VirtualDeadlockError is raised; while it has something left, the task
waits for its cancellation in real time.
Where the caller of a recording was cancelled, the loop's timer that is nearest to that moment strikes: in a recording
of `asyncio.timeout(10)` it is that one.
A loop whose insides cannot be seen (uvloop) counts as having something left while any other task is not done.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final

from harness.clock._agenda import Agenda
from harness.clock._real import in_real_time, real_now
from harness.clock._refusal import refuse_uvloop
from harness.clock._stuck import deadlock, this_line
from harness.clock._trio import mock_clock, running_trio, until_cancelled
from harness.model import NEVER, Nanos, as_seconds, seconds
from harness.spec import CancelEvent

if TYPE_CHECKING:
    from harness.clock._virtual import VirtualClock

_GRACE_S: Final = 0.05
_LOOK_AGAIN_S: Final = 0.05
_SLACK_S: Final = 0.5
_SLACK: Final = 0.1
"""How far from its recorded moment a timer may be: it was armed before the request was sent, and on a real machine."""
_ours: Final[set[asyncio.TimerHandle]] = set()
"""Timers of our own looking: they are nothing that could end anybody's wait."""


def wait_until(agenda: Agenda, at: Nanos, wake: CancelEvent | None) -> bool:
    """Move to `at`, or to the moment in which `wake` is set; True where it is set."""
    agenda.refuse_waiting()
    while wake is None or not wake.is_set():
        due = min(at, agenda.next_at())
        if due >= NEVER:
            return _wait_for_ever(agenda, wake)
        if (exceeded := agenda.exceeded(due)) is not None:
            raise exceeded
        if agenda.next_at() > at:
            agenda.move_to(at)
            return False
        agenda.run_next()
    return True


def _wait_for_ever(agenda: Agenda, wake: CancelEvent | None) -> bool:
    if wake is not None and threading.active_count() > 1:
        with in_real_time():
            if wake.wait(_GRACE_S):
                return True
    raise deadlock(agenda.now, [this_line()])


async def sleep_until(clock: VirtualClock, at: Nanos) -> None:
    """Wait in the task that runs, whatever it runs on."""
    trio = running_trio()
    if trio is not None:
        await _sleep_in_trio(trio, clock, at)
        return
    loop = asyncio.get_running_loop()
    if getattr(loop, "clock", None) is clock:
        await loop.sleep_until(at)  # type: ignore[attr-defined] # a VirtualTimeLoop; importing it here would be a circle
    elif at >= NEVER:
        await _until_cancelled(clock.agenda, loop)
    else:
        if clock.baton.is_open:
            refuse_uvloop(loop)
        clock.wait_until(at)
        await asyncio.sleep(0)


async def _sleep_in_trio(trio: Any, clock: VirtualClock, at: Nanos) -> None:
    if clock.steps.follow():
        await clock.steps.sleep_until(at)
    elif at >= NEVER:
        while clock.agenda.next_at() < NEVER:
            wait_until(clock.agenda, clock.agenda.next_at(), None)
            await trio.lowlevel.checkpoint()
        await until_cancelled(clock.agenda.now)
    else:
        wait_until(clock.agenda, at, None)
        await trio.lowlevel.checkpoint()


async def _until_cancelled(agenda: Agenda, loop: asyncio.AbstractEventLoop) -> None:
    while agenda.next_at() < NEVER:
        wait_until(agenda, agenda.next_at(), None)
        await asyncio.sleep(0)
    line, patience = this_line(), real_now() + seconds(_GRACE_S)
    while True:
        await asyncio.sleep(0)
        if not _has_more_to_do(loop) and (threading.active_count() == 1 or real_now() > patience):
            raise deadlock(agenda.now, [line])
        await _look_again(loop)


async def _look_again(loop: asyncio.AbstractEventLoop) -> None:
    later = loop.create_future()
    handle = loop.call_later(_LOOK_AGAIN_S, later.set_result, None)
    _ours.add(handle)
    try:
        await later
    finally:
        handle.cancel()
        _ours.discard(handle)


async def lapse(clock: VirtualClock, length: Nanos) -> None:
    """Strike the timer of a foreign loop that is due in about `length`; none where none is near."""
    if running_trio() is not None:
        return
    loop = asyncio.get_running_loop()
    if getattr(loop, "clock", None) is clock:
        return
    length_s = as_seconds(length)
    at, slack_s = loop.time() + length_s, max(_SLACK_S, length_s * _SLACK)
    armed = [timer for timer in getattr(loop, "_scheduled", ()) if not timer.cancelled() and timer not in _ours]
    timer = min(armed, key=lambda timer: abs(timer.when() - at), default=None)
    if timer is not None and abs(timer.when() - at) <= slack_s:
        _strike(loop, timer)
        await asyncio.sleep(0)
        await asyncio.sleep(0)


def _strike(loop: asyncio.AbstractEventLoop, timer: asyncio.TimerHandle) -> None:
    callback, args, context = timer._callback, timer._args, timer._context  # type: ignore[attr-defined] # noqa: SLF001
    timer.cancel()
    scope: Any = getattr(callback, "__self__", None)
    if type(scope).__module__.startswith("anyio."):  # it looks whether it is late enough: so its deadline is now
        scope.deadline = loop.time()
    else:
        context.run(callback, *args)


def why_counting(clock: VirtualClock) -> str:
    """Why `clock` does nothing but count for the code that runs here; empty where it is the time of its waits."""
    trio = running_trio()
    if trio is not None:
        return "" if mock_clock(trio) is not None else "trio runs on its real clock"
    loop = asyncio._get_running_loop()  # noqa: SLF001 - documented for event loop authors; None where none runs
    if loop is not None and getattr(loop, "clock", None) is not clock:
        return "this event loop is not of its making"
    return ""


def _has_more_to_do(loop: asyncio.AbstractEventLoop) -> bool:
    ready, scheduled = getattr(loop, "_ready", None), getattr(loop, "_scheduled", None)
    selector = getattr(loop, "_selector", None)
    if ready is None or scheduled is None or selector is None:
        return any(task is not asyncio.current_task(loop) for task in asyncio.all_tasks(loop))
    timers = [handle for handle in scheduled if not handle.cancelled() and handle not in _ours]
    # One descriptor is the loop's own, for being woken by other threads.
    return bool(ready or timers) or len(selector.get_map()) > 1
