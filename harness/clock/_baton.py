"""The right to run, and how threads come by it, lose it and do without.

1. A participant is a thread that opened the window or was started by one. It runs only while it has the baton.
2. Blocking gives the baton away. Waking somebody never does: the woken one queues.
3. A participant that does something real is *outside*: the others run on, and nothing times out because virtual time
   ran past real work.
"""

from __future__ import annotations

import _thread
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from typing import Final

from harness.clock._agenda import Agenda
from harness.clock._real import in_real_time, is_in_real_time, real_now, real_thread_join
from harness.clock._stuck import thread_line
from harness.clock._turn import MUTEX, Turn
from harness.clock._waiter import State, Waiter
from harness.model import Nanos

_REAP_S: Final = 0.05
"""How long an ended thread may take to be gone; longer only where an excepthook blocks."""


def _yes() -> bool:
    return True


def _nobody_looks() -> None:
    """A baton alone has no monitor; its clock gives it one."""


class Baton(Turn):
    """The right to run, passed from thread to thread."""

    def __init__(self, agenda: Agenda) -> None:
        super().__init__(agenda)
        self.on_crowd: Callable[[], None] = _nobody_looks
        self._ended: deque[threading.Thread] = deque()

    # --- the window ---------------------------------------------------------------------------------------------

    def open(self) -> None:
        """The calling thread becomes the first participant, and has the baton."""
        self._owner = self.holder = _thread.get_ident()
        self.participants = {self._owner}
        self.is_open = True

    def close(self) -> tuple[str, ...]:
        """Let everybody go, and say who was still there.

        A timed wait ends early, and its thread runs on in real time.
        A wait without a deadline goes on until somebody ends it.
        """
        self._reap()
        with MUTEX:
            self.is_open = self.is_idle = False
            ready, blocked = self._queue.clear()
            lines = {waiter.ident: waiter.where() for waiter in (*ready, *blocked)}
            leaked = [lines.get(ident) or thread_line(ident) for ident in self.participants - {self._owner}]
            for waiter in ready:
                waiter.gate.release()
            for waiter in blocked:
                self._let_go(waiter)
            self._real_work.clear()
            self.participants.clear()
        return tuple(sorted(leaked))

    # --- waiting and waking -------------------------------------------------------------------------------------

    def block(self, waiter: Waiter) -> bool:
        """Wait; True where woken, False where the deadline passed. Raises what `waiter.error` became meanwhile."""
        self.agenda.refuse_waiting()
        self.come_back()
        with MUTEX:
            if waiter.state is State.NEW and self.is_open:
                waiter.baton = self
                self._queue.add(waiter, self.agenda.next_order())
            else:
                return waiter.was_woken
        self._pass_on()
        self._wait_at(waiter)
        if waiter.error is not None:
            raise waiter.error
        return waiter.was_woken

    def _wait_at(self, waiter: Waiter) -> None:
        try:
            waiter.gate.acquire()
        except BaseException:
            # Ctrl-C in the main thread: it unwinds without the baton, and the window closes under the others.
            with MUTEX:
                self._queue.drop(waiter)
            raise
        self._reap()

    # --- the threads --------------------------------------------------------------------------------------------

    def invite(self, waiter: Waiter) -> None:
        """A thread was started and stands at `waiter`'s gate: it runs when its turn comes."""
        with MUTEX:
            waiter.baton = self
            if self.is_open:
                self.participants.add(waiter.ident)
                self._end(waiter, State.WOKEN)
            else:
                waiter.gate.release()
        self.on_crowd()

    def invite_and_wait(self) -> None:
        """The calling thread asks to take part, and waits for its turn."""
        waiter = Waiter()
        self.invite(waiter)
        self._wait_at(waiter)

    def leave(self, thread: threading.Thread | None = None) -> None:
        """The calling thread takes part no longer. `thread` is itself, where it is about to end."""
        ident = _thread.get_ident()
        with MUTEX:
            if ident not in self.participants:
                return
            self.participants.discard(ident)
            was_outside = self._real_work.pop(ident, None) is not None
            if thread is not None:
                self._ended.append(thread)
        if was_outside:
            self._settle()
        else:
            self._pass_on()

    def _reap(self) -> None:
        """An ended thread is gone before anybody looks: otherwise `is_alive` would depend on the real machine."""
        while self._ended:
            with in_real_time():
                real_thread_join(self._ended.popleft(), _REAP_S)

    # --- real work ----------------------------------------------------------------------------------------------

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Within the block this participant does something real, and the others run on."""
        ident = _thread.get_ident()
        if ident not in self.participants or ident in self._real_work or is_in_real_time():
            yield
            return
        with MUTEX:
            self._real_work[ident] = _yes
        self.on_crowd()
        self._pass_on()
        try:
            with in_real_time():
                yield
        finally:
            self.come_back()

    def expect(self, token: object, holds_up: Callable[[], bool] = _yes) -> None:
        """Something real is on its way, told apart by `token`: while `holds_up` says so, a jump has to be earned."""
        with MUTEX:
            self._real_work[token] = holds_up
        self.on_crowd()

    def arrived(self, token: object) -> None:
        """What was expected is here, or will not come."""
        with MUTEX:
            self._real_work.pop(token, None)
        self._settle()

    def _settle(self) -> None:
        """Go on, where all that held the others up is over and nobody took the baton since."""
        with MUTEX:
            if not self.is_idle or self._is_held_up():
                return
            self.is_idle = False
        self._pass_on()

    def push_outside(self, ident: int, turns: int) -> bool:
        """Take the baton from `ident`, which does something real and did not say so; False where it has gone on."""
        with MUTEX:
            if not self.is_open or self.turns != turns or self.holder != ident or self.is_idle:
                return False
            self._real_work[ident] = _yes
        self._pass_on()
        return True

    def ask_of_holder(self, question: Callable[[int], float]) -> float:
        """Ask while the holder cannot end: a thread that is gone must not be asked for its processor time."""
        with MUTEX:
            return question(self.holder) if self.is_open and self.holder in self.participants else 0.0

    def come_back(self) -> None:
        """Wait for the baton, where the calling thread is outside."""
        ident = _thread.get_ident()
        if ident not in self._real_work:
            return
        waiter = Waiter()
        with MUTEX:
            if ident not in self._real_work:
                return
            del self._real_work[ident]
            waiter.baton = self
            self._end(waiter, State.WOKEN)
        self._wait_at(waiter)

    def earned(self) -> None:
        """Jump, where everybody waits for real work and the next moment has come in real time too."""
        with MUTEX:
            due = min(self._queue.next_deadline(), self.agenda.next_at())
            is_early = real_now() - self.idle_since < due - self.agenda.now
            if not (self.is_open and self.is_idle) or (is_early and not self._queue.ready):
                return
            self.is_idle = False
        if not self._queue.ready:
            self._advance()
        self._pass_on()

    def move_earned(self, at: Nanos) -> None:
        """Let it be `at`, whose time has passed for real, unless something is due earlier."""
        with MUTEX:
            if at <= min(self._queue.next_deadline(), self.agenda.next_at()):
                self.agenda.move_to(at)

    @property
    def is_crowded(self) -> bool:
        """True where somebody could be kept waiting by somebody who does something real."""
        return self.is_open and (len(self.participants) > 1 or bool(self._real_work))

    def others(self) -> tuple[Sized, Sized, Sized]:
        """Who takes part, what real work is on its way, who is ready: the collections themselves, to be looked at.

        With one, none and none, nobody but the running thread can act before it waits.
        """
        return self.participants, self._real_work, self._queue.ready
