"""A miss is the failure of the test's call, whatever the test did with it: retried, caught, gathered, turned into text.

A miss is remembered by its session when it happens. When the call of a test is over, every session that is open is
asked, and a miss that no test was blamed for replaces what the call returned or raised; what it raised is the cause.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import harness
from harness.errors import HarnessError, Miss, SessionError
from harness.pytest_plugin._owners import FIXTURES
from harness.pytest_plugin._run import Run

_HOUSE = Path(harness.__file__).parent
if TYPE_CHECKING:  # it loads all that a run without a session need not load
    from harness.session import Session

SECTION = "harness transcript"


def blame(run: Run, item: pytest.Item) -> Generator[None, Any, Any]:
    """The body of a hook wrapper around the call of `item`. Raises Miss."""
    try:
        result = yield
    except (KeyboardInterrupt, pytest.exit.Exception):
        raise
    except BaseException as error:
        show(run, item)
        miss = _new_miss(run)
        if miss is None or miss is error:
            raise
        raise miss from error
    _blame_quiet(run, item)
    refuse_unopened(item)
    return result


def refuse_unopened(item: pytest.Item) -> None:
    """Raise SessionError where a test that passed took the fixture `replay`, or a wider one, and nobody ever called it:
    no session was open, and whatever it asked went to the real network."""
    function = getattr(item, "function", None)
    named = {str(arg) for mark in item.iter_markers("usefixtures") for arg in mark.args}
    named |= set(signature(function).parameters) if function is not None else set()
    for name in sorted(named & FIXTURES):
        opener = getattr(item, "funcargs", {}).get(name)
        if opener is not None and not opener.sessions:
            message = (
                f"{item.nodeid} takes the fixture {name} and never called it: no session was open, and what the test "
                f"asked went to the real network.\n  next: call it, as in session = {name}()"
                + (", or mark the test with @pytest.mark.harness" if name == "replay" else "")
            )
            raise SessionError(message)


def show(run: Run, item: pytest.Item) -> None:
    """Put the transcripts of the open sessions into the report of `item`."""
    for session in open_sessions(run):
        if len(session.history):
            item.add_report_section("call", SECTION, session.transcript())


def open_sessions(run: Run) -> list[Session]:
    """Every open session: those of the fixtures, and those that a test or its fixtures opened with harness.replay."""
    ours = [opened.session for opened in run.opened]
    transports = sys.modules.get("harness.transports")  # where it is not loaded, no session is open
    others = [member.session for member in transports.open_members()] if transports is not None else []
    return [*ours, *(session for session in others if not any(session is one for one in ours))]


def _blame_quiet(run: Run, item: pytest.Item) -> None:
    """The call returned; but unittest keeps errors to itself and reports them later."""
    kept: list[pytest.ExceptionInfo[BaseException]] = getattr(item, "_excinfo", None) or []
    if kept:
        show(run, item)
    miss = _new_miss(run)
    if miss is None or any(info.value is miss for info in kept):
        return
    if not kept:
        show(run, item)
        raise miss
    error = kept[0].value
    kept.clear()
    raise miss from error


def _new_miss(run: Run) -> Miss | None:
    """The first miss that no test was blamed for; the others are its consequences."""
    fresh = [miss for session in open_sessions(run) for miss in run.fresh(session.misses)]
    return fresh[0] if fresh else None


def without_us(excinfo: pytest.ExceptionInfo[BaseException], root: Path) -> bool:
    """Hide our own frames in a traceback that ends in an error of ours; `--full-trace` shows them.

    False where no file of the project, which lies in `root`, is left: then the traceback tells its author nothing.
    """
    if not _is_ours(excinfo):
        return True
    for entry in excinfo.traceback:
        if Path(entry.path).is_relative_to(_HOUSE):
            # pytest looks for this name in the globals of each frame; it filters whatever is put into excinfo again.
            entry.frame.f_globals["__tracebackhide__"] = _is_ours
    return any(_is_of(Path(entry.path), root) for entry in excinfo.traceback)


def _is_ours(excinfo: pytest.ExceptionInfo[BaseException] | None) -> bool:
    return excinfo is not None and isinstance(excinfo.value, HarnessError | Miss | pytest.UsageError)


def _is_of(path: Path, root: Path) -> bool:
    return path.is_relative_to(root) and not path.is_relative_to(_HOUSE) and "site-packages" not in path.parts


def is_hidden(call: pytest.CallInfo[Any], report: pytest.TestReport, item: pytest.Item) -> bool:
    """True where a mark for an expected failure hides a miss that it did not name."""
    if call.excinfo is None or not isinstance(call.excinfo.value, Miss) or not hasattr(report, "wasxfail"):
        return False
    expected = [mark.kwargs.get("raises") for mark in item.iter_markers("xfail")]
    return Miss not in [kind for kinds in expected for kind in (kinds if isinstance(kinds, tuple) else (kinds,))]
