"""Who may run. One participant runs at a time, in the order in which they became ready; time moves when nobody can.

1. A participant is a thread that opened the window or was started by a participant. It runs only while it has the baton.
2. Blocking gives the baton away. Waking somebody never does: the woken one queues.
3. With nobody ready, time jumps to the earliest of {actions on the agenda, deadlines}; among equals an action goes first,
   then the wait that was armed first.
4. With nobody ready and nothing due, everybody would wait for ever: somebody hears VirtualDeadlockError.
5. A participant that does something real (a child process, a socket) is *outside*: the others run on, but a jump has to be
   earned in real time, so that nothing times out because virtual time ran past real work.
"""

from __future__ import annotations

import _thread
import heapq
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from harness.clock._agenda import Agenda
from harness.clock._real import in_real_time, is_in_real_time, real_lock, real_now, real_sleep, real_thread_join
from harness.clock._stuck import deadlock
from harness.clock._waiter import State, Waiter
from harness.model import NEVER, Nanos

_FOREIGN_GRACE_S: Final = 0.05
"""How long, in real time, threads that do not take part may still wake somebody before a deadlock is called one."""

_REAP_S: Final = 0.05
"""How long an ended thread may take to be gone; longer only where an excepthook blocks."""

_mutex: Final = real_lock()
"""One for all clocks: a thread may be parked on one clock and be woken under another."""


def _yes() -> bool:
    return True


def _nobody_looks() -> None:
    """A baton alone has no monitor; its clock gives it one."""


_parked: Final[set[Waiter]] = set()
"""Waits without a deadline that outlived their window: idle workers, mostly."""


class Baton:
    """The right to run, passed from thread to thread."""

    def __init__(self, agenda: Agenda) -> None:
        self.agenda = agenda
        self.is_open = False
        self.participants: set[int] = set()
        self.turns = 0
        self.holder = 0
        self.is_idle = False
        self.idle_since = Nanos(0)
        self._owner = 0
        self._ready: deque[Waiter] = deque()
        self._timed: list[tuple[Nanos, int, int, Waiter]] = []
        self._blocked: dict[Waiter, None] = {}
        self._outside: dict[object, Callable[[], bool]] = {}
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

        Timed waits end early and the thread runs on in real time; a wait without a deadline goes on until somebody ends it.
        """
        self._reap()
        with _mutex:
            self.is_open = self.is_idle = False
            left = [waiter for waiter in (*self._ready, *self._blocked) if waiter.ident != self._owner]
            leaked = tuple(sorted(waiter.where() for waiter in left))
            for waiter in self._ready:
                waiter.gate.release()
            for waiter in self._blocked:
                if waiter.deadline < NEVER:
                    waiter.state = State.TIMED_OUT
                    waiter.gate.release()
                else:
                    _parked.add(waiter)
            self._ready.clear()
            self._blocked.clear()
            self._timed.clear()
            self._outside.clear()
            self.participants.clear()
        return leaked

    # --- waiting and waking -------------------------------------------------------------------------------------

    def block(self, waiter: Waiter) -> bool:
        """Wait; True where woken, False where the deadline passed. Raises what `waiter.error` became meanwhile."""
        self.agenda.refuse_waiting()
        self.come_back()
        with _mutex:
            if waiter.state is not State.NEW or not self.is_open:
                return waiter.state is State.WOKEN
            self._register(waiter)
        self._pass_on()
        self._wait_at(waiter)
        if waiter.error is not None:
            raise waiter.error
        return waiter.state is State.WOKEN

    def wake(self, waiter: Waiter) -> bool:
        """End `waiter`'s wait, from any thread; False where it has ended already."""
        with _mutex:
            if waiter.state is State.NEW:
                waiter.state = State.WOKEN
                return True
            if waiter.state is not State.BLOCKED:
                return False
            waiter.state = State.WOKEN
            _parked.discard(waiter)
            home = waiter.baton
            if home is not None and home.is_open:
                home._make_ready(waiter)  # noqa: SLF001 - another baton, same class
            elif self.is_open and _thread.get_ident() in self.participants:
                # It was parked when an earlier window closed, and it is woken by work of this one: now it takes part.
                self.participants.add(waiter.ident)
                self._make_ready(waiter)
            else:
                waiter.gate.release()
            return True

    def _register(self, waiter: Waiter) -> None:
        waiter.state = State.BLOCKED
        waiter.baton = self
        self._blocked[waiter] = None
        if waiter.deadline < NEVER:
            arrival = self.agenda.next_order()
            order = arrival if waiter.order is None else waiter.order
            heapq.heappush(self._timed, (waiter.deadline, order, arrival, waiter))

    def _make_ready(self, waiter: Waiter) -> None:
        self._blocked.pop(waiter, None)
        self._ready.append(waiter)
        if self.is_idle:
            self._hand_over()

    def _wait_at(self, waiter: Waiter) -> None:
        try:
            waiter.gate.acquire()
        except BaseException:
            # Ctrl-C in the main thread: it unwinds without the baton, and the window closes under the others.
            with _mutex:
                self._blocked.pop(waiter, None)
                waiter.state = State.FAILED
            raise
        self._reap()

    # --- the threads --------------------------------------------------------------------------------------------

    def invite(self, waiter: Waiter) -> None:
        """A thread was started and stands at `waiter`'s gate: it runs when its turn comes."""
        with _mutex:
            waiter.state = State.WOKEN
            waiter.baton = self
            if self.is_open:
                self.participants.add(waiter.ident)
                self._make_ready(waiter)
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
        with _mutex:
            if ident not in self.participants:
                return
            self.participants.discard(ident)
            was_outside = self._outside.pop(ident, None) is not None
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
        if ident not in self.participants or ident in self._outside or is_in_real_time():
            yield
            return
        with _mutex:
            self._outside[ident] = _yes
        self.on_crowd()
        self._pass_on()
        try:
            with in_real_time():
                yield
        finally:
            self.come_back()

    def expect(self, token: object, holds_up: Callable[[], bool] = _yes) -> None:
        """Something real is on its way, told apart by `token`: while `holds_up` says so, a jump has to be earned."""
        with _mutex:
            self._outside[token] = holds_up
        self.on_crowd()

    def arrived(self, token: object) -> None:
        """What was expected is here, or will not come."""
        with _mutex:
            self._outside.pop(token, None)
        self._settle()

    def _settle(self) -> None:
        """Go on, where all that held the others up is over and nobody took the baton since."""
        with _mutex:
            if not self.is_idle or self._is_held_up():
                return
            self.is_idle = False
        self._pass_on()

    def _is_held_up(self) -> bool:
        return any(holds_up() for holds_up in self._outside.values())

    def push_outside(self, ident: int, turns: int) -> bool:
        """Take the baton from `ident`, which does something real without saying so; False where it has gone on since."""
        with _mutex:
            if not self.is_open or self.turns != turns or self.holder != ident or self.is_idle:
                return False
            self._outside[ident] = _yes
        self._pass_on()
        return True

    def ask_of_holder(self, question: Callable[[int], float]) -> float:
        """Ask while the holder cannot end: a thread that is gone must not be asked for its processor time."""
        with _mutex:
            return question(self.holder) if self.is_open and self.holder in self.participants else 0.0

    def come_back(self) -> None:
        """Wait for the baton, where the calling thread is outside."""
        ident = _thread.get_ident()
        if ident not in self._outside:
            return
        waiter = Waiter()
        with _mutex:
            if ident not in self._outside:
                return
            del self._outside[ident]
            waiter.state, waiter.baton = State.WOKEN, self
            self._make_ready(waiter)
        self._wait_at(waiter)

    def earned(self) -> None:
        """Jump, where everybody waits for real work and the next moment has come in real time too."""
        with _mutex:
            due = min(self._next_deadline(), self.agenda.next_at())
            if not (self.is_open and self.is_idle) or real_now() - self.idle_since < due - self.agenda.now:
                return
            self.is_idle = False
        self._advance()
        self._pass_on()

    def move_earned(self, at: Nanos) -> None:
        """Let it be `at`, whose time has passed for real, unless something is due earlier."""
        with _mutex:
            if at <= min(self._next_deadline(), self.agenda.next_at()):
                self.agenda.move_to(at)

    @property
    def is_crowded(self) -> bool:
        """True where somebody could be kept waiting by somebody who does something real."""
        return self.is_open and (len(self.participants) > 1 or bool(self._outside))

    # --- the turn -----------------------------------------------------------------------------------------------

    def _pass_on(self) -> None:
        while True:
            with _mutex:
                if not self.is_open or self._hand_over():
                    return
                if self._is_held_up():
                    self.is_idle, self.idle_since = True, real_now()
                    return
                if not self._blocked:
                    return
            if not self._wake_polled():
                self._advance()

    def _hand_over(self) -> bool:
        if not self._ready:
            return False
        waiter = self._ready.popleft()
        self.is_idle = False
        self.turns += 1
        self.holder = waiter.ident
        waiter.gate.release()
        return True

    def _wake_polled(self) -> bool:
        """Ask those who wait for an event: whatever set it, it ends their wait before time moves on."""
        woken = [waiter for waiter in tuple(self._blocked) if waiter.poll is not None and waiter.poll()]
        return any([self.wake(waiter) for waiter in woken])

    def _next_deadline(self) -> Nanos:
        while self._timed and self._timed[0][-1].state is not State.BLOCKED:
            heapq.heappop(self._timed)
        return self._timed[0][0] if self._timed else NEVER

    def _advance(self) -> None:
        with _mutex:
            deadline = self._next_deadline()
        action = self.agenda.next_at()
        at = min(deadline, action)
        if at >= NEVER:
            self._call_it_a_deadlock()
        elif (exceeded := self.agenda.exceeded(at)) is not None:
            self._fail(exceeded)
        elif action <= deadline:
            self._act()
        else:
            self._time_out(deadline)

    def _act(self) -> None:
        try:
            self.agenda.run_next()
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread, which waits
            self._fail(error)

    def _time_out(self, deadline: Nanos) -> None:
        with _mutex:
            if self._next_deadline() != deadline:
                return
            waiter = heapq.heappop(self._timed)[-1]
            self.agenda.move_to(deadline)
            waiter.state = State.TIMED_OUT
            self._make_ready(waiter)

    def _call_it_a_deadlock(self) -> None:
        if not self._comes_from_elsewhere():
            self._fail(deadlock(self.agenda.now, self._stuck()), wanting=True)

    def _comes_from_elsewhere(self) -> bool:
        """Give threads that do not take part a moment to wake somebody."""
        until = real_now() + _FOREIGN_GRACE_S * 1e9
        while self._has_strangers() and real_now() < until:
            if self._ready or self._wake_polled():
                return True
            real_sleep(0.001)
        return bool(self._ready)

    def _has_strangers(self) -> bool:
        known = self.participants | {waiter.ident for waiter in _parked}
        return any(thread.ident not in known for thread in threading.enumerate())

    def _stuck(self) -> list[str]:
        return sorted(waiter.where() for waiter in tuple(self._blocked))

    def _fail(self, error: BaseException, *, wanting: bool = False) -> None:
        """Raise `error` where it is best heard: in a wait that asked for it, else in the thread that opened the window,
        else in the wait that is longest on."""
        with _mutex:
            blocked = tuple(self._blocked)
            asked = [waiter for waiter in blocked if wanting and waiter.wants_error]
            owner = [waiter for waiter in blocked if waiter.ident == self._owner]
            for waiter in (*asked, *owner, *blocked)[:1]:
                waiter.state, waiter.error = State.FAILED, error
                self._make_ready(waiter)
