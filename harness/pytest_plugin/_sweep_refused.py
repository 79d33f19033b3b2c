"""Refused: what cannot be swept at all, said before any case of it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from harness.errors import HarnessError, SweepError
from harness.pytest_plugin._swept import SWEPT


class Refused(pytest.Item):
    """In place of the cases of a test that cannot be swept: it says why."""

    def __init__(self, *, error: SweepError, **options: Any) -> None:
        super().__init__(**options)
        self._error = error

    def runtest(self) -> None:
        """Raises SweepError."""
        raise self._error

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The message alone, without our own frames."""
        return str(excinfo.value) if isinstance(excinfo.value, HarnessError) else super().repr_failure(excinfo, style)


def refuse_to_record(config: pytest.Config, mode: str) -> None:
    """Raises pytest.UsageError where a sweep is asked for in so many words by a run that records."""
    asked = config.getoption("harness_sweep") or config.getoption("harness_case")
    if mode != "none" and (asked or any("/kind=" in arg for arg in config.args)):
        message = (
            f"this run records (mode {mode}), and a sweep breaks what was recorded\n"
            "  next: record first, then sweep without --harness-record and HARNESS_RECORD"
        )
        raise pytest.UsageError(message)


def is_plain(item: pytest.Item) -> bool:
    """True for a test of which no sweep knows anything."""
    return isinstance(item, pytest.Function) and SWEPT not in item.stash


def nothing(items: Sequence[pytest.Item]) -> SweepError:
    """That there is nothing to sweep in all of `items`."""
    which = "this test does not replay" if len(items) == 1 else f"none of these {len(items)} tests replays"
    return SweepError(
        f"--harness-sweep: {which} by the marker harness or by a fixture of ours, so nothing was swept\n"
        '  next: mark the test @pytest.mark.harness("cassette"), take the fixture replay instead of harness.replay(), '
        "or call harness.sweep() on its code"
    )
