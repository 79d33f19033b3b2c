"""Scenarios that name a driver are tests of their own: one for the scenario itself, one for each of its cases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from harness.errors import HarnessError, Miss
from harness.pytest_plugin._owners import CASE, MARKER, scenario_of

if TYPE_CHECKING:  # loaded when a scenario is there, and not for everybody who has a YAML file
    from harness.scenarios import Scenario
    from harness.trials import Trial

_SUFFIXES: Final = frozenset({".yaml", ".yml"})
_MAGIC: Final = re.compile(rb"^[\"']?harness[\"']?[ \t]*:", re.MULTILINE)
_DRIVER: Final = re.compile(rb"^[\"']?driver[\"']?[ \t]*:", re.MULTILINE)
_BASE: Final = "scenario"
"""What the scenario itself is called, without a case."""


def collected(path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    """The tests in the file at `path`; None where it is no scenario with a driver. Other people's YAML is only looked
    at: the two keys have to stand at its left edge."""
    if path.suffix not in _SUFFIXES:
        return None
    try:
        text = path.read_bytes()
    except OSError:
        return None
    if not _MAGIC.search(text) or not _DRIVER.search(text):
        return None
    return ScenarioFile.from_parent(parent, path=path)


class ScenarioFile(pytest.File):
    """One file, and its cases."""

    def collect(self) -> Iterator[pytest.Item]:
        """The scenario itself and each case. Raises ScenarioError for a file with mistakes."""
        from harness.scenarios import load_scenario  # noqa: PLC0415 - see above
        from harness.trials import case_ids  # noqa: PLC0415 - see above

        loaded = load_scenario(self.path)
        for case in case_ids(loaded):
            item = ScenarioItem.from_parent(self, name=case or _BASE, case=case)
            _marked(item, loaded)
            yield item

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ARG002
        """A file with mistakes is told by them, without our own frames."""
        if isinstance(excinfo.value, HarnessError):
            return str(excinfo.value).replace(str(self.path), self.nodeid)
        return super().repr_failure(excinfo)


class TrialFailed(Exception):  # noqa: N818 - a failed test is no error
    """A trial whose expectations were not met."""


class ScenarioItem(pytest.Item):
    """One case, played against the driver."""

    def __init__(self, *, case: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.case = case
        self.trial: Trial | None = None

    def runtest(self) -> None:
        """Raises TrialFailed, Miss, ScenarioError."""
        from harness.trials import play  # noqa: PLC0415 - see above

        trial = self.trial = play(self.path, self.case, shown=self.nodeid.split("::")[0])
        self.add_report_section("call", "harness transcript", trial.transcript)
        if trial.miss is not None:
            raise trial.miss
        if not trial.ok:
            complaints = "\n".join(trial.complaints())
            message = f"{complaints}\n  again: {trial.command}\n         pytest '{self.nodeid}'"
            raise TrialFailed(message) from trial.error

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What was expected and what was seen; the driver's own traceback where it raised."""
        if not isinstance(excinfo.value, TrialFailed | HarnessError | Miss):
            return super().repr_failure(excinfo, style)
        told = str(excinfo.value)
        error = self.trial.error if self.trial is not None else None
        if error is None or isinstance(error, Miss):
            return told
        shown = pytest.ExceptionInfo.from_exception(error).getrepr(style="short")
        return f"{told}\n\n{shown}"

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it stands, for the report."""
        return self.path, 0, f"{self.path.name}::{self.name}"


def _marked(item: ScenarioItem, loaded: Scenario) -> None:
    """`skip` and `xfail` of the case, as marks."""
    _, case = loaded.played(item.case)
    if case is not None and case.skip is not None:
        item.add_marker(pytest.mark.skip(reason=case.skip))
    if case is not None and case.xfail is not None:
        item.add_marker(pytest.mark.xfail(reason=case.xfail, strict=True))


def parametrised(metafunc: pytest.Metafunc) -> None:
    """Run a test whose marker says `case="*"`, or a list of cases, once for each. Raises pytest.UsageError."""
    mark = metafunc.definition.get_closest_marker(MARKER)
    chosen = mark.kwargs.get("case") if mark is not None else None
    if mark is None or chosen is None or (isinstance(chosen, str) and chosen != "*"):
        return
    if "scenario" not in mark.kwargs:
        message = f"{metafunc.definition.nodeid}: case={chosen!r} without a scenario: which file has these cases?"
        raise pytest.UsageError(message)
    cases = _all_cases(metafunc, mark) if chosen == "*" else list(chosen)
    metafunc.fixturenames.append(CASE)
    metafunc.parametrize(CASE, cases, ids=[case or _BASE for case in cases])


def _all_cases(metafunc: pytest.Metafunc, mark: pytest.Mark) -> list[str | None]:
    from harness.scenarios import load_scenario  # noqa: PLC0415 - see above
    from harness.trials import case_ids  # noqa: PLC0415 - see above

    path = scenario_of(metafunc.definition, str(mark.kwargs["scenario"]))
    return case_ids(load_scenario(path))
