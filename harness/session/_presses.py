"""The ways to say stop: what a press of cancel does, by the name it has in a scenario."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from harness.clock import RunningTask, VirtualClock
from harness.engine import VIAS, Exchange
from harness.errors import SessionError
from harness.spec import Clock

Press = Callable[[Exchange | None, RunningTask | None], object]
"""Says stop to whoever reads this exchange in this task; None where there is none."""


class Cancellable(Protocol):
    """What a press needs of a session."""

    @property
    def clock(self) -> Clock:
        """What it waits by."""

    @property
    def backends(self) -> Sequence[Any]:
        """Those whose `cancel_event` is the driver's."""


def press_of(via: str, session: Cancellable) -> Press:
    """How `via` says stop. Raises ValueError for an unknown one."""
    presses: dict[str, Press] = {
        "event": lambda _exchange, _task: _set_events(session),
        "thread": lambda _exchange, _task: _from_another_thread(session),
        "task": lambda _exchange, task: _cancel(task),
        "close": lambda exchange, _task: _hang_up(exchange, session),
        "signal": lambda _exchange, _task: _interrupt(),
    }
    if via not in presses:
        message = f"via={via!r} is no way to cancel; there are {', '.join(VIAS)}, and a fn of your own"
        raise ValueError(message)
    return presses[via]


def _events(session: Cancellable) -> list[Callable[[], object]]:
    events = [backend.cancel_event for backend in session.backends]
    presses = [press for event in events if (press := getattr(event, "set", None)) is not None]
    if not presses:
        message = (
            "cancel is to be pressed here, and no backend of this session has a cancel_event: set one "
            "(backend.cancel_event = threading.Event()), use session.cancel_at(place, fn) with a fn of your own, or "
            "via='task' or via='close'"
        )
        raise SessionError(message)
    return presses


def _set_events(session: Cancellable) -> None:
    for press in _events(session):
        press()


def _from_another_thread(session: Cancellable) -> None:
    presses = _events(session)
    presser = threading.Thread(target=lambda: [press() for press in presses], name="cancel")
    presser.start()
    clock = session.clock
    if not (isinstance(clock, VirtualClock) and clock.agenda.is_acting):
        presser.join()  # an action on the timeline must not wait, and need not: everybody else waits then


def _cancel(task: RunningTask | None) -> None:
    if task is None:
        message = (
            "the task that reads here is to be cancelled, and what reads is a thread: say via='event' for a backend "
            "with a cancel_event, via='close' for an SDK's stream, or via='signal' for Ctrl-C"
        )
        raise SessionError(message)
    task.cancel()


def _hang_up(exchange: Exchange | None, session: Cancellable) -> None:
    if exchange is None:
        message = "a stream is to be closed here, and none has been opened yet: name a later place"
        raise SessionError(message)
    if exchange.interaction.request.url.startswith("native:"):
        message = "a backend's call has no stream that could be closed from outside: say via='event' or via='task'"
        raise SessionError(message)
    exchange.left(session.clock.now(), "closed")


def _interrupt() -> None:
    """Ctrl-C: the main thread hears it, whoever presses."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        message = (
            "Ctrl-C is to be pressed here, and this process ignores it, as one does that a shell started in the "
            "background: run it in the foreground, or signal.signal(signal.SIGINT, signal.default_int_handler) first"
        )
        raise SessionError(message)
    main = threading.main_thread().ident
    if _thread.get_ident() == main or main is None:
        signal.raise_signal(signal.SIGINT)
    elif hasattr(signal, "pthread_kill"):  # also where the main thread sits in a lock
        signal.pthread_kill(main, signal.SIGINT)
    else:
        _thread.interrupt_main()
