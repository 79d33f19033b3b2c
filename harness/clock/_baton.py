"""Who may run: one participant at a time, in the order in which they became ready; time moves when nobody can.

1. A participant is a thread that opened the window or was started by one. It runs only while it has the baton.
2. Blocking gives the baton away. Waking somebody never does: the woken one queues.
3. With nobody ready, time jumps to the earliest of {actions on the agenda, deadlines}.
   Among equals an action goes first, then the wait that was armed first.
4. With nobody ready and nothing due, everybody would wait for ever: somebody hears VirtualDeadlockError.
5. A participant that does something real (a child process, a socket) is *outside*: the others run on, but a jump has
   to be earned in real time, so that nothing times out because virtual time ran past real work.
"""

from __future__ import annotations

import _thread
import threading
from collections import deque
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from typing import Final

from harness.clock._agenda import Agenda
from harness.clock._queue import Queue
from harness.clock._real import in_real_time, is_in_real_time, real_now, real_rlock, real_sleep, real_thread_join
from harness.clock._stuck import deadlock, thread_line
from harness.clock._waiter import State, Waiter
from harness.model import NEVER, Nanos

_FOREIGN_GRACE_S: Final = 0.05
"""How long, in real time, threads that do not take part may still wake somebody before a deadlock is called one."""

_REAP_S: Final = 0.05
"""How long an ended thread may take to be gone; longer only where an excepthook blocks."""

_mutex: Final = real_rlock()
"""One for all clocks: a thread may be parked on one clock and be woken under another.
It can be entered again, because the garbage collector may run a finalizer in the middle that wakes somebody."""


def _yes() -> bool:
    return True


def _nobody_looks() -> None:
    """A baton alone has no monitor; its clock gives it one."""


_parked: Final[set[Waiter]] = set()
"""Waits without a deadline that outlived their window: idle workers, mostly."""


def end_parked(spared: Container[int]) -> None:
    """Raise SystemExit in every parked wait, but for the threads in `spared`: for the end of the process, which would
    wait for them for ever."""
    with _mutex:
        for waiter in [waiter for waiter in _parked if waiter.ident not in spared]:
            _parked.discard(waiter)
            waiter.state, waiter.error = State.FAILED, SystemExit()
            waiter.gate.release()


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
        self._queue = Queue()
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

        A timed wait ends early, and its thread runs on in real time.
        A wait without a deadline goes on until somebody ends it.
        """
        self._reap()
        with _mutex:
            self.is_open = self.is_idle = False
            ready, blocked = self._queue.clear()
            lines = {waiter.ident: waiter.where() for waiter in (*ready, *blocked)}
            leaked = [lines.get(ident) or thread_line(ident) for ident in self.participants - {self._owner}]
            for waiter in ready:
                waiter.gate.release()
            for waiter in blocked:
                self._let_go(waiter)
            self._outside.clear()
            self.participants.clear()
        return tuple(sorted(leaked))

    def _let_go(self, waiter: Waiter) -> None:
        if waiter.deadline < NEVER:
            waiter.state = State.TIMED_OUT
            waiter.gate.release()
        else:
            _parked.add(waiter)

    # --- waiting and waking -------------------------------------------------------------------------------------

    def block(self, waiter: Waiter) -> bool:
        """Wait; True where woken, False where the deadline passed. Raises what `waiter.error` became meanwhile."""
        self.agenda.refuse_waiting()
        self.come_back()
        with _mutex:
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

    def wake(self, waiter: Waiter) -> bool:
        """End `waiter`'s wait, from any thread; False where it has ended already."""
        with _mutex:
            if waiter.state is State.NEW:
                waiter.state = State.WOKEN
                return True
            if waiter.state is not State.BLOCKED:
                return False
            if waiter not in _parked and waiter.baton is not None:
                waiter.baton._end(waiter, State.WOKEN)  # noqa: SLF001 - perhaps another baton, of the same class
                return True
            _parked.discard(waiter)
            if self.is_open and _thread.get_ident() in self.participants:
                # An earlier window left it parked, and work of this one wakes it: now it takes part.
                self.participants.add(waiter.ident)
                self._end(waiter, State.WOKEN)
            else:
                waiter.state = State.WOKEN
                waiter.gate.release()
            return True

    def _end(self, waiter: Waiter, state: State) -> None:
        self._queue.end(waiter, state)
        if self.is_idle:
            self._hand_over()

    def _wait_at(self, waiter: Waiter) -> None:
        try:
            waiter.gate.acquire()
        except BaseException:
            # Ctrl-C in the main thread: it unwinds without the baton, and the window closes under the others.
            with _mutex:
                self._queue.drop(waiter)
            raise
        self._reap()

    # --- the threads --------------------------------------------------------------------------------------------

    def invite(self, waiter: Waiter) -> None:
        """A thread was started and stands at `waiter`'s gate: it runs when its turn comes."""
        with _mutex:
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
        """Take the baton from `ident`, which does something real and did not say so; False where it has gone on."""
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
            waiter.baton = self
            self._end(waiter, State.WOKEN)
        self._wait_at(waiter)

    def earned(self) -> None:
        """Jump, where everybody waits for real work and the next moment has come in real time too."""
        with _mutex:
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
        with _mutex:
            if at <= min(self._queue.next_deadline(), self.agenda.next_at()):
                self.agenda.move_to(at)

    @property
    def is_crowded(self) -> bool:
        """True where somebody could be kept waiting by somebody who does something real."""
        return self.is_open and (len(self.participants) > 1 or bool(self._outside))

    def is_alone(self) -> bool:
        """True where nobody but the running thread could act before it waits."""
        return len(self.participants) <= 1 and not self._outside and not self._queue.ready

    # --- the turn -----------------------------------------------------------------------------------------------

    def _pass_on(self) -> None:
        while True:
            with _mutex:
                if not self.is_open or self._hand_over():
                    return
                if self._is_held_up():
                    self.is_idle, self.idle_since = True, real_now()
                    return
                if not self._queue.blocked():
                    return
            if not self._wake_polled():
                self._advance()

    def _hand_over(self) -> bool:
        if not self._queue.ready:
            return False
        waiter = self._queue.ready.popleft()
        self.is_idle = False
        self.turns += 1
        self.holder = waiter.ident
        waiter.gate.release()
        return True

    def _wake_polled(self) -> bool:
        """Ask those who wait for an event: whatever set it, it ends their wait before time moves on."""
        woken = [waiter for waiter in self._queue.blocked() if waiter.poll is not None and waiter.poll()]
        for waiter in woken:
            self.wake(waiter)
        return bool(woken)

    def _advance(self) -> None:
        with _mutex:
            deadline = self._queue.next_deadline()
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
            if self._queue.next_deadline() == deadline:
                self.agenda.move_to(deadline)
                self._end(self._queue.first_timed(), State.TIMED_OUT)

    def _call_it_a_deadlock(self) -> None:
        if not self._comes_from_elsewhere():
            self._fail(deadlock(self.agenda.now, self._stuck()), wanting=True)

    def _comes_from_elsewhere(self) -> bool:
        """Give threads that do not take part a moment to wake somebody."""
        until = real_now() + _FOREIGN_GRACE_S * 1e9
        while self._has_strangers() and real_now() < until:
            if self._queue.ready or self._wake_polled():
                return True
            real_sleep(0.001)
        return bool(self._queue.ready)

    def _has_strangers(self) -> bool:
        known = self.participants | {waiter.ident for waiter in _parked}
        return any(thread.ident not in known for thread in threading.enumerate())

    def _stuck(self) -> list[str]:
        return sorted(waiter.where() for waiter in self._queue.blocked())

    def _fail(self, error: BaseException, *, wanting: bool = False) -> None:
        """Raise `error` where it is best heard: in a wait that asked for it, else in the thread that opened the
        window, else in the wait that is longest on."""
        with _mutex:
            blocked = self._queue.blocked()
            asked = [waiter for waiter in blocked if wanting and waiter.wants_error]
            owner = [waiter for waiter in blocked if waiter.ident == self._owner]
            for waiter in (*asked, *owner, *blocked)[:1]:
                waiter.error = error
                self._end(waiter, State.FAILED)
