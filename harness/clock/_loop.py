"""An asyncio event loop on a virtual clock: where other loops sleep in their selector, this one lets time jump."""

from __future__ import annotations

import asyncio
import heapq
import math
import sys
import weakref
from collections.abc import Callable
from contextvars import Context
from typing import Any, Final

from harness.clock._active import installed_clock
from harness.clock._duration import parse_duration
from harness.clock._executors import is_idle
from harness.clock._real import real_now
from harness.clock._stuck import innermost, line_of
from harness.clock._virtual import BOOT, VirtualClock
from harness.clock._waiter import Waiter
from harness.errors import VirtualDeadlockError, VirtualTimeError
from harness.model import NEVER, Nanos, as_seconds, seconds

IO_GRACE: Final = "20ms"
"""Real time that registered sockets and pipes get before a jump, as trio's autojump threshold.
Measured with a loopback server: an immediate answer needs 1 ms, one that takes 3 ms is safe with 20 ms, and one that
takes 50 ms never is. So virtual time over real sockets is a guess: take WallClock where that matters."""


class _Timer(asyncio.TimerHandle):
    """Orders by the whole nanosecond, then by who was armed first: a heap alone keeps no order among equals."""

    __slots__ = ("key",)

    key: tuple[Nanos, int]

    def __lt__(self, other: object) -> bool:
        return self.key < other.key if isinstance(other, _Timer) else NotImplemented


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`time()` is the clock's `monotonic()`; a turn without work is a jump to the next timer, at once.

    While it runs, its clock is installed. Threads may call in: that needs no real time either.
    """

    is_virtual: Final = True

    def __init__(self, clock: VirtualClock | None = None, *, io_grace: str | float = IO_GRACE) -> None:
        """Without `clock` it goes by the installed one, else by one of its own."""
        self._own = clock or installed_clock() or VirtualClock()
        self._may_follow = clock is None
        self._io_grace_s = as_seconds(parse_duration(io_grace))
        self._waiter: Waiter | None = None
        self._hair = (Nanos(-1), 0.0)
        self._children: weakref.WeakSet[asyncio.SubprocessTransport] = weakref.WeakSet()
        self._endless: dict[asyncio.Future[None], None] = {}
        self._was_called = False
        super().__init__()
        self._poll: Callable[[float | None], list[Any]] = self._selector.select  # type: ignore[attr-defined]
        self._selector.select = self._select  # type: ignore[attr-defined]
        self._inner_fds = len(self._selector.get_map())  # type: ignore[attr-defined]

    @property
    def clock(self) -> VirtualClock:
        """The clock this loop goes by."""
        return self._own

    def time(self) -> float:
        """Virtual seconds, the same as `time.monotonic` inside the window, give or take the last bit of a float."""
        now = self._own.now()
        told = as_seconds(Nanos(BOOT + now))
        return max(told, self._hair[1]) if self._hair[0] == now else told

    def call_at(  # type: ignore[override] # typeshed's is generic in the arguments
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As asyncio's. Timers due in the same instant fire in the order in which they were armed."""
        self._check_closed()  # type: ignore[attr-defined]
        at = seconds(when) if math.isfinite(when) else Nanos(BOOT + NEVER)
        now = self._own.now()
        if at - BOOT == now and when > self.time():
            # A sum of floats lies a hair after the moment that it means. Who was woken for it, looks at the time and
            # arms the rest, as anyio does, would turn in place for ever: to this loop the hair has passed.
            self._hair = (now, when)
        timer = _Timer(as_seconds(at), callback, args, self, context)
        timer.key = (at, self._own.agenda.next_order())
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        timer._scheduled = True  # type: ignore[attr-defined] # noqa: SLF001 - as BaseEventLoop.call_at does
        return timer

    def run_forever(self) -> None:
        """As asyncio's, inside of the clock's window."""
        self._follow_installed()
        with self._own.taking_part():
            super().run_forever()

    async def sleep_until(self, at: Nanos) -> None:
        """A timer at the clock's `at`. Raises VirtualDeadlockError where that is NEVER and nothing can come."""
        done: asyncio.Future[None] = self.create_future()
        if at >= NEVER:
            self._endless[done] = None
        else:
            timer = self.call_at(as_seconds(Nanos(BOOT + at)), _finish, done)
        try:
            await done
        finally:
            self._endless.pop(done, None)
            if at < NEVER:
                timer.cancel()

    async def shutdown_default_executor(self, *args: Any, **keywords: Any) -> None:
        """As asyncio's, which takes a thread to wait for the workers; where they have nothing to do, there is none."""
        executor = self._default_executor  # type: ignore[attr-defined]
        if executor is None or not is_idle(executor):
            await super().shutdown_default_executor(*args, **keywords)
            return
        self._executor_shutdown_called = True
        executor.shutdown(wait=True)

    def _write_to_self(self) -> None:
        self._was_called = True  # first: who looks between these two lines finds nothing yet, and is woken below
        super()._write_to_self()  # type: ignore[misc]
        waiter = self._waiter
        if waiter is not None:
            self._own.baton.wake(waiter)

    # --- in place of sleeping in the selector -------------------------------------------------------------------

    def _select(self, timeout: float | None) -> list[Any]:
        events = self._look()
        if not events and (timeout is None or timeout > 0):
            events = self._listen() if self._has_foreign_fds() else []
            if not events and not self._has_due():
                events = self._jump()
        # One float further than `now`, so that what is due now is due: nothing is due early, nothing turns in place.
        self._clock_resolution = math.ulp(self.time())
        return events

    def _look(self) -> list[Any]:
        """What there is to read by now. Only the loop's own pipe may have something where nobody else registered, and
        that only after a call from a thread or for a signal: the kernel, 15 us away, is not asked for less."""
        if not self._was_called and not self._signal_handlers and not self._has_foreign_fds():  # type: ignore[attr-defined]
            return []
        self._was_called = False
        return self._poll(0)

    def _listen(self) -> list[Any]:
        """Give real sockets and pipes their grace, and a child process all the time it takes until our next timer."""
        at, started = self._next_timer()[0], real_now()
        with self._own.baton.outside():
            events = self._poll(self._io_grace_s)
            while not events and self._has_running_child():
                left = at - self._own.now() - (real_now() - started)
                if left <= 0:
                    self._own.baton.move_earned(at)
                    break
                events = self._poll(as_seconds(Nanos(left)) if at < NEVER else None)
        return events

    def _jump(self) -> list[Any]:
        at, order = self._next_timer()
        self._waiter = waiter = Waiter(at, describe=self._describe, order=order)
        waiter.wants_error = bool(self._endless)
        try:
            # A last look, now that a call from another thread would find the waiter.
            events = self._look()
            if not events:
                self._own.baton.block(waiter)
                events = self._look()
        except VirtualDeadlockError as error:
            self._raise_in_task(error)
            events = []
        finally:
            self._waiter = None
        return events

    def _raise_in_task(self, error: VirtualDeadlockError) -> None:
        for future in self._endless:
            if not future.done():
                future.set_exception(error)
                return
        raise error

    def _next_timer(self) -> tuple[Nanos, int | None]:
        """When our next timer is due on the clock, and its place among equals."""
        scheduled: list[_Timer] = self._scheduled  # type: ignore[attr-defined]
        return self.next_timer(), scheduled[0].key[1] if scheduled else None

    def next_timer(self) -> Nanos:
        """When the first timer of this loop is due, by its clock; NEVER where there is none."""
        scheduled: list[_Timer] = self._scheduled  # type: ignore[attr-defined]
        return Nanos(scheduled[0].key[0] - BOOT) if scheduled else NEVER

    def _has_due(self) -> bool:
        return self.next_timer() <= self._own.now()

    def _has_running_child(self) -> bool:
        return any(child.get_returncode() is None for child in self._children)

    async def _make_subprocess_transport(self, *args: Any, **kwargs: Any) -> asyncio.SubprocessTransport:
        child: asyncio.SubprocessTransport = await super()._make_subprocess_transport(*args, **kwargs)  # type: ignore[misc]
        self._children.add(child)
        return child

    def _has_foreign_fds(self) -> bool:
        return len(self._selector.get_map()) > self._inner_fds  # type: ignore[attr-defined]

    def _describe(self) -> str:
        tasks = [task for task in asyncio.all_tasks(self) if not task.done()]
        lines = sorted(f"{task.get_name()} {line_of(innermost(task))}" for task in tasks)
        return "in its event loop: " + ("; ".join(lines) or "no task")

    # --- which clock --------------------------------------------------------------------------------------------

    def _follow_installed(self) -> None:
        """A loop that was made before the window opened goes by the window's clock; its timers keep their distance."""
        installed = installed_clock()
        if installed is None or installed is self._own or not self._may_follow:
            return
        shift = installed.now() - self._own.now()
        for timer in self._scheduled:  # type: ignore[attr-defined]
            at, order = timer.key
            timer.key = (Nanos(at + shift), order)
            timer._when = as_seconds(timer.key[0])  # noqa: SLF001 - asyncio reads it to see what is due
        self._own = installed


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def new_event_loop() -> VirtualTimeLoop:
    """A loop factory for `asyncio.Runner`, pytest-asyncio and anyio. Raises VirtualTimeError under uvloop's policy."""
    policy = getattr(asyncio.events, "_event_loop_policy", None)
    if type(policy).__module__.startswith("uvloop") and "uvloop" in sys.modules:
        message = (
            "uvloop is installed as the event loop policy, and its clock is C code that cannot be virtual\n"
            '  leave uvloop.install() out under test, or run this test with clock="wall"'
        )
        raise VirtualTimeError(message)
    return VirtualTimeLoop()
