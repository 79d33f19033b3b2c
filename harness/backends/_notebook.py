"""Where a RecordingBackend writes to and plays from: the session of `harness.record` around it, or a cassette of its
own."""

from __future__ import annotations

import atexit
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Protocol, cast

from harness.backends._health import health_apart
from harness.backends._session_line import Opened
from harness.clock import VirtualClock, installed_clock, real_lock
from harness.engine import CassetteSource, Engine, Exchange, Live, Mode
from harness.errors import SessionError
from harness.matching import Rules
from harness.model import Patience, Request
from harness.recorder import Recorder
from harness.spec import Clock
from harness.storage import load
from harness.transports import nearest_session


class Host(Opened, Protocol):
    """What records and plays: a Session that was opened to record, or a Notebook."""

    @property
    def records(self) -> bool:
        """True where the backend may be asked."""

    @property
    def replays(self) -> bool:
        """True where the cassette may answer."""

    @property
    def closed(self) -> bool:
        """True once it has ended."""


def session_here(*, has_own: bool) -> Host | None:
    """The session around this code that a RecordingBackend belongs to: one of `harness.record`, whatever its mode; any
    where it has no cassette of its own (`has_own`), so that a test records once and replays from then on."""
    session = nearest_session()
    if session is None or (has_own and not getattr(session, "keeps_a_cassette", False)):
        return None
    return cast("Host", session)


class Notebook:
    """A cassette of a backend's own, written and played by any number of threads and tasks.

    Saved by `save`, and at the interpreter's exit at the latest. Raises CassetteError where the file is there and
    cannot be read, CassetteNotFoundError in mode `none` without one, ValueError for an unknown mode.
    """

    def __init__(
        self,
        cassette: str | PathLike[str],
        mode: str,
        *,
        ignore: Iterable[str | Mapping[str, str]] = (),
        redact: Iterable[Mapping[str, str]] = (),
    ) -> None:
        path, rewrite = Path(cassette), mode == "rewrite"
        chosen = Mode.ALL if rewrite else _mode(mode)
        self.rules = Rules.of(ignore=ignore, redact=redact)
        if chosen is Mode.NONE:
            load(path)  # the error of a missing cassette
        self._recorder = Recorder(path, chosen, self.rules, rewrite=rewrite)
        before, self.available = health_apart(self._recorder.before)
        self.name = f"cassette {path.name}"
        self.records, self.replays = self._recorder.rights.records, self._recorder.rights.plays
        self.engine = Engine(
            CassetteSource(before, self.rules),
            self._recorder.rights,
            hint=f"record it: RecordingBackend(backend, {path.name!r}, mode='new_episodes') around the same code",
            redaction=self.rules.redaction,
        )
        self._counting = VirtualClock()
        self._lock = real_lock()
        self._is_saved = True
        self.closed = False
        atexit.register(self.close)

    @property
    def clock(self) -> Clock:
        """What a replay waits by: the virtual clock that is running, else one that only counts."""
        return installed_clock() or self._counting

    def open(self, request: Request, patience: Patience) -> Exchange | Live:
        """What to do about `request`. Raises Miss, and SessionError after the end."""
        with self._lock:
            if self.closed:
                message = f"{self.name} is closed: {request.method} {request.url} was asked after its end"
                raise SessionError(message)
            opened = self.engine.open(request, self.clock.now(), patience)
            if isinstance(opened, Live):
                self._is_saved = False
                self._recorder.follow(opened.take)
            return opened

    def save(self, *, aside: bool = False) -> Path | None:
        """Write what there is so far, `aside` where the run failed."""
        with self._lock:
            if self._is_saved:
                return None
            self._is_saved = True
            return self._recorder.save(self.engine.takes, aside=aside)

    def close(self, *, aside: bool = False) -> None:
        """Write it and end it. A second time does nothing."""
        self.closed = True
        atexit.unregister(self.close)
        self.save(aside=aside)


def _mode(word: str) -> Mode:
    try:
        return Mode(word)
    except ValueError:
        known = ", ".join([*(mode.value for mode in Mode), "rewrite"])
        message = f"{word!r} is no record mode; the modes are {known}"
        raise ValueError(message) from None
