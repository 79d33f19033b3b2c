"""Session: what a user holds. The one object that joins an engine, a clock, a file and the network seams."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self

from harness.backends import ReplayBackend
from harness.clock import VirtualClock, WallClock, real_lock, since_1970
from harness.dialects import native_request
from harness.engine import Cancel, Engine, Exchange, History, Live, Take
from harness.errors import HarnessError, Miss, NetworkRefusedError, SessionError
from harness.model import (
    Delta,
    Nanos,
    Patience,
    Prompt,
    Request,
)
from harness.recorder import forget
from harness.session._cancel import Cancels
from harness.session._clock import Ticking
from harness.session._converse import as_prompt, deltas
from harness.session._plan import Plan
from harness.session._spies import Emission, ToolRun
from harness.session._transcript import transcript
from harness.session._verify import Remembered, complaint
from harness.spec import Clock, Overlay
from harness.transports import intercepting, transport


class Session:
    """An open replay, recording or scenario. A context manager, sync and async; opened once, closed once.

    On a clean exit it verifies: misses that were swallowed, refused connections, answers that nobody asked for. On an
    exception it never masks: what it knows is added to that exception as a note.
    """

    def __init__(self, plan: Plan, ticking: Ticking) -> None:
        self.plan = plan
        self.name = plan.title
        self.rules = plan.rules
        self.allowed_hosts = plan.allowed_hosts
        self.ignored_hosts = plan.ignored_hosts
        self.available = plan.available
        self.wall: Clock = WallClock()
        self.closed = False
        self.backends: list[ReplayBackend] = []
        self.tools: list[ToolRun] = []
        self.emissions: list[Emission] = []
        self._ticking = ticking
        self._refused: list[str] = []
        self._stray: list[str] = []
        self._unseen: list[str] = []
        self._stray_misses: list[Miss] = []
        self._cancels = Cancels(self)
        self._lock = real_lock()
        self._stack = ExitStack()
        self._engine: Engine | None = None

    # --- what a sink needs -----------------------------------------------------------------------------------------

    @property
    def records(self) -> bool:
        """True where a request may go out to the live model."""
        return self.plan.rights.records

    @property
    def replays(self) -> bool:
        """True where a request may be answered from the source."""
        return self.plan.rights.plays

    @property
    def keeps_a_cassette(self) -> bool:
        """True where it was opened to record, whatever its mode leaves to record: a RecordingBackend inside it writes
        to the same file."""
        return self.plan.recorder is not None

    @property
    def clock(self) -> Clock:
        """The clock of the replay: a VirtualClock, unless this session was opened with `clock="wall"`."""
        return self._ticking.clock

    @property
    def engine(self) -> Engine:
        """The engine of this session. Raises SessionError before it is opened."""
        if self._engine is None:
            message = f"{self.name} is not open: use it as `with ... as session:`"
            raise SessionError(message)
        return self._engine

    def open(self, request: Request, patience: Patience, overlay: Overlay | None = None) -> Exchange | Live:
        """What to do about `request`, whose answer alone `overlay` is laid over. Safe from any thread. Raises Miss,
        which is remembered."""
        with self._lock:
            if self.closed:
                message = f"{self.name} is closed: {request.method} {request.url} was asked after its end"
                raise SessionError(message)
            ticking = self._ticking
            ticking.asked()
            opened = (self._engine or self.engine).open(request, ticking.clock.now(), patience, overlay)
            if isinstance(opened, Live) and self.plan.recorder is not None:
                self.plan.recorder.follow(opened.take)
            return opened

    def missed(self, miss: Miss) -> None:
        """Remember a miss that never reached the engine: whose it was could not be said, or the session is closed."""
        self._stray_misses.append(miss)

    def refuse(self, what: str, host: str, port: int | None, where: str, *, inside: bool) -> Exception:
        """Remember a connection that the guard is about to refuse, and return the error to raise.

        One from a thread that has nothing to do with this session is reported, and fails nothing.
        """
        target = host if port is None else f"{host}:{port}"
        text = f"{what} to {target} from {where}"
        (self._refused if inside else self._stray).append(text)
        return NetworkRefusedError(
            f"{text} was refused: {self.name} is open, and a replay never touches the network.\n"
            "  next: ask through httpx, httpx2, requests, urllib3, botocore or aiohttp, which are caught, or name the "
            "host in allowed_hosts if it is the test's own"
        )

    def unseen(self, host: str, port: int | None, where: str) -> None:
        """Remember a connection that no seam saw while recording: the cassette lacks it."""
        self._unseen.append(f"{host if port is None else f'{host}:{port}'} from {where}")

    # --- what a user asks ------------------------------------------------------------------------------------------

    @property
    def history(self) -> History:
        """One entry per attempt, in the order in which the requests were issued."""
        return self.engine.history

    @property
    def misses(self) -> tuple[Miss, ...]:
        """Every miss so far, whatever became of the exception."""
        return (*(self._engine.misses if self._engine else ()), *self._stray_misses)

    def transcript(self) -> str:
        """The history as text, made for a snapshot: no wall time, no path, no random id."""
        return transcript(self.history, self.name, self._ticking.word, self.rules.redaction)

    def backend(self, contract: Any = None, **options: Any) -> ReplayBackend:
        """A backend that answers from this session, with both contracts. `contract` is a module, class or namespace
        with types of its own, which it then speaks. Options: `model`, `timeout` (seconds), `retries`, `fallback_model`,
        `requests_per_minute`, `ignores_cancel`. Raises ContractMisfitError that names everything which does not fit."""
        options.setdefault("ignores_cancel", self.plan.ignores_cancel)
        made = ReplayBackend(self, contract=contract, **options)
        self.backends.append(made)
        return made

    def transport(self, family: ModuleType) -> Any:
        """A transport for a client of `family`, the module `httpx` or `httpx2`; it serves sync and async clients."""
        return transport(self, family)

    def converse(self, prompt: Prompt | str) -> Iterator[Delta]:
        """The decoded answer to `prompt`, piece by piece: the ground for a contract of quite another shape.

        A failure of the wire is a Problem (`timeout`, or `server-error` with the client's exception name as its code).
        """
        exchange = self.open(native_request("converse", as_prompt(prompt)), Patience())
        if isinstance(exchange, Live):
            message = "a recording session has no model to converse with: record with a real client or a backend"
            raise SessionError(message)
        yield from deltas(exchange, self.clock)

    def tool_called(self, id: str, name: str, arguments: Any = None) -> None:  # noqa: A002 - the wire's own word
        """Say that a tool was run, for the checkers of a sweep: the id of the tool call, its name, its arguments as the
        driver read them."""
        self.tools.append(ToolRun(self._since_opened(), id, name, arguments))

    def emitted(self, kind: str, value: Any = None) -> None:
        """Say that the driver passed something on to its listener, for the checkers of a sweep. The kinds `done`,
        `error` and `cancelled` promise that nothing follows; others are the driver's own words."""
        self.emissions.append(Emission(self._since_opened(), kind, value))

    def _since_opened(self) -> Nanos:
        return Nanos(self.clock.now() - self.engine.opened_at)

    def cancel_at(self, place: str, fn: Callable[[], object] | None = None, *, via: str | None = None) -> None:
        """Say stop right after `place` was reached, by calling `fn` or `via` one of the ways below.

        Places are `call=1/chunk=3`, `call=2/headers`, `call=1/token=2`, `call=1/event=ping[2]`, `call=1/await=4`,
        `call=1/end`, `t=12s`. The ways:

        - `event` (the default): the `cancel_event` of this session's backends is set; `thread`: by another thread;
        - `task`: the asyncio task that reads is cancelled, in trio the scope that it reads in;
        - `close`: the stream is closed from outside, and its reader hears what a closed connection is;
        - `signal`: Ctrl-C, in the main thread;

        SessionError at that moment where it cannot be said so; a place that is never reached fails the verification.
        """
        self._cancels.arm(place, fn, via)

    @property
    def cancels(self) -> tuple[Cancel, ...]:
        """What became of each cancel, in the order in which they were armed."""
        return self._cancels.seen()

    def count_awaits(self) -> None:
        """Count in each entry's `awaits` how often the task that asked gave up its loop, until it asks again.

        These are the places that `call=n/await=k` can name. Each chunk is then waited for, as on a real wire."""
        self._cancels.count_suspensions()

    # --- opening and closing ---------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Open it: the clock runs, the seams are in place. Raises SessionError where it was opened before."""
        if self._engine is not None:
            message = f"{self.name} was opened before: a session is used once"
            raise SessionError(message)
        try:
            self._open()
        except BaseException:
            self.stop()  # nobody else will: a `with` that did not get in has no way out
            raise
        return self

    def _open(self) -> None:
        self._stack.enter_context(self._ticking)
        if isinstance(self.clock, VirtualClock):
            self.clock.begin(start=self.plan.start, horizon=self.plan.horizon_s)
        self._engine = Engine(
            self.plan.source,
            self.plan.rights,
            opened_at=self.clock.now(),
            opened_on=since_1970(self.clock),
            overlay=self.plan.overlay,
            hint=self.plan.hint,
            redaction=self.rules.redaction,
        )
        follow = getattr(self.plan.source, "follow", None)
        if follow is not None:
            follow(self._engine.history)
        for place, via in self.plan.cancels:
            self.cancel_at(place, via=via)
        if self.plan.intercepts:
            self._stack.enter_context(intercepting(self))

    def stop(self) -> None:
        """Close it: the seams are gone, time is real again. A second time does nothing."""
        if not self.closed:
            self.closed = True
            self._cancels.close()
            self._stack.close()

    def save(self, *, aside: bool = False) -> Path | None:
        """Write what was recorded, `aside` as `.failed.yaml` where the run failed. None where there is nothing to
        write; a replay never writes. Raises CassetteWriteError."""
        recorder = self.plan.recorder
        return recorder.save(self.takes, aside=aside) if recorder is not None and self.records else None

    def forget(self) -> None:
        """Drop what was recorded and not saved, with its journal."""
        forget(self.takes)

    @property
    def takes(self) -> list[Take]:
        """The live answers that were heard, in the order in which their requests were issued."""
        return self.engine.takes

    def remembered(self) -> Remembered:
        """What this session knows at its end, for a verdict."""
        return Remembered(
            source=self.name,
            asked=len(self.history),
            answers=self.plan.answers,
            unplayed=self.plan.source.unplayed() if self.replays else (),
            unstruck=self._unstruck(),
            refused=self._refused,
            unseen=self._unseen,
            replays=self.replays,
            records=self.records,
            policy=self.plan.unplayed,
        )

    def _unstruck(self) -> list[str]:
        overlay = self.plan.overlay
        return [*self.plan.unstruck(), *(overlay.unstruck() if overlay else ()), *self._cancels.unreached()]

    def complaint(self) -> HarnessError | Miss | None:
        """What verification would raise: the first miss, else the first promise that was not kept."""
        return self.misses[0] if self.misses else self._cancels.failed or complaint(self.remembered())

    def verify(self) -> None:
        """Raise what was promised and not kept: a swallowed Miss itself, or a VerificationError that lists the rest."""
        found = self.complaint()
        if found is not None:
            raise found
        known = self.remembered()
        if known.policy == "warn" and known.unplayed and not self.records:
            lines = "\n  ".join(known.unplayed)
            warnings.warn(f"not asked for in {self.name}:\n  {lines}", stacklevel=2)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        failed = error is not None and not isinstance(error, SystemExit)
        if error is None:
            self.save()
            self.verify()
        else:
            self._save_beside(error, aside=failed)
            self._annotate(error)

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def _save_beside(self, error: BaseException, *, aside: bool) -> None:
        """Keep what was recorded before `error`, which stays the one that is raised."""
        try:
            self.save(aside=aside)
        except HarnessError as trouble:
            error.add_note(f"and what was recorded by {self.name} was not kept: {trouble}")

    def _annotate(self, error: BaseException) -> None:
        """Say beside `error` what else is known; it is never replaced."""
        for miss in self.misses:
            if miss is not error:
                error.add_note(f"before this, in {self.name}: {miss}")
        for line in self._refused:
            error.add_note(f"before this, in {self.name}, a connection was refused: {line}")
