"""Lines: which lines of the program ran in a run without a fault, and which in one with it, as coverage.py sees it.

Two tracers fight for one place, so where coverage.py measures this process already (`coverage run`, pytest-cov), it
goes on, and the runs are told apart by its contexts. Else it is started for the runs alone, and each kind has data of
its own: that needs no contexts, which its newest way to measure (`core=sysmon`) does not know.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import finalize

from harness.errors import MissingExtraError, SweepError

if TYPE_CHECKING:  # optional, and nobody pays for it who does not ask for it
    from coverage import Coverage, CoverageData

Reached = dict[str, tuple[set[int], set[int]]]
"""File -> the lines that ran without any fault, and those that ran under one."""
_HOUSE: Final = Path(__file__).resolve().parent.parent
_FOREIGN: Final = frozenset({"site-packages", "dist-packages"})
_QUIET: Final = ["already-imported", "module-not-imported", "module-not-measured", "no-data-collected", "trace-changed"]


def require_coverage() -> None:
    """Raises MissingExtraError where coverage.py is not installed."""
    try:
        import coverage  # noqa: F401, PLC0415 - optional
    except ModuleNotFoundError as error:
        message = "coverage.py tells which lines ran, and it is not installed: pip install 'replay-harness[coverage]'"
        raise MissingExtraError(message) from error


class Lines:
    """Measures runs, one at a time. What measures is chosen with the first of them."""

    def __init__(self) -> None:
        """Raises MissingExtraError."""
        require_coverage()
        self._measure: _Own | _Beside | None = None
        self._is_open = False

    @contextmanager
    def during(self, name: str, *, faulted: bool) -> Iterator[None]:
        """The block is a run called `name`. A block within it is a part of it. Raises SweepError where the measuring
        that goes on already cannot tell runs apart, or something else has the tracer's place."""
        if self._is_open:
            yield
            return
        self._measure = self._measure or _chosen()
        self._is_open = True
        try:
            with self._measure.during(name, faulted=faulted):
                yield
        finally:
            self._is_open = False

    def around(self, once: Callable[..., Any]) -> Callable[..., Any]:
        """`once`, which takes a case as its first argument, measured."""

        def measured(case: Any, *given: Any, **keywords: Any) -> Any:
            with self.during(str(case or "no fault"), faulted=case is not None):
                return once(case, *given, **keywords)

        return measured

    def reached(self) -> Reached:
        """What ran so far, of files of the program: none of ours, none of an installed package."""
        found = self._measure.reached() if self._measure is not None else {}
        return {file: lines for file, lines in found.items() if _is_of_the_program(Path(file))}


def _chosen() -> _Own | _Beside:
    from coverage import Coverage  # noqa: PLC0415 - optional

    current = Coverage.current()
    if current is not None:
        return _Beside(current)
    if sys.gettrace() is not None:
        message = (
            "coverage.py cannot see which lines ran: a debugger, or another tracer, has its place\n"
            "  next: run without it, or without asking for the lines"
        )
        raise SweepError(message)
    return _Own()


class _Own:
    """Nobody measures: two sets of data, and the tracer is in place during the runs alone."""

    def __init__(self) -> None:
        self._calm, self._faulted = _started_later(), _started_later()
        finalize(self, closed, self._calm, self._faulted)

    @contextmanager
    def during(self, name: str, *, faulted: bool) -> Iterator[None]:
        del name
        measure = self._faulted if faulted else self._calm
        measure.start()
        try:
            yield
        finally:
            measure.stop()

    def reached(self) -> Reached:
        calm, faulted = self._calm.get_data(), self._faulted.get_data()
        files = {*calm.measured_files(), *faulted.measured_files()}
        return {file: (set(calm.lines(file) or ()), set(faulted.lines(file) or ())) for file in files}


def closed(*measures: Coverage) -> None:
    """Close their data: it is a database in memory, and from Python 3.13 on one that is left open is a warning."""
    for measure in measures:
        measure.get_data().close(force=True)


def _started_later() -> Coverage:
    """By the project's own settings, but for what would write, warn or switch."""
    from coverage import Coverage  # noqa: PLC0415 - optional

    made = Coverage(data_file=None, messages=False)
    made.set_option("run:branch", False)  # noqa: FBT003 - the form of its API
    made.set_option("run:dynamic_context", None)
    made.set_option("run:patch", [])
    made.set_option("run:disable_warnings", _QUIET)
    omitted = made.get_option("run:omit")
    made.set_option("run:omit", [*(omitted if isinstance(omitted, list) else ()), f"{_HOUSE}/*"])
    return made


class _Beside:
    """Somebody measures: each run is a context of theirs. A context is called by the run and a last word after a bar,
    as pytest-cov calls its own, which may take the place of ours within a run."""

    def __init__(self, current: Coverage) -> None:
        self._current = current
        self._runs: dict[str, bool] = {}
        _refuse(current)

    @contextmanager
    def during(self, name: str, *, faulted: bool) -> Iterator[None]:
        self._runs[name] = faulted
        before: str | None = self._current.switch_context(f"{name}|sweep")
        try:
            yield
        finally:
            self._current.switch_context(before or "")

    def reached(self) -> Reached:
        data = self._current.get_data()
        return {file: self._told_apart(data, file) for file in data.measured_files()}

    def _told_apart(self, data: CoverageData, file: str) -> tuple[set[int], set[int]]:
        calm: set[int] = set()
        faulted: set[int] = set()
        for line, contexts in data.contexts_by_lineno(file).items():
            kinds = {self._is_faulted(context) for context in contexts}
            (calm if False in kinds else faulted if True in kinds else set()).add(line)
        return calm, faulted

    def _is_faulted(self, context: str) -> bool | None:
        """None for what is none of our runs. A static context of the project's stands before ours, with a bar."""
        name = context.rpartition("|")[0]
        if name in self._runs:
            return self._runs[name]
        return next((how for run, how in self._runs.items() if name.endswith(f"|{run}")), None)


def _refuse(current: Coverage) -> None:
    """Raises SweepError where `current` knows no contexts, or chooses them by itself."""
    if current.get_option("run:dynamic_context"):
        message = (
            "coverage.py measures here and switches contexts by itself (dynamic_context), so it cannot tell a run with "
            "a fault from one without\n  next: take dynamic_context out of its settings, or do not ask for the lines"
        )
        raise SweepError(message)
    core: Mapping[str, Any] = dict(current.sys_info())
    if "sysmon" in str(core.get("core", "")).lower():
        message = (
            "coverage.py measures here with core=sysmon, which knows no contexts, so it cannot tell a run with a fault "
            "from one without\n  next: set COVERAGE_CORE=ctrace, or do not measure beside the sweep"
        )
        raise SweepError(message)


def _is_of_the_program(file: Path) -> bool:
    return file.is_file() and not file.resolve().is_relative_to(_HOUSE) and not _FOREIGN & set(file.parts)
