"""Who decides whether to record: the option, then HARNESS_RECORD, then the test, then the project. Default: none.

On a CI server (`CI` is set) only the first two may: a marker that was left behind must not call a model there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from harness.pytest_plugin._settings import CHOICES

VARIABLE = "HARNESS_RECORD"
_FALSE = {"", "0", "false", "no"}


@dataclass(frozen=True, slots=True)
class Modes:
    """What was decided for the whole run: `asked` is None where option and variable say nothing."""

    asked: str | None
    in_ci: bool

    @classmethod
    def of(cls, option: str | None, environment: Mapping[str, str]) -> Modes:
        """Raises pytest.UsageError where HARNESS_RECORD is no record mode."""
        variable = environment.get(VARIABLE) or None
        if variable is not None and variable not in CHOICES["mode"]:
            message = f"{VARIABLE}={variable} is no record mode; the modes are {', '.join(CHOICES['mode'])}"
            raise pytest.UsageError(message)
        return cls(option or variable, environment.get("CI", "").lower() not in _FALSE)

    def decide(self, wanted: str | None) -> str:
        """The mode of one session; `wanted` is what the test and the project say."""
        if self.asked is not None:
            return self.asked
        return "none" if self.in_ci or wanted is None else wanted
