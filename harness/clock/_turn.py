"""Whose turn it is, and what happens when it is nobody's.

1. One participant runs at a time, in the order in which they became ready.
2. With nobody ready, time jumps to the earliest of {actions on the agenda, deadlines}.
   Among equals an action goes first, then the wait that was armed first.
3. With nobody ready and nothing due, everybody would wait for ever: somebody hears VirtualDeadlockError.
4. While something real is under way (a child process, a socket), time stands still until a jump is earned in real time.
"""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable, Container
from typing import Final

from harness.clock._agenda import Agenda
from harness.clock._queue import Queue
from harness.clock._real import real_now, real_rlock, real_sleep
from harness.clock._stuck import deadlock
from harness.clock._waiter import State, Waiter
from harness.model import NEVER, Nanos, seconds

_FOREIGN_GRACE_S: Final = 0.05
"""How long, in real time, threads that do not take part may still wake somebody before a deadlock is called one."""

MUTEX: Final = real_rlock()
"""One for all clocks: a thread may be parked on one clock and be woken under another.
It can be entered again, because the garbage collector may run a finalizer in the middle that wakes somebody."""

_parked: Final[set[Waiter]] = set()
"""Waits without a deadline that outlived their window: idle workers, mostly."""


def end_parked(spared: Container[int]) -> None:
    """Raise SystemExit in every parked wait, but for the threads in `spared`: for the end of the process, which would
    wait for them for ever."""
    with MUTEX:
        for waiter in [waiter for waiter in _parked if waiter.ident not in spared]:
            _parked.discard(waiter)
            waiter.state, waiter.error = State.FAILED, SystemExit()
            waiter.gate.release()


class Turn:
    """Who waits, who runs, and who is next."""

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
        self._real_work: dict[object, Callable[[], bool]] = {}

    def wake(self, waiter: Waiter) -> bool:
        """End `waiter`'s wait, from any thread; False where it has ended already."""
        with MUTEX:
            if waiter.state is State.NEW:
                waiter.state = State.WOKEN
                return True
            if waiter.state is not State.BLOCKED:
                return False
            if waiter not in _parked and waiter.baton is not None:
                waiter.baton._end(waiter, State.WOKEN)  # noqa: SLF001 - perhaps another one of this class
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

    def _let_go(self, waiter: Waiter) -> None:
        """The window closes while it waits."""
        if waiter.deadline < NEVER:
            waiter.state = State.TIMED_OUT
            waiter.gate.release()
        else:
            _parked.add(waiter)

    def _pass_on(self) -> None:
        while True:
            with MUTEX:
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
        with MUTEX:
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
        with MUTEX:
            if self._queue.next_deadline() == deadline:
                self.agenda.move_to(deadline)
                self._end(self._queue.first_timed(), State.TIMED_OUT)

    def _call_it_a_deadlock(self) -> None:
        if not self._comes_from_elsewhere():
            self._fail(deadlock(self.agenda.now, self._stuck()), wanting=True)

    def _comes_from_elsewhere(self) -> bool:
        """Give threads that do not take part a moment to wake somebody."""
        until = real_now() + seconds(_FOREIGN_GRACE_S)
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
        with MUTEX:
            blocked = self._queue.blocked()
            asked = [waiter for waiter in blocked if wanting and waiter.wants_error]
            owner = [waiter for waiter in blocked if waiter.ident == self._owner]
            for waiter in (*asked, *owner, *blocked)[:1]:
                waiter.error = error
                self._end(waiter, State.FAILED)

    def _is_held_up(self) -> bool:
        return any(holds_up() for holds_up in self._real_work.values())
