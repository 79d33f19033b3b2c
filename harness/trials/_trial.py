"""Trial: one case of a scenario, played against its driver and judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from harness.clock import real_monotonic_ns
from harness.errors import HarnessError, Miss, Place, ScenarioError
from harness.model import Json, Nanos, as_seconds
from harness.scenarios import (
    Expect,
    Observed,
    Scenario,
    ScenarioSource,
    Unmet,
    judged,
    load_scenario,
    looks_for_leaks,
    needs_second_run,
    place_in,
)
from harness.session import Session, scenario
from harness.trials._context import Context
from harness.trials._driver import Drive, Driver, DriverError, driver_of
from harness.trials._promises import broken, outcome_now
from harness.trials._shown import failed_well, said


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one case. `unmet` are the expectations that were not met, each with its place in the file;
    `trouble` is everything else that is wrong, in words; `miss` is the first question without an answer.
    `xfail` is why the file says that it fails, empty where it does not say so."""

    file: str
    case: str | None
    transcript: str
    result: str
    error: BaseException | None
    unmet: Sequence[Place] = ()
    trouble: Sequence[str] = ()
    miss: Miss | None = None
    virtual: Nanos = field(default=Nanos(0))
    xfail: str = ""

    @property
    def as_expected(self) -> bool:
        """True where it went well, or failed and the file says so: what is to fail and does not is news."""
        return self.ok != bool(self.xfail)

    @property
    def ok(self) -> bool:
        """True where all that was expected came, and nothing else went wrong."""
        return not self.unmet and not self.trouble and self.miss is None

    @property
    def name(self) -> str:
        """The file, and the case where it is one."""
        return f"{self.file}::{self.case}" if self.case else self.file

    @property
    def command(self) -> str:
        """What to type to see it again."""
        return f"harness run {self.file}" + (f" --case {self.case}" if self.case else "")

    def complaints(self) -> Iterator[str]:
        """Everything that is wrong, each with its place where it has one."""
        if self.ok and self.xfail:
            yield f"it was to fail ({self.xfail}), and did not: take the xfail away"
        yield from map(str, self.unmet)
        yield from self.trouble
        if self.miss is not None:
            yield str(self.miss)

    def to_json(self) -> dict[str, Json]:
        """For machines. `virtual_s` is in seconds."""
        return {
            "file": self.file,
            "case": self.case,
            "ok": self.ok,
            "xfail": self.xfail or None,
            "result": self.result,
            "error": f"{type(self.error).__name__}: {self.error}" if self.error is not None else None,
            "unmet": [str(place) for place in self.unmet],
            "trouble": list(self.trouble),
            "miss": str(self.miss) if self.miss is not None else None,
            "virtual_s": as_seconds(self.virtual),
            "transcript": self.transcript,
        }


def case_ids(loaded: Scenario) -> list[str | None]:
    """What there is to play: the scenario itself, which is None, and each of its cases; of a matrix its parts."""
    return loaded.names


def play(file: str | PathLike[str], case: str | None = None, *, driver: Driver | None = None, shown: str = "") -> Trial:
    """Play `case` of the scenario in `file` against the driver that it names, or against `driver`, on virtual time.

    `shown` is what the file is called in the result. Raises ScenarioError: a mistake in the file, a case that it does
    not have, no driver, or one that cannot be imported.
    """
    path = Path(file)
    loaded = load_scenario(path, case)
    found = driver or _driver(loaded.played(case)[0], path)
    expect = _expected(loaded, case)
    session = scenario(path, case)
    context = Context(session, case)
    with session_of(session) as complaint:
        started = real_monotonic_ns()
        drive = Drive(looks_for_leaks=expect is not None and looks_for_leaks(expect))
        drive.run(found, context)
        run = _observed(drive, context, real_monotonic_ns() - started)
        outcome = outcome_now(loaded, case, drive, context)
        reused = _second(found, context) if expect is not None and needs_second_run(expect) else None
        transcript = session.transcript()
    observed = Observed(**run, reused=reused, broken=broken(loaded, case, found, outcome, expect))
    unmet = judged(expect, observed) if expect is not None else []
    prefix = _place_of_expect(loaded, case)
    return Trial(
        file=shown or str(path),
        case=case,
        transcript=transcript,
        result=observed.result,
        error=drive.error,
        unmet=[_located(path, prefix, one, shown or str(path)) for one in unmet],
        trouble=[*_unexpected(expect, drive.error), *_told(complaint())],
        miss=next(iter(session.misses), None),
        virtual=observed.virtual,
        xfail=_xfail(loaded, case),
    )


class session_of:  # noqa: N801 - reads as a verb
    """Opens `session` and closes it whatever happens; gives a function that says what it has to complain of."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> Callable[[], HarnessError | Miss | None]:
        self._session.start()
        return self._session.complaint

    def __exit__(self, *_: object) -> None:
        self._session.stop()


def _driver(loaded: Scenario, path: Path) -> Driver:
    if loaded.driver is None:
        message = "this scenario names no driver: say driver: package.module:function, or pass one"
        raise ScenarioError([place_in(path, (), message)])
    try:
        return driver_of(loaded.driver)
    except DriverError as error:
        message = f"the driver cannot be had: {error}"
        raise ScenarioError([place_in(path, ("driver",), message)]) from error


def _expected(loaded: Scenario, case: str | None) -> Expect | None:
    played, chosen = loaded.played(case)
    return (chosen.expect if chosen else None) or played.expect


def _xfail(loaded: Scenario, case: str | None) -> str:
    chosen = loaded.played(case)[1]
    return (chosen.xfail or "") if chosen is not None else ""


def _place_of_expect(loaded: Scenario, case: str | None) -> tuple[str | int, ...]:
    played, chosen = loaded.played(case)
    if chosen is not None and chosen.expect is not None:
        return ("cases", played.cases.index(chosen), "expect")
    return ("expect",)


def _observed(drive: Drive, context: Context, wall: int) -> dict[str, Any]:
    session = context.session
    return {
        "entries": list(session.history),
        "result": said(drive.value),
        "succeeded": not failed_well(drive.value),
        "error": drive.error,
        "partial": context.partial,
        "virtual": Nanos(drive.ended_at - session.engine.opened_at),
        "wall": Nanos(wall),
        "cancels": session.cancels,
        "state": _state(session),
        "leaks": str(drive.leftovers).splitlines() if drive.leftovers is not None else None,
    }


def _state(session: Session) -> Mapping[str, object]:
    source = session.plan.source
    return source.state() if isinstance(source, ScenarioSource) else {}


def _second(driver: Driver, context: Context) -> str:
    """How the driver fares once more, with its fault and its cancel behind it: empty where it is fine."""
    context.cancel_event.clear()
    context.pieces.clear()
    drive = Drive()
    drive.run(driver, context)
    return "" if drive.error is None else f"{type(drive.error).__name__}: {drive.error}"


def _unexpected(expect: Expect | None, error: BaseException | None) -> list[str]:
    if error is None or isinstance(error, Miss):
        return []
    if expect is not None and (expect.raises or expect.result or "success" in expect.not_):
        return []  # is what was expected, or is told where it was not
    return [f"the driver raised {type(error).__name__}: {error}"]


def _told(complaint: HarnessError | Miss | None) -> list[str]:
    return [str(complaint)] if isinstance(complaint, HarnessError) else []


def _located(path: Path, prefix: tuple[str | int, ...], unmet: Unmet, shown: str) -> Place:
    found = place_in(path, (*prefix, *unmet.path), str(unmet))
    return Place(shown, found.line, found.column, found.message)
