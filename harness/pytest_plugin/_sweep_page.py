"""Page: everything that the sweeps of a run found, in one file for a browser or a machine.

Each case is told on the report of its test, as a worker of pytest-xdist sends it to its controller, and joined there.
Nobody who did not ask for a file pays for what would be in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from harness.pytest_plugin._run import run_of
from harness.pytest_plugin._sweep_lines import covered_of

if TYPE_CHECKING:  # loads the session; only a sweep pays for it
    from harness.model import Json
    from harness.sweeps import CaseReport, Sweep

TOLD: Final[pytest.StashKey[str]] = pytest.StashKey()
"""What an item has to tell, as JSON: a text of a model may hold what pytest-xdist cannot send."""
_ABOUT: Final[pytest.StashKey[set[str]]] = pytest.StashKey()
"""The sweeps that this process has told about. The first case of each does it for all."""
ATTRIBUTE: Final = "harness_sweep"


def is_wanted(config: pytest.Config) -> bool:
    """True where somebody asked for a file."""
    return bool(config.getoption("harness_sweep_html") or config.getoption("harness_sweep_json"))


def tell(item: pytest.Item, sweep: Sweep, report: CaseReport) -> None:
    """Keep what a case came to for the report of `item`."""
    if not is_wanted(item.config):
        return
    from harness.sweeps import about, case_json, size_of  # noqa: PLC0415 - loads the session, which is there by now

    known = sweep.known.get(report.name)
    passes = known is not None and not report.violations
    stale = f"known failure {report.name} passes: take it off the list ({known.reason})" if known and passes else ""
    covers = list(sweep.plan.covered.get(report.name, ()))
    known_by = item.config.stash.setdefault(_ABOUT, set())
    size = size_of(report.case, sweep.recorded(report.case))
    told = {
        "name": sweep.name,
        "about": None if sweep.name in known_by else about(sweep),
        "case": {**case_json(report), "covers": covers, "size": size},
        "stale": stale,
    }
    known_by.add(sweep.name)
    item.stash[TOLD] = json.dumps(told)


def attach(item: pytest.Item, report: pytest.TestReport) -> None:
    """Give `report`, of the call of `item`, what it has to tell."""
    if report.when == "call" and TOLD in item.stash:
        setattr(report, ATTRIBUTE, item.stash[TOLD])
        del item.stash[TOLD]


class Page:
    """A plugin of a run that was asked for a file: it gathers, and writes at the end. In a worker it does nothing."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._about: dict[str, Mapping[str, Json]] = {}
        self._cases: dict[str, dict[str, Any]] = {}
        self._stale: dict[str, list[str]] = {}
        self._written: list[Path] = []

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """What was told of a case; after it was sent, where this is a worker."""
        text = vars(report).pop(ATTRIBUTE, None)
        if text is None or run_of(self._config).worker:
            return
        told = json.loads(text)
        name = told["name"]
        if told["about"] is not None:
            self._about[name] = told["about"]
        self._cases.setdefault(name, {})[told["case"]["name"]] = told["case"]
        self._stale.setdefault(name, []).extend([told["stale"]] if told["stale"] else [])

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Write what was asked for, relative to where pytest was started."""
        if run_of(self._config).worker or not self._about:
            return
        from harness.sweeps import page  # noqa: PLC0415 - loads the session

        found = self._report()
        makers: dict[str, Callable[[Mapping[str, Json]], str]] = {"html": page, "json": _as_text}
        for kind, make in makers.items():
            wanted = self._config.getoption(f"harness_sweep_{kind}")
            if wanted:
                target = self._config.invocation_params.dir / wanted
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(make(found), "utf-8", errors="backslashreplace")
                self._written.append(target)

    def _report(self) -> dict[str, Json]:
        from harness.sweeps import joined  # noqa: PLC0415 - as above

        sweeps = [
            joined(about, self._cases[name].values(), self._stale[name]) for name, about in sorted(self._about.items())
        ]
        lines = covered_of(self._config)
        return {
            "version": 1,
            "ok": all(one["ok"] for one in sweeps),
            "sweeps": [*sweeps],
            "coverage": lines.to_json() if lines is not None else None,
        }

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Where it is."""
        for path in self._written:
            terminalreporter.line(f"harness sweep: wrote {run_of(self._config).shown(path)}")
        if not self._written:
            terminalreporter.line("harness sweep: no case was run, so there is nothing to write")


def _as_text(report: Mapping[str, Json]) -> str:
    return json.dumps(report, ensure_ascii=False, indent=1) + "\n"
