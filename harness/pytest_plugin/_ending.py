"""The end of a run: shared cassettes are judged, workers' findings joined, what was written is listed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.pytest_plugin._run import Run, Written, run_of
from harness.pytest_plugin._shared import Usage

OUTPUT_KEY = "harness"


def finish(session: pytest.Session) -> None:
    """A worker hands over what it knows; everybody else judges, and forgets the parts."""
    run = run_of(session.config)
    if run.worker:
        session.config.workeroutput[OUTPUT_KEY] = {  # type: ignore[attr-defined]  # xdist's own place for it
            "shared": run.shared.exported(),
            "written": [(str(one.path), one.interactions, one.failed) for one in run.written.values()],
        }
        return
    run.close()
    if session.exitstatus == pytest.ExitCode.OK and any(_fails(usage) for usage in run.shared.left_over().values()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def join(run: Run, output: Mapping[str, Any]) -> None:
    """What a worker handed over; one that crashed handed over nothing."""
    found = output.get(OUTPUT_KEY)
    if found:
        run.shared.join(found["shared"])
        for path, interactions, failed in found["written"]:
            run.wrote(Written(Path(path), interactions, failed))


def summarise(run: Run, reporter: Any) -> None:
    """The section of the terminal summary; none where there is nothing to say."""
    lines = [*_unplayed(run), *(f"recorded {name}: {one}" for name, one in run.written.items())]
    if lines:
        reporter.section("harness", sep="=")
        for line in lines:
            reporter.line(line)


def _unplayed(run: Run) -> Iterator[str]:
    for path, usage in run.shared.left_over().items():
        if usage.policy != "ignore":
            word = "FAILED" if _fails(usage) else "warning:"
            yield f"{word} {path}: not asked for by any of the {len(usage.users)} tests that share it"
            yield from (f"  {line}" for line in usage.left_over)
            yield "  next: record it anew (--harness-record=rewrite), or say --harness-unplayed=ignore"


def _fails(usage: Usage) -> bool:
    return usage.policy == "fail"
