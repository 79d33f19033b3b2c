"""The verb serve: the sources of `replay` and `scenario`, over a loopback socket, for other languages and processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import count
from os import PathLike, fspath
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.clock import WallClock
from harness.engine import History
from harness.errors import Miss, SessionError
from harness.model import Cassette
from harness.scenarios import is_scenario
from harness.server import Catalogue, Limits, Server, ServerThread
from harness.session._clock import Ticking
from harness.session._open import Answer, AnyPath, Faults, OnExhausted, replay, scenario
from harness.session._session import Session
from harness.session._verify import Unplayed
from harness.spec import Matcher, Source
from harness.storage import LazyCassette


def serve(  # noqa: PLR0913 - the keywords of the front door
    source: AnyPath | Cassette | LazyCassette | Source | Answer,
    case: str | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    rate: float = 1.0,
    token: str | None = None,
    faults: Faults = (),
    ignore: Iterable[str | Mapping[str, str]] = (),
    redact: Iterable[Mapping[str, str]] = (),
    allow: Iterable[str] = (),
    on_exhausted: OnExhausted = "error",
    unplayed: Unplayed = "fail",
    matcher: Matcher | None = None,
    limits: Limits | None = None,
) -> Serving:
    """Serve `source` over HTTP: the path of a scenario (played in `case`) or of a cassette, a Cassette, a Source, or a
    function from Prompt to an answer.

    The clock is the one on the wall, `rate` times as fast. `port` 0 is any free one. A `host` that is not on loopback
    needs a `token`, which clients send as their API key (ConfigurationError). The other keywords are those of
    `harness.replay`.
    Used as `with harness.serve(...) as server:`, also with `async with`; verified on the way out as any session is.
    Raises ScenarioError and CassetteError for a file, MissingExtraError without httptools.
    """
    rules: dict[str, Any] = {
        "ignore": ignore, "redact": redact, "allow": allow, "on_exhausted": on_exhausted, "matcher": matcher,
    }  # fmt: skip
    make = _maker(source, case, {"faults": faults, "unplayed": unplayed}, rules)
    server = Server(make, host=host, port=port, rate=rate, token=token, limits=limits)
    return Serving(server)


class Serving:
    """A server and what it was asked. A context manager, sync and async; used once."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._thread = ServerThread(server)
        self._url = ""

    @property
    def url(self) -> str:
        """The base of every path, without a slash at the end; OpenAI clients want `/v1` after it. Raises SessionError
        before it was started."""
        if not self._url:
            message = "this server was not started: use it as `with harness.serve(...) as server:`"
            raise SessionError(message)
        return self._url

    def session(self, name: str = "") -> Session:
        """The session of the requests with that `x-harness-session`; without a name, of all those that have none."""
        found = self.server.sessions.called(name)
        assert isinstance(found, Session)
        return found

    @property
    def history(self) -> History:
        """One entry per attempt, of the requests without an `x-harness-session`."""
        return self.session().history

    @property
    def misses(self) -> list[Miss]:
        """Every miss so far, of every session, those before a reset too."""
        return self.server.misses

    def transcript(self) -> str:
        """The history as text, made for a snapshot."""
        return self.session().transcript()

    def reset(self, name: str = "") -> None:
        """Begin anew, as `POST /__harness__/reset` does. Raises SessionError where the source cannot."""
        self.server.sessions.reset(name)

    def start(self) -> Self:
        """Listen. Raises VirtualTimeError in a window of virtual time, OSError where the port is taken."""
        self._thread.start()
        self._url = self.server.url
        return self

    def stop(self, grace_s: float = 0.0) -> None:
        """Stop listening; what is being answered has `grace_s` seconds to end. A second time does nothing."""
        self._thread.stop(grace_s)

    def verify(self) -> None:
        """Raise the first miss, else what else was promised and not kept."""
        for miss in self.misses:
            raise miss
        for session in self.server.sessions.open:
            found = session.complaint()
            if found is not None:
                raise found

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if error is None:
            self.verify()
            return
        for miss in self.misses:
            if miss is not error:
                error.add_note(f"before this, in {self.server.sessions.common.name}: {miss}")

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)


def _maker(
    source: Any, case: str | None, common: dict[str, Any], rules: dict[str, Any]
) -> Callable[[WallClock], Session]:
    """Makes a session over a fresh source, as often as it is called."""
    if isinstance(source, str | PathLike) and is_scenario(Path(fspath(source))):
        unheard = [key for key, value in rules.items() if value not in (None, (), "error")]
        if unheard:
            message = f"{', '.join(unheard)}: a scenario says itself what matches and what comes next; say it there"
            raise SessionError(message)
        return lambda clock: _served(scenario(source, case, clock=clock, **common), clock)
    if case is not None:
        message = f"case={case!r}: only a scenario has cases"
        raise SessionError(message)
    uses = count()

    def make(clock: WallClock) -> Session:
        if next(uses) and isinstance(source, Source):
            message = f"{source.name} keeps a state of its own, which a server cannot begin again: serve a file"
            raise SessionError(message)
        return _served(replay(source, clock=clock, **common, **rules), clock)

    return make


def _served(session: Session, clock: WallClock) -> Session:
    """`session` as a server plays it: nothing of this process is caught, and a cancel is for the client to press."""
    plan, source = session.plan, session.plan.source
    catalogue = Catalogue(source, lambda: getattr(source, "models", ()), plan.available)
    return Session(replace(plan, source=catalogue, intercepts=False, cancels=()), Ticking(clock))
