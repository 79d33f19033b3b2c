"""Whole: an item of a full sweep, whose cases are its subtests: each is the test run once more, with fresh fixtures."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any, Final

import pytest
from _pytest.runner import runtestprotocol

from harness.pytest_plugin._sweep_left import told_within
from harness.pytest_plugin._sweep_page import ATTRIBUTE
from harness.pytest_plugin._swept import SWEPT

WHOLE: Final[pytest.StashKey[Sequence[pytest.Function]]] = pytest.StashKey()
"""The cases of an item."""


class Whole:
    """A plugin: it runs the items that have cases."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """True for an item that was run here."""
        cases = item.stash.get(WHOLE, None)
        if cases is None:
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        failed = 0
        for case, after in zip(cases, [*cases[1:], nextitem], strict=True):
            with told_within(case):
                report = _subtest(item, case, list(_run(case, after)))
                failed += report.failed
                item.ihook.pytest_runtest_logreport(report=report)
            if item.session.shouldfail or item.session.shouldstop:
                break
        for when in ("setup", "call", "teardown"):
            item.ihook.pytest_runtest_logreport(report=_phase(item, when, failed if when == "call" else 0))
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True


class Twins:
    """A plugin: it runs a case that is due twice for the first time. Within all other plugins, whose words are in the
    messages of a failed assert."""

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, bool | None, bool | None]:
        """Before the case itself."""
        from harness.pytest_plugin._sweep import run_twin  # noqa: PLC0415 - it makes the items that are run here

        run_twin(item)
        return (yield)


def _run(case: pytest.Function, after: pytest.Item | None) -> Iterator[pytest.TestReport]:
    from harness.pytest_plugin._sweep import run_twin, seeded  # noqa: PLC0415 - it makes the items that are run here

    with seeded(case):
        run_twin(case)
        yield from runtestprotocol(case, log=False, nextitem=after)


def _subtest(item: pytest.Item, case: pytest.Function, reports: Sequence[pytest.TestReport]) -> pytest.TestReport:
    """What came of a case: its first phase that did not pass, else its call. Where pytest has no subtests, which came
    with its version 9, it is a test of its own name."""
    told = next((report for report in reports if not report.passed), None)
    told = told or next(report for report in reports if report.when == "call")
    told.when = "call"
    for report in reports:
        if ATTRIBUTE in vars(report):  # perhaps another phase than the one that is shown
            setattr(told, ATTRIBUTE, vars(report)[ATTRIBUTE])
    told.user_properties = reports[-1].user_properties  # pytest gives them to the last phase as well
    try:
        from _pytest.subtests import SubtestContext, SubtestReport  # noqa: PLC0415 - not there before pytest 9
    except ModuleNotFoundError:
        return told
    data: Any = told._to_json()  # noqa: SLF001 - as pytest's own subtests do
    made = SubtestReport._from_json({**data, "_subtest.context": {"msg": _case_of(case), "kwargs": {}}})  # noqa: SLF001
    assert isinstance(made.context, SubtestContext)
    made.nodeid, made.location = item.nodeid, item.location
    return made


def _case_of(case: pytest.Function) -> str:
    return str(case.stash[SWEPT].case)


def _phase(item: pytest.Item, when: Any, failed: int) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords={},
        outcome="failed" if failed else "passed",
        longrepr=f"contains {failed} failed subtest{'s' if failed > 1 else ''}" if failed else None,
        when=when,
    )
