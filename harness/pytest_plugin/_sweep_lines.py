"""Lines: which lines only ever ran under a fault, over all swept tests of a run and all its workers.

A run of a test is measured whole, with the fixtures of its own: what they run without a fault is no line of a fault.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from harness.errors import MissingExtraError
from harness.pytest_plugin._run import run_of

if TYPE_CHECKING:  # loads the session; only a sweep pays for it
    from harness.sweeps import Covered, Lines, Reached

LINES: Final[pytest.StashKey[Measured]] = pytest.StashKey()
_OUTPUT: Final = "harness_sweep_lines"


@contextmanager
def measured(item: pytest.Item, *, faulted: bool) -> Iterator[None]:
    """The block is a run of `item`, measured where somebody asked for it."""
    found = item.config.stash.get(LINES, None)
    if found is None:
        yield
        return
    with found.lines.during(item.nodeid, faulted=faulted):
        yield


def covered_of(config: pytest.Config) -> Covered | None:
    """What was found; None where nobody asked."""
    found = config.stash.get(LINES, None)
    return found.covered if found is not None else None


class Measured:
    """A plugin of a run that was asked for the lines."""

    def __init__(self, config: pytest.Config) -> None:
        """Raises pytest.UsageError where coverage.py is not installed."""
        from harness.sweeps import Lines  # noqa: PLC0415 - loads the session, which a sweep needs anyway

        try:
            self.lines: Lines = Lines()
        except MissingExtraError as error:
            raise pytest.UsageError(str(error)) from error
        self._config = config
        self._parts: list[Reached] = []
        self._covered: Covered | None = None
        config.stash[LINES] = self

    @property
    def covered(self) -> Covered:
        """Of all processes of this run, when it is over."""
        from harness.sweeps import covered, joined_lines  # noqa: PLC0415 - as above

        if self._covered is None:
            self._covered = covered(joined_lines(self._parts))
        return self._covered

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Within pytest-cov, whose data are written and put together when the loop is over."""
        result = yield
        self._parts.append(self.lines.reached())
        return result

    def pytest_sessionfinish(self) -> None:
        """A worker hands over what it has."""
        if run_of(self._config).worker:
            told = {
                file: (sorted(calm), sorted(faulted)) for part in self._parts for file, (calm, faulted) in part.items()
            }
            self._config.workeroutput[_OUTPUT] = told  # type: ignore[attr-defined]  # xdist's own place for it

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker of pytest-xdist is done."""
        told = (getattr(node, "workeroutput", None) or {}).get(_OUTPUT, {})
        self._parts.append({file: (set(calm), set(faulted)) for file, (calm, faulted) in told.items()})

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The lines, as `harness sweep` shows them; nothing where nothing was swept."""
        for line in self.covered.text().splitlines() if any(self._parts) else ():
            terminalreporter.line(line)
