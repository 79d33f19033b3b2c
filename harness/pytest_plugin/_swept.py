"""Swept: one run of a test under a case, from its session to what it came to."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from harness.errors import (
    FaultNotStruckError,
    PromiseBrokenError,
    Silence,
    SweepError,
)
from harness.model import Case, Nanos
from harness.pytest_plugin._run import Run
from harness.pytest_plugin._sweep_page import tell

if TYPE_CHECKING:  # loads the session; only a sweep pays for it
    from harness.engine import Exchange
    from harness.model import Event
    from harness.session import Session
    from harness.sweeps import CaseReport, Opening, Outcome, Pressed, Schedule, Sweep, Terms

SWEPT: Final[pytest.StashKey[Swept]] = pytest.StashKey()
PROPERTY: Final = "harness_sweep"
"""Where a report carries what a case came to, also from a worker to its controller."""
CANCEL: Final = "cancel"


@dataclass(frozen=True, slots=True)
class Twin:
    """What is kept of the first run of a case that is run twice."""

    trace: tuple[str, ...]
    digest: str


@dataclass(slots=True)
class Swept:
    """A run of `origin` under `case`; None is a run without faults.

    With a `sweep` it is judged, and a broken promise is its failure. Without one it is a run to learn from.
    `is_planned`: nobody asked for this very case, so one that finds nothing to strike is no failure.
    `asks` are the checkers, `is_tried_again` and `is_run_twice` what is due for them. `is_aside`: it is the second run
    of a case that an item judges, and its failure is nobody's. `trace` is what it did, line by line, and `twin` that of
    the same case run before it, with its digest. `leaks` is what was left of it.
    """

    origin: pytest.Function
    case: Case | None
    sweep: Sweep | None = None
    terms: Terms | None = None
    horizon: Nanos | None = None
    counts_awaits: bool = False
    opening: Opening | None = None
    outcome: Outcome | None = None
    error: SweepError | None = None
    is_planned: bool = False
    seed: int = 0
    press: Callable[[Session], object] | None = None
    asks: frozenset[str] = frozenset()
    is_tried_again: bool = False
    is_run_twice: bool = False
    is_aside: bool = False
    trace: tuple[str, ...] = ()
    twin: Twin | None = None
    leaks: tuple[str, ...] = ()
    schedule: Schedule | None = None
    arrived: Pressed | None = None
    awaits: dict[int, int] = field(default_factory=dict)

    @property
    def is_in_real_time(self) -> bool:
        """True where its session has no virtual clock."""
        from harness.clock import VirtualClock  # noqa: PLC0415 - as the session

        return self.opening is not None and not isinstance(self.opening.session.clock, VirtualClock)

    def lay(self, session: Session) -> None:
        """The test opens its session: the first that replays is the one that is swept."""
        if self.opening is None and not session.records:
            from harness.sweeps import lay  # noqa: PLC0415 - loads the session, which is there by now

            self.opening = lay(session, self.case, schedule=self.schedule)

    def arm(self) -> None:
        """Its session is open."""
        opening = self.opening
        if opening is None:
            return
        if self.counts_awaits:
            opening.session.count_awaits()
            opening.session.engine.watchers.append(self._heard)
        is_async = inspect.iscoroutinefunction(self.origin.function)
        for strike in self.case.strikes if self.case is not None else ():
            if strike.kind != CANCEL:
                continue
            if self.press is not None:
                opening.session.cancel_at(str(strike.at), partial(self.press, opening.session))
            else:
                opening.session.cancel_at(str(strike.at), via="task" if is_async else "event")

    def _heard(self, exchange: Exchange, event: Event | None) -> None:
        """Only suspensions while an answer is on its way have names: how often a test is suspended after the last one
        depends on the plugins that run it, and the names have to be the same in every worker."""
        del event
        self.awaits[id(exchange.entry)] = exchange.entry.awaits

    def watched(self, test: Callable[..., Any]) -> Callable[..., Any]:
        """`test`, a coroutine function, which tells when a cancel reaches it: until then it knows no better, and may
        ask once more."""

        @wraps(test)
        async def run(**fixtures: Any) -> Any:
            from harness.sweeps import Steps  # noqa: PLC0415 - as above

            return await Steps(test(**fixtures), self._told_to_stop)

        return run

    def heal(self) -> None:
        """From here on the model answers as it was recorded, and nobody is told to stop."""
        assert self.opening is not None, "who heals has run"
        self.opening.heal()
        for backend in self.opening.session.backends:
            release = getattr(backend.cancel_event, "clear", None)
            if release is not None:
                release()

    def _told_to_stop(self) -> None:
        opening = self.opening
        if opening is not None and self.arrived is None and any(one.at is not None for one in opening.session.cancels):
            from harness.sweeps import Pressed  # noqa: PLC0415 - as above

            session = opening.session
            at, history = Nanos(session.clock.now() - session.engine.opened_at), session.history
            self.arrived = Pressed(at, len(history), history[-1].chunks if len(history) else 0, is_task=True)

    def but_the_transcript(self, snapshot: Any) -> Any:
        """`snapshot` for a run with a fault: it holds for what the code came to, and not for the transcript, which
        tells of the fault."""
        return _ButTheTranscript(self, snapshot)

    def tell(self, error: BaseException | None) -> Outcome | None:
        """What came of it; None where no session was opened."""
        from harness.sweeps import Outcome, Terms, stuck_in  # noqa: PLC0415 - as above

        opening = self.opening
        if opening is None:
            return None
        session = opening.session
        for entry in session.history if self.counts_awaits else ():
            entry.awaits = self.awaits.get(id(entry), 0)
        misses = session.misses
        silent = [str(miss) for miss in misses if isinstance(miss, Silence)]
        stuck = silent[0] if silent else stuck_in(error)
        ended_at = Nanos(session.clock.now() - session.engine.opened_at)
        if self.horizon is not None and ended_at >= self.horizon and not stuck:
            stuck = f"it ended {ended_at / 1e9:g}s after its beginning, past the horizon"
        terms = self.terms or Terms()
        result, left = self.came_to(error)
        pressed = self.arrived or _pressed(session, returned=error is None)
        cancelled = (CANCEL,) if pressed is not None and pressed.arrived and CANCEL in _kinds(self.case) else ()
        seen = tuple(opening.laid.seen)
        ordered = opening.laid.ordered(session.history)
        return Outcome(
            case=self.case,
            result=result,
            error=left,
            ended_at=ended_at,
            history=tuple(session.history),
            seen=seen,
            struck=(*(kind for one in seen for kind in one.struck), *cancelled, *ordered),
            stuck=stuck,
            missed=tuple(str(miss) for miss in misses if not isinstance(miss, Silence)),
            pressed=pressed,
            tools=tuple(session.tools),
            emissions=tuple(session.emissions),
            can_be_cancelled=any(backend.cancel_event is not None for backend in session.backends),
            terms=terms,
        )

    def came_to(self, error: BaseException | None) -> tuple[str, BaseException | None]:
        """The result of a test that ended with `error`, and what escaped from it: a check of its own that failed is its
        result."""
        contract = self.terms.contract if self.terms is not None else ()
        if _is_own_check(error, self.origin) and not isinstance(error, contract):
            return f"its own check failed: {_first_line(error)}", None
        return "the test passed", error


class _ButTheTranscript:
    """Equal to the transcript of the swept session as it is, and else to what the snapshot is equal to."""

    __hash__ = None  # type: ignore[assignment] # a snapshot has none either

    def __init__(self, swept: Swept, snapshot: Any) -> None:
        self._swept = swept
        self._snapshot = snapshot

    def __eq__(self, other: object) -> bool:
        opening = self._swept.opening
        if opening is not None and other == opening.session.transcript():
            return True
        return bool(self._snapshot == other)


def judged(run: Run, item: pytest.Item) -> Generator[None, Any, Any]:
    """The body of a hook wrapper around the call of a swept `item`. Raises what it broke."""
    from harness.pytest_plugin._sweep_body import bodied, error_kept_by  # noqa: PLC0415 - loads the session

    swept = item.stash[SWEPT]
    if swept.error is not None:
        raise swept.error
    if swept.sweep is not None:
        swept.terms, swept.horizon = swept.sweep.terms, swept.sweep.horizon
    error: BaseException | None = None
    result = None
    with bodied(item, swept, run):
        try:
            result = yield
        except (KeyboardInterrupt, pytest.exit.Exception, pytest.skip.Exception):
            raise
        except BaseException as raised:  # noqa: BLE001 - what comes out is what is judged
            error = raised
    error = error_kept_by(item) or error
    if swept.outcome is None:
        swept.outcome = swept.tell(error)
    if swept.opening is not None:
        run.fresh(swept.opening.session.misses)  # told here, and not once more at the end
    if swept.is_aside:
        return None
    if swept.sweep is None:
        if error is not None:
            raise error
        return result
    return _verdict(swept, swept.sweep, item, error)


def _verdict(swept: Swept, sweep: Sweep, item: pytest.Item, error: BaseException | None) -> None:
    assert swept.case is not None, "a run without faults is learnt from, and not judged"
    if swept.outcome is None:
        message = f"{item.nodeid} opened no session that replays"
        raise SweepError(message)
    report = sweep.judged(swept.case, swept.outcome)
    item.user_properties.append((PROPERTY, _property(report, sweep)))
    tell(item, sweep, report)
    if report.violations and not report.known:
        raise PromiseBrokenError(_told(report, sweep)) from error
    if report.name in sweep.known and not report.violations:
        message = f"known failure {report.name} passes: take it off the list ({sweep.known[report.name].reason})"
        raise PromiseBrokenError(message)
    if report.known:
        pytest.xfail(report.known)
    if report.verdict == "DIVERGED":
        asked = (swept.outcome.missed or swept.outcome.strayed)[0].splitlines()[0]
        pytest.skip(f"DIVERGED: {asked}")
    if report.verdict == "NOT_STRUCK":
        message = f"{report.name} found nothing to strike"
        if swept.is_planned:
            pytest.skip(f"NOT_STRUCK: {message}")
        raise FaultNotStruckError(message)


def _told(report: CaseReport, sweep: Sweep | None = None) -> str:
    lines = [f"{report.name}: {report.verdict}", *(f"  {violation}" for violation in report.violations)]
    if sweep is not None and (known := sweep.known.get(report.name)) is not None and known.until:
        lines.append(f"  it was known until {known.until} ({known.reason})")
    return "\n".join([*lines, f"  again: {report.repro}"])


def _property(report: CaseReport, sweep: Sweep) -> dict[str, Any]:
    """Plain data: a worker sends it to its controller."""
    from harness.sweeps import size_of  # noqa: PLC0415 - loads the session, which is there by now

    return {
        "test": sweep.name,
        "name": report.name,
        "cell": report.cell,
        "verdict": str(report.verdict),
        "violations": [{"checker": one.checker, "text": one.text} for one in report.violations],
        "repro": report.repro,
        "notes": list(sweep.notes),
        "size": list(size_of(report.case, sweep.recorded(report.case))),
    }


def _is_own_check(error: BaseException | None, origin: pytest.Function) -> bool:
    """True where a check of the test failed, and no assert of the code that it tests: the deepest frame that is none of
    pytest's or unittest's lies beside the test."""
    if isinstance(error, pytest.fail.Exception):
        return True
    if not isinstance(error, AssertionError):
        return False
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    deepest = next((frame for frame in reversed(frames) if not _is_of_a_runner(frame.f_globals)), None)
    return deepest is not None and Path(deepest.f_code.co_filename).is_relative_to(origin.path.parent)


def _is_of_a_runner(names: dict[str, Any]) -> bool:
    return "__unittest" in names or str(names.get("__name__", "")).partition(".")[0] in {"_pytest", "syrupy"}


def _kinds(case: Case | None) -> set[str]:
    return {strike.kind for strike in case.strikes} if case is not None else set()


def _pressed(session: Session, *, returned: bool) -> Any:
    """The cancel, where one was pressed. Nobody can tell a task that swallowed it from one that had nothing left to
    wait for; where the answer was heard to its end and the test passed, the second is taken for granted."""
    from harness.sweeps import Pressed  # noqa: PLC0415 - loads the session, which is there by now

    for cancel in session.cancels:
        if cancel.at is not None:
            asked = len(session.history) - cancel.requests_after
            arrived = not (returned and cancel.how == "ok")
            return Pressed(cancel.at, asked, cancel.chunks_before, arrived=arrived, is_task=cancel.via == "task")
    return None


def _first_line(error: BaseException | None) -> str:
    return (str(error).splitlines() or [""])[0]
