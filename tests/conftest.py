"""What every test of the house shares: one rule about skips, one about real time, and one about Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator
from typing import TypeVar

import pytest

from harness.errors import PromiseBrokenError

_REQUIRED = bool(os.environ.get("HARNESS_REQUIRE_SDKS"))
"""Set by tox, where every SDK is installed: a test against one of them that cannot run is a failure there."""


_CORPUS_REQUIRED = bool(os.environ.get("HARNESS_REQUIRE_CORPUS"))
"""Set by .ci/run where other projects' recordings lie beside this checkout: then their tests run, or fail."""


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    # A shell's background job ignores Ctrl-C, and so would all that is started here: tests press it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _is_forbidden(node: str, reason: str) -> bool:
    """A skip for want of the corpus, which lives outside of the repository, is allowed where it is not there; so is one
    because an SDK cannot read a form of it."""
    if "cannot read this form" in reason:
        return False
    if "corpus" in reason:
        return _CORPUS_REQUIRED
    return _REQUIRED and node.startswith("tests/against/")


T = TypeVar("T")


@pytest.fixture
def unhurried(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], T]], T]:
    """Runs a check that goes by real time, RATE times as fast as written.

    On a busy machine a tenth of a second is not always one. What breaks at speed has to hold at a fifth of it, and what
    is really broken breaks at any speed.
    """

    def run(check: Callable[[], T]) -> T:
        try:
            return check()
        except PromiseBrokenError:
            monkeypatch.setattr(request.module, "RATE", request.module.RATE / 5)
            return check()

    return run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and _is_forbidden(item.nodeid, str(report.longrepr)):
        report.outcome = "failed"
        report.longrepr = f"a test was skipped that has all it needs: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and _is_forbidden(collector.nodeid, str(report.longrepr)):
        report.outcome = "failed"
        report.longrepr = f"tests were skipped that have all they need: {report.longrepr}"
    return report
