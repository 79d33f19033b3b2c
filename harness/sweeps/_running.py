"""Running: one case from its opening to its outcome, on a fresh clock with a horizon and with fresh dice."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
from dataclasses import replace
from typing import Any, Final

from harness.clock import VirtualClock, VirtualTimeLoop
from harness.errors import HorizonExceededError, RealTimeOver, Silence, VirtualDeadlockError
from harness.model import PER_SECOND, Case, Nanos, as_seconds
from harness.sweeps._around import Around, unnumbered
from harness.sweeps._chain import let_go, stuck_in
from harness.sweeps._dice import same_dice
from harness.sweeps._outcome import Outcome, Pressed
from harness.sweeps._schedule import Schedule
from harness.sweeps._stage import Opening, Stage, Subject
from harness.sweeps._steps import Steps
from harness.sweeps._watchdog import Watched, watching

SETTLING: Final = Nanos(PER_SECOND)
"""How long a run may tidy up before leaks are judged. Without it the finalizers of async generators are false alarms:
29 of them in a sweep of 365 cases, and none with it."""
CANCEL: Final = "cancel"


def run_case(
    subject: Subject,
    stage: Stage,
    case: Case | None,
    horizon: Nanos,
    *,
    counts_awaits: bool = False,
    heals: bool = True,
    schedule: Schedule | None = None,
) -> Outcome:
    """The outcome of `subject` under `case`, None being no fault. Whatever it raises is part of the outcome, but for
    what means to end the process. `counts_awaits`: its history knows how often each call was suspended. `heals`: what
    `setup` made is tried once more without the fault. `schedule`: when answers come, where that is not as recorded."""
    outcome = _outcome(subject, stage, case, horizon, counts_awaits=counts_awaits, heals=heals, schedule=schedule)
    let_go(outcome.error)  # once more: all that called it is over now
    let_go(outcome.again.error if outcome.again is not None else None)
    return outcome


def _outcome(
    subject: Subject,
    stage: Stage,
    case: Case | None,
    horizon: Nanos,
    *,
    counts_awaits: bool,
    heals: bool,
    schedule: Schedule | None,
) -> Outcome:
    with watching(str(case) if case is not None else "the run without any fault", subject.real_s_max) as watched:
        run = _Run(subject, stage.open(case, schedule), case, horizon, watched)
        run.heals = heals and subject.setup is not None
        return run.outcome(counts_awaits=counts_awaits)


class _Run:
    """One run. Used once."""

    def __init__(self, subject: Subject, opening: Opening, case: Case | None, horizon: Nanos, watched: Watched) -> None:
        self.heals = False
        self._watched = watched
        self._subject = subject
        self._opening = opening
        self._session = opening.session
        self._case = case
        self._horizon = horizon
        self._clock = VirtualClock(as_seconds(horizon))
        self._around = Around()
        self._task: asyncio.Task[Any] | None = None
        self._pressed: Pressed | None = None
        self._driver: Any = None
        self._first: dict[str, Any] = {}
        self._leaks: list[str] = []
        self._again: Outcome | None = None
        self._stuck = ""

    def outcome(self, *, counts_awaits: bool) -> Outcome:
        """Run it. Everything that it changed is put back."""
        with self._around.listening(), same_dice(self._subject.seed), self._clock.installed():
            self._session.start()
            try:
                if counts_awaits:
                    self._session.count_awaits()
                self._arm_cancels()
                self._drive()
            finally:
                self._session.stop()
        return self._told()

    # --- sync and async ---

    def _drive(self) -> None:
        try:
            if self._subject.is_async:
                with asyncio.Runner(loop_factory=self._loop) as runner:
                    try:
                        runner.run(self._in_task())
                    finally:
                        self._lift_horizon()
            else:
                self._in_thread()
        except (VirtualDeadlockError, HorizonExceededError, RealTimeOver) as error:
            self._stuck = self._stuck or str(error)
            self._lift_horizon()

    def _loop(self) -> VirtualTimeLoop:
        loop = VirtualTimeLoop(self._clock)
        loop.set_exception_handler(self._around.unretrieved)
        return loop

    async def _in_task(self) -> None:
        driver = self._subject.setup(self._session) if self._subject.setup else None
        self._driver = await driver if inspect.isawaitable(driver) else driver
        self._ended(*await self._attempt())
        self._lift_horizon()
        gc.collect()  # first: finalizers start tasks of their own, which may settle as well
        await asyncio.sleep(as_seconds(SETTLING))
        here = asyncio.current_task()
        left = [task for task in asyncio.all_tasks() if task is not here]
        self._leaks += sorted(f"task {_name_of(task)}" for task in left)
        self._look_for_leaks()
        if self.heals and not self._watched.over:
            self._heal()
            self._ended_again(*await self._attempt())

    async def _attempt(self) -> tuple[Any, BaseException | None]:
        steps = Steps(self._call(), self._arrived)
        self._task = asyncio.ensure_future(_awaited(steps))
        await asyncio.wait({self._task})
        if self._task.cancelled():
            return None, asyncio.CancelledError()
        error = self._task.exception()
        return (None, error) if error is not None else (self._task.result(), None)

    def _in_thread(self) -> None:
        before = set(threading.enumerate())
        self._driver = self._subject.setup(self._session) if self._subject.setup else None
        self._ended(*self._called())
        self._lift_horizon()
        gc.collect()
        self._clock.sleep(as_seconds(SETTLING))
        self._leaks += sorted(f"thread {unnumbered(thread.name)}" for thread in set(threading.enumerate()) - before)
        self._look_for_leaks()
        if self.heals and not self._watched.over:
            self._heal()
            self._ended_again(*self._called())

    def _called(self) -> tuple[Any, BaseException | None]:
        try:
            return self._call(), None
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - what escapes is what a sweep is about
            return None, error

    def _call(self) -> Any:
        given = (self._session,) if self._subject.setup is None else (self._session, self._driver)
        return self._subject.run(*given)

    # --- cancel ---

    def _arm_cancels(self) -> None:
        for strike in self._case.strikes if self._case is not None else ():
            if strike.kind == CANCEL:
                self._session.cancel_at(str(strike.at), self._press)

    def _press(self) -> None:
        if self._pressed is not None or self._first:
            return
        self._pressed = self._pressed_now()
        if self._task is not None:
            self._pressed = replace(self._pressed, arrived=False, is_task=True)
            self._task.cancel()
        elif self._subject.press is not None:
            self._subject.press(self._session if self._subject.setup is None else self._driver)
        else:
            events = [backend.cancel_event for backend in self._session.backends]
            presses = [press for event in events if (press := getattr(event, "set", None)) is not None]
            for press in presses:
                press()
            self._pressed = self._pressed if presses else None

    def _arrived(self) -> None:
        """The task was told. What it did until then, it did not know better."""
        if self._pressed is not None and not self._pressed.arrived:
            self._pressed = replace(self._pressed_now(), is_task=True)

    def _pressed_now(self) -> Pressed:
        history = self._session.history
        return Pressed(self._now(), len(history), history[-1].chunks if len(history) else 0)

    # --- how it ended ---

    def _now(self) -> Nanos:
        return Nanos(self._clock.now() - self._session.engine.opened_at)

    def _lift_horizon(self) -> None:
        """What comes after the run, tidying up and the second run, has a horizon of its own."""
        self._clock.agenda.horizon = Nanos(self._clock.now() + self._horizon + SETTLING)

    def _ended(self, result: Any, error: BaseException | None) -> None:
        let_go(error)
        engine = self._session.engine
        self._first = {
            "result": result,
            "error": error,
            "ended_at": self._now(),
            "asked": len(engine.history),
            "misses": list(self._session.misses),
            "pressed": self._pressed,
            "seen": tuple(self._opening.laid.seen),
            "tools": tuple(self._session.tools),
            "emissions": tuple(self._session.emissions),
            "strayed": tuple(self._opening.again.strayed) if self._opening.again is not None else (),
        }

    def _heal(self) -> None:
        self._opening.heal()
        self._pressed = None
        self._case = None

    def _ended_again(self, result: Any, error: BaseException | None) -> None:
        let_go(error)
        history = self._session.history[self._first["asked"] :]
        missed = [str(miss) for miss in self._session.misses[len(self._first["misses"]) :]]
        self._again = Outcome(
            result=result,
            error=error,
            ended_at=self._now(),
            history=history,
            missed=missed,
            terms=self._subject.terms,
        )

    def _look_for_leaks(self) -> None:
        history = self._session.history
        self._leaks += [f"answer to call {e.call} attempt {e.attempt} left open" for e in history if _is_open(e)]

    def _told(self) -> Outcome:
        if not self._first:
            self._ended(None, None)
        first = self._first
        misses = first.pop("misses")
        asked = first.pop("asked")
        silent = [str(miss) for miss in misses if isinstance(miss, Silence)]
        stuck = self._watched.over or self._stuck or (silent[0] if silent else "") or stuck_in(first["error"])
        if not stuck and first["ended_at"] >= self._horizon:
            stuck = f"it ended {as_seconds(first['ended_at']):g}s after its beginning, past the horizon"
        cancelled = (CANCEL,) if first["pressed"] is not None and first["pressed"].arrived else ()
        history = tuple(self._session.history[:asked])
        ordered = self._opening.laid.ordered(history)
        return Outcome(
            case=self._opening_case,
            **first,
            history=history,
            struck=(*(kind for seen in first["seen"] for kind in seen.struck), *cancelled, *ordered),
            stuck=stuck,
            ran_over=bool(self._watched.over),
            missed=tuple(str(miss) for miss in misses if not isinstance(miss, Silence)),
            leaks=(*self._leaks, *self._around.lost),
            logs=tuple(self._around.logs),
            again=self._again,
            can_be_cancelled=any(backend.cancel_event is not None for backend in self._session.backends),
            terms=self._subject.terms,
        )

    @property
    def _opening_case(self) -> Case | None:
        return self._opening.laid.case


async def _awaited(steps: Steps) -> Any:
    return await steps


def _is_open(entry: Any) -> bool:
    return entry.answered is not None and entry.outcome == "open"


def _name_of(task: asyncio.Task[Any]) -> str:
    return getattr(task.get_coro(), "__qualname__", "task")
