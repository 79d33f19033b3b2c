"""Opened: one session of a test, and what becomes of it when the test is over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.engine import Mode
from harness.errors import HarnessError, Miss, UnplayedError
from harness.pytest_plugin._parts import locked, merge
from harness.pytest_plugin._run import Run, Written
from harness.pytest_plugin._shared import Usage
from harness.recorder import Recorder, failed_path
from harness.session import Session


@dataclass(slots=True)
class Opened:
    """`path` is the cassette, None for what has no file. A new cassette is recorded into `part` and merged at the end.

    `usage` is set where several tests share the cassette; then what is left over is judged at the end of the run.
    `owner` is whom it is noted under.
    """

    session: Session
    owner: str
    path: Path | None = None
    mode: str = "none"
    part: Path | None = None
    usage: Usage | None = None

    def judged(self, run: Run) -> HarnessError | Miss | None:
        """What was promised and not kept, for a test that passed."""
        late = run.fresh(self.session.misses)
        if late:
            return late[0]
        found = self.session.complaint()
        left_over = isinstance(found, UnplayedError)
        if self.usage is not None and self.session.replays and (found is None or left_over):
            unplayed = self.session.remembered().unplayed
            self.usage.played(self.owner, unplayed, self.session.plan.unplayed)
            return None
        if found is None:
            self.session.verify()  # nothing to raise, but perhaps a warning
        return None if isinstance(found, Miss) else found

    def keep(self, run: Run) -> Written | None:
        """Write what was recorded where it belongs. Returns what was written, None where there was nothing to write."""
        if self.path is None or not self.session.records:
            return None
        if self.part is None:
            with locked(run.folder, self.path):  # read anew: another worker may have added to it meanwhile
                written = Recorder(self.path, Mode(self.mode), self.session.rules).save(self.session.takes)
            return Written(written, len(self.session.takes)) if written else None
        self.session.save()
        return Written(self.path, merge(run.folder, self.path, self.session.rules))

    def put_aside(self) -> Written | None:
        """Keep what a failed test recorded beside the cassette, which stays as it is. Returns what was written."""
        if self.path is None or not self.session.records or not self.session.takes:
            return None
        target = failed_path(self.path)
        written = self.session.save(aside=self.part is None)
        if self.part is not None and written is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            written.replace(target)
        return Written(target, len(self.session.takes), failed=True)
