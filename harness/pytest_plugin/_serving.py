"""Servers: what the fixture `harness_server` hands out. A miss on one of them is the failure of the test's call, as on
every session."""

from __future__ import annotations

from os import PathLike, fspath
from typing import Any

from harness.errors import HarnessError, Miss
from harness.pytest_plugin._naming import confined, named_path
from harness.pytest_plugin._opened import Opened
from harness.pytest_plugin._opening import Owner
from harness.pytest_plugin._run import Run
from harness.session import Serving, serve

_KEPT = ("ignore", "redact", "allow", "on_exhausted", "matcher", "unplayed")


class Servers:
    """Starts servers for `owner`, as many as it is called for.

    A name is looked for where the test's cassettes or scenarios lie; a Cassette, a Source or a function does as well.
    Further keywords are those of `harness.serve`.
    """

    def __init__(self, run: Run, owner: Owner, settings: dict[str, Any]) -> None:
        self._run = run
        self._owner = owner
        self._kept = {key: settings[key] for key in _KEPT if key in settings}
        self._running: list[tuple[Serving, Opened]] = []

    def __call__(
        self,
        source: Any = None,
        case: str | None = None,
        *,
        scenario: str | PathLike[str] | None = None,
        **keywords: Any,
    ) -> Serving:
        """A server that listens. Raises what `harness.serve` raises; TypeError without a source, or with two."""
        if (source is None) == (scenario is None):
            message = "harness_server takes the name of a cassette, or scenario=the name of a scenario"
            raise TypeError(message)
        owner = self._owner
        if scenario is not None:
            source = self._found(scenario, owner.scenarios)
        elif isinstance(source, str | PathLike):
            source = self._found(source, owner.folders)
        given = {**self._kept, **keywords}
        given["unplayed"] = self._run.unplayed or given.get("unplayed", "fail")
        serving = serve(source, case, **given).start()
        opened = Opened(serving.session(), owner.id)
        self._running.append((serving, opened))
        self._run.opened.append(opened)
        return serving

    def close(self, *, passed: bool) -> None:
        """Stop all. Raises what was promised and not kept, where the owner `passed`."""
        for serving, _ in self._running:
            serving.stop()
        errors = [error for pair in self._running if passed and (error := self._judged(*pair)) is not None]
        for _, opened in self._running:
            self._run.opened.remove(opened)
        if errors:
            raise errors[0]

    def _judged(self, serving: Serving, opened: Opened) -> HarnessError | Miss | None:
        fresh = self._run.fresh(serving.misses)
        if fresh:
            return fresh[0]
        named = [session.complaint() for session in serving.server.sessions.open[1:]]
        return next((found for found in (opened.judged(self._run), *named) if found is not None), None)

    def _found(self, name: str | PathLike[str], folders: Any) -> Any:
        owner = self._owner
        path = named_path(fspath(name), owner.beside, folders, lambda path: path.exists())
        return confined(path, name, (self._run.project.root, *folders)) if isinstance(name, str) else path
