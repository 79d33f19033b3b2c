"""The run: what all tests of one pytest process share. Kept in the config's stash, never in a global."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

import pytest

from harness.errors import Miss, SessionError
from harness.pytest_plugin._modes import Modes
from harness.pytest_plugin._settings import Project, read_project
from harness.pytest_plugin._shared import Shared

if TYPE_CHECKING:  # at run time it would load the session, which a run without a session need not pay for
    from harness.pytest_plugin._opened import Opened

WORKER_KEY = "harness_run"
_STASH: pytest.StashKey[Run] = pytest.StashKey()


@dataclass(frozen=True, slots=True)
class Written:
    """A cassette that this run wrote, and how much is in it; `failed` where it was put aside."""

    path: Path
    interactions: int
    failed: bool = False

    def __str__(self) -> str:
        count = "1 interaction" if self.interactions == 1 else f"{self.interactions} interactions"
        return f"{count} of a failed test, kept aside" if self.failed else f"{count}"


@dataclass(slots=True)
class Run:
    """One process's part of a run. `id` is the same in every worker of pytest-xdist, and `worker` its name there.

    `order` is the place of each test in the order of collection, `words` are the texts in the code of tests and who has
    them, `asked` are the cassettes whose users were looked for already, by name, place and configured folder, `opened`
    are the sessions that are open now, `written` is for the summary, `blamed` are the misses that some test has failed
    for, `between` is what is entered between two tests.
    """

    id: str
    project: Project
    modes: Modes
    unplayed: str | None
    worker: str
    order: dict[str, int] = field(default_factory=dict)
    words: dict[str, list[pytest.Item]] = field(default_factory=dict)
    asked: set[tuple[str, Path, str]] = field(default_factory=set)
    written: dict[str, Written] = field(default_factory=dict)
    shared: Shared = field(default_factory=Shared)
    opened: list[Opened] = field(default_factory=list)
    blamed: WeakSet[Miss] = field(default_factory=WeakSet)
    between: ExitStack = field(default_factory=ExitStack)
    _claims: dict[str, tuple[Path, str]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where the parts of cassettes that this run makes are kept until it ends."""
        return Path(tempfile.gettempdir()) / f"harness-{self.id}"

    def fresh(self, misses: Iterable[Miss]) -> list[Miss]:
        """Those of `misses` that no test has been blamed for. From now on one has."""
        found = [miss for miss in misses if miss not in self.blamed]
        self.blamed.update(found)
        return found

    def claim(self, path: Path, owner: str) -> None:
        """`owner` keeps its own cassette at `path`. Raises SessionError where another test's is the same file."""
        folded = os.path.normcase(path).casefold()
        first = self._claims.setdefault(folded, (path, owner))
        if first[1] != owner:
            message = (
                f"two tests have one cassette: {owner} would keep its recording in {path}, and so does {first[1]}"
                + ("" if first[0] == path else f" in {first[0]}, which is the same file where case does not count")
                + '.\n  next: name one of them, as in @pytest.mark.harness(cassette="…")'
            )
            raise SessionError(message)

    def shown(self, path: Path) -> str:
        """`path` as messages say it: relative to the root of the project where it is below."""
        return str(path.relative_to(self.project.root)) if path.is_relative_to(self.project.root) else str(path)

    def wrote(self, written: Written) -> None:
        """Remember what was written. A cassette that grows is remembered as it is in the end."""
        name = self.shown(written.path)
        before = self.written.get(name)
        self.written[name] = written if before is None else max(before, written, key=lambda one: one.interactions)

    def close(self) -> None:
        """Forget the parts. The controller does it, when all workers are done."""
        if not self.worker:
            shutil.rmtree(self.folder, ignore_errors=True)


def open_run(config: pytest.Config) -> Run:
    """The run of `config`, begun now. Raises pytest.UsageError where something configured cannot be meant."""
    worker = getattr(config, "workerinput", None)
    run = Run(
        id=worker[WORKER_KEY] if worker else uuid.uuid4().hex[:12],
        project=read_project(config.rootpath),
        modes=Modes.of(config.getoption("harness_record"), os.environ),
        unplayed=config.getoption("harness_unplayed"),
        worker=worker["workerid"] if worker else "",
    )
    config.stash[_STASH] = run
    return run


def run_of(config: pytest.Config) -> Run:
    """The run that `config` belongs to."""
    return config.stash[_STASH]
