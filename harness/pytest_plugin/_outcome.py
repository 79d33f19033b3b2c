"""How a test went, as far as it has gone: what decides whether its cassette is kept and its sessions are judged."""

from __future__ import annotations

import pytest

_REPORTS: pytest.StashKey[dict[str, pytest.TestReport]] = pytest.StashKey()
_FAILED: pytest.StashKey[list[str]] = pytest.StashKey()


def remember(item: pytest.Item, report: pytest.TestReport) -> None:
    """One phase of `item` is over."""
    item.stash.setdefault(_REPORTS, {})[report.when] = report
    if not is_good(report):
        item.config.stash.setdefault(_FAILED, []).append(item.nodeid)


def is_good(report: pytest.TestReport) -> bool:
    """True for a test that passed, and not as one that was expected to fail."""
    return report.passed


def passed(item: pytest.Item) -> bool:
    """True where the test itself was run and passed."""
    report = item.stash.get(_REPORTS, {}).get("call")
    return report is not None and is_good(report)


def failed(item: pytest.Item) -> bool:
    """True where it failed, in its set-up or itself; a skipped one did not."""
    return any(report.failed or hasattr(report, "wasxfail") for report in item.stash.get(_REPORTS, {}).values())


def forget(item: pytest.Item) -> None:
    """It is about to run, perhaps once more."""
    item.stash[_REPORTS] = {}


def failures(config: pytest.Config) -> int:
    """How many phases of tests have failed or were skipped so far."""
    return len(config.stash.get(_FAILED, []))
