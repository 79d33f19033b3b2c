"""Opener: what the fixtures hand out. It opens sessions for one owner, a test or a class, module or run of tests."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from harness.errors import CassetteNotFoundError, HarnessError, Miss, SecretFoundError
from harness.pytest_plugin._collected import note_users
from harness.pytest_plugin._naming import confined, default_path, named_path
from harness.pytest_plugin._opened import Opened
from harness.pytest_plugin._parts import has_parts, part_path
from harness.pytest_plugin._run import Run
from harness.pytest_plugin._settings import SESSION_KEYS, SOURCES, checked, merged
from harness.pytest_plugin._shared import Usage
from harness.pytest_plugin._swept import Swept
from harness.session import Session, record, replay, scenario
from harness.storage import open_lazily


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose sessions these are. `beside` is the folder of the test file, `folders` are where its cassettes lie, the
    first for new ones, `name` and `cls` what its own cassette is called by, `order` its place in the run; `is_wide` for
    all but a test."""

    id: str
    name: str
    cls: str
    beside: Path
    folders: tuple[Path, ...]
    scenarios: tuple[Path, ...]
    order: int
    is_wide: bool


class Opener:
    """`replay()` is the session of the marker, else the one of the owner's own cassette; it is opened once.

    `replay("refund")` opens another cassette, `replay(scenario="flaky")` a scenario; a Cassette, a Source or a function
    from Prompt to an answer does as well. Keywords are those of `harness.replay`, and `mode`.
    All of them are verified when their owner is done.
    """

    def __init__(self, run: Run, owner: Owner, settings: dict[str, Any]) -> None:
        self._run = run
        self._owner = owner
        self._settings = settings
        self._opened: list[Opened] = []
        self._own: Opened | None = None
        self.swept: Swept | None = None

    def __call__(self, source: Any = None, **keywords: Any) -> Session:
        """An open session. Raises SessionError, CassetteError, ScenarioError, pytest.UsageError (unknown keywords)."""
        given = checked(keywords, (*SESSION_KEYS, *SOURCES), "replay(…)")
        if source is None and not given:
            self._own = self._own or self._open(self._settings)
            return self._own.session
        base = {key: value for key, value in self._settings.items() if key not in SOURCES}
        if source is not None and not isinstance(source, str | PathLike):
            return self._add(self._start(lambda **kept: replay(source, **kept), merged(base, given))).session
        named = {"cassette": source} if source is not None else {}
        return self._open(merged(base, named, given)).session

    @property
    def sessions(self) -> list[Session]:
        """Every session that was opened here, in that order."""
        return [opened.session for opened in self._opened]

    def close(self, *, passed: bool, failed: bool) -> None:
        """Close, judge and keep. Raises what was promised and not kept, where the owner `passed`."""
        for opened in reversed(self._opened):
            opened.session.stop()
        errors = [error for opened in self._opened if (error := self._settle(opened, passed=passed, failed=failed))]
        for opened in self._opened:
            self._run.opened.remove(opened)
        if errors:
            first, *others = errors
            for other in others:
                first.add_note(f"and, in another session of this test: {other}")
            raise first

    def _settle(self, opened: Opened, *, passed: bool, failed: bool) -> HarnessError | Miss | None:
        error = opened.judged(self._run) if passed else None
        written = None
        try:
            if passed and not error:
                written = opened.keep(self._run)
            elif failed or error:
                written = opened.put_aside()
        except SecretFoundError as secret:  # told beside what the other sessions of this test have to say
            return secret
        if written:
            self._run.wrote(written)
        elif opened.session.records:
            opened.session.forget()  # of a skipped test, say: its journal would wait to be recovered
        return error

    def _open(self, settings: dict[str, Any]) -> Opened:
        if "scenario" in settings:
            return self._add(self._scenario(settings))
        return self._add(self._cassette(settings))

    def _add(self, opened: Opened) -> Opened:
        self._opened.append(opened)
        self._run.opened.append(opened)
        return opened

    def _scenario(self, settings: dict[str, Any]) -> Opened:
        owner = self._owner
        path = self._confined(settings["scenario"], owner.scenarios)
        keys = ("clock", "unplayed", "allowed_hosts", "ignored_hosts")  # a scenario has matchers of its own
        kept = {key: settings[key] for key in keys if key in settings}
        case, predicates = settings.get("case"), settings.get("predicates")
        return self._start(lambda **rest: scenario(path, case, predicates=predicates, **rest), kept)

    def _cassette(self, settings: dict[str, Any]) -> Opened:
        path = self._path(settings.get("cassette"))
        if isinstance(settings.get("cassette"), str):
            note_users(self._run, settings["cassette"], path, self._settings)
        mode = self._run.modes.decide(settings.get("mode"))
        usage = self._usage(path)
        if mode == "rewrite" or (mode == "once" and (not path.exists() or has_parts(self._run.folder, path))):
            part = self._part(path)
            opened = self._start(lambda **kept: record(part, "once", beside=path, **kept), settings)
            opened.part = part
        elif mode in {"new_episodes", "all"}:
            opened = self._start(lambda **kept: record(path, mode, **kept), settings)
        else:
            opened = self._start(lambda **kept: self._replay(path, kept), settings)
        opened.path, opened.mode, opened.usage = path, mode, usage
        return opened

    def _usage(self, path: Path) -> Usage | None:
        """Set where others use this cassette too: tests that name it, or the same class or module in another worker."""
        if self._run.worker and self._owner.is_wide:
            self._run.shared.uses(path, self._noted)
            self._run.shared.uses(path, f"{self._owner.id} in other workers")
            self._run.shared.passes(path, f"{self._owner.id} in other workers")
        return self._run.shared.usage(path)

    @property
    def _noted(self) -> str:
        return f"{self._owner.id} in {self._run.worker}" if self._run.worker and self._owner.is_wide else self._owner.id

    def _replay(self, path: Path, kept: dict[str, Any]) -> Session:
        shown = self._run.shown(path)
        if not path.exists():
            message = f"{shown}: there is no cassette for {self._owner.id}.\n  next: record it: {self._command('once')}"
            raise CassetteNotFoundError(message)
        shared = self._run.shared.usage(path) is not None
        return replay(
            open_lazily(path, name=shown), hint=f"record it anew: {self._command('rewrite', shared=shared)}", **kept
        )

    def _start(self, make: Callable[..., Session], settings: dict[str, Any]) -> Opened:
        kept = {key: value for key, value in settings.items() if key in SESSION_KEYS and key != "mode"}
        kept["unplayed"] = self._run.unplayed or kept.get("unplayed", "fail")
        session = make(**kept)
        if self.swept is not None:
            self.swept.lay(session)
        session.start()
        if self.swept is not None and self.swept.opening is not None and self.swept.opening.session is session:
            self.swept.arm()
        return Opened(session, self._noted)

    def _path(self, name: str | PathLike[str] | None) -> Path:
        owner = self._owner
        if name is not None:
            return self._confined(name, owner.folders)
        path = default_path(owner.folders[0], owner.name, owner.cls, Path.exists)
        self._run.claim(path, owner.id)
        return confined(path, path.name, (self._run.project.root, *owner.folders))

    def _confined(self, name: str | PathLike[str], folders: tuple[Path, ...]) -> Path:
        """The file that a test calls `name`. A text stays in the project; a Path goes where it says.

        So does the absolute path of a file that is there, as long as it is only read: nobody stumbles into one.
        """
        owner = self._owner
        path = named_path(fspath(name), owner.beside, folders, Path.exists)
        reads = self._run.modes.decide(self._settings.get("mode")) in {"none", "once"}
        if not isinstance(name, str) or (reads and Path(name).is_absolute() and path.is_file()):
            return path
        return confined(path, name, (self._run.project.root, *folders))

    def _part(self, path: Path) -> Path:
        """A fresh place to record to. A test that runs a second time records its part anew."""
        whose = f"-{self._run.worker}" if self._owner.is_wide else ""
        place = f"{self._owner.order:09d}-{len(self._opened):03d}{whose}"
        part = part_path(self._run.folder, path, place)
        part.unlink(missing_ok=True)
        return part

    def _command(self, mode: str, *, shared: bool = False) -> str:
        """What to type. A cassette that tests share is recorded by all of them, else it would lack the others' part."""
        tests = self._owner.id.partition("::")[0] if shared else self._owner.id
        return f"pytest {shlex.quote(tests)} --harness-record={mode}"
