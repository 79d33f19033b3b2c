"""What a RecordingBackend knows: the backend that it wraps, where it writes to, and who listens."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from harness.backends._asked import call_of
from harness.backends._health import HEALTH, Health
from harness.backends._heard_call import Kept
from harness.backends._notebook import Host, Notebook, session_here
from harness.backends._playing import Given, Playing
from harness.backends._session_line import SessionLine
from harness.clock import WallClock, installed_clock
from harness.contract import Types, Verbs, parse_tool_call, resolve
from harness.dialects import native_request
from harness.engine import Live
from harness.errors import ContractMisfitError, SessionError
from harness.model import Nanos, Patience
from harness.spec import Clock
from harness.transports import live_call

_current: ContextVar[Kept | None] = ContextVar("harness_recorded_call", default=None)
Listener = Callable[[str], None]


class Recording:
    """One RecordingBackend's state. `open_notebook` opens its own cassette, None where it has none."""

    def __init__(
        self, inner: Any, types: Types, clock: Clock | None, open_notebook: Callable[[], Notebook] | None
    ) -> None:
        self.inner = inner
        self.listener: Listener | None = None
        self.holds_back = False
        self.notebook: Notebook | None = None
        self._types = types
        self._clock = clock
        self._wall = WallClock()
        self._open_notebook = open_notebook
        self._running: list[Kept] = []
        self._health: dict[int, Health] = {}
        if hasattr(inner, "on_status"):
            self._stand_between(inner.on_status)
        if open_notebook is not None and self._session() is None:
            self.host()  # a cassette that cannot be used is an error here, and not at the first call

    # --- where it goes ---------------------------------------------------------------------------------------------

    def host(self) -> Host:
        """The session around us, else the cassette of our own."""
        session = self._session()
        if session is not None:
            return session
        if self.notebook is None:
            if self._open_notebook is None:
                message = (
                    "this RecordingBackend has nowhere to write to: give it a cassette, "
                    "or ask it inside `with harness.record(...)`"
                )
                raise SessionError(message)
            self.notebook = self._open_notebook()
        return self.notebook

    def _session(self) -> Host | None:
        return session_here(has_own=self._open_notebook is not None)

    def begin(
        self, verb: str, method: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any]
    ) -> Kept | Playing:
        """A call is about to be made: what listens to it, or what plays it. Raises Miss."""
        call = call_of(verb, method, args, options, str(getattr(self.inner, "model", "")))
        host = self.host()
        opened = host.open(native_request(call.verb, call.prompt), Patience())
        if isinstance(opened, Live):
            self.listen()
            return self._kept(opened, host, call.prompt.model)
        given = Given(host, opened)
        return Playing(call, lambda: SessionLine(given), self.inner, self._types, self.listener)

    def _kept(self, opened: Live, host: Host, model: str = "") -> Kept:
        parse = getattr(self.inner, "parse_tool_call", parse_tool_call)
        return Kept(opened.take, self._now, self._types, parse, model=model, joins=host is not self.notebook)

    def _now(self) -> Nanos:
        """The time by the clock of whoever is recorded."""
        return (self._clock or installed_clock() or self._wall).now()

    # --- what it hears ---------------------------------------------------------------------------------------------

    @contextmanager
    def keeping(self, kept: Kept) -> Generator[None, None, None]:
        """A call is under way: how it fails, if it does, and then it is written."""
        self._running.append(kept)
        try:
            yield
        except BaseException as error:
            kept.failed(error)
            raise
        finally:
            self._running.remove(kept)
            self._finished(kept)

    @contextmanager
    def listening(self, kept: Kept) -> Generator[None, None, None]:
        """The inner backend works for `kept`: what it reports in here belongs there."""
        token = _current.set(kept)
        try:
            with live_call() if kept.joins else nullcontext():
                yield
        finally:
            _current.reset(token)

    def unseen(self) -> AbstractContextManager[None]:
        """The inner backend works in here, and what it asks of the network is not recorded by the session around us."""
        return live_call() if self._session() is not None else nullcontext()

    def listen(self) -> None:
        """See that we stand between the inner backend and whoever listens to it: somebody may have set that meanwhile.
        Another recording of the same backend has us behind it, and we stay there."""
        heard_by = getattr(self.inner, "on_status", self.told)
        if heard_by != self.told and not isinstance(getattr(heard_by, "__self__", None), Recording):
            self._stand_between(heard_by)

    def _stand_between(self, heard_by: Listener | None) -> None:
        self.listener = heard_by
        self.inner.on_status = self.told

    def told(self, text: str) -> None:
        """What the inner backend calls as its `on_status`. A thread of its own works for the latest call."""
        kept = _current.get() or next(reversed(self._running), None)
        if kept is not None:
            kept.told(text)
        if self.listener is not None:
            self.listener(text)

    def finish_reason(self) -> object:
        """How a stream ended, by the inner backend."""
        return getattr(self.inner, "last_finish_reason", None)

    # --- health ----------------------------------------------------------------------------------------------------

    def known_health(self) -> bool | None:
        """What a recording says of the model's health; None where the model has to be asked."""
        host = self.host()
        if host.closed or not host.replays:
            return None
        health = self._health.setdefault(id(host), Health(host.available))
        return health() if health or not host.records else None

    def healthy(self, answer: Any) -> Any:
        """The inner backend was asked after its health, and said `answer`."""
        host = self.host()
        opened = None if host.closed else host.open(HEALTH, Patience())
        if isinstance(opened, Live):
            kept = self._kept(opened, host)
            kept.healthy(answer)
            self._finished(kept)
        return answer

    # --- what becomes of it ----------------------------------------------------------------------------------------

    def _finished(self, kept: Kept) -> None:
        if self.notebook is not None and not kept.joins and not self.holds_back:
            self.notebook.save()

    def close(self, *, failed: bool = False) -> None:
        """Write the cassette of our own and leave the inner backend to whoever listened to it."""
        if self.notebook is not None:
            self.notebook.close(aside=failed)
        if getattr(self.inner, "on_status", None) == self.told:
            self.inner.on_status = self.listener


def types_of(inner: Any, contract: Any) -> Types:
    """The types that `inner` speaks: those of `contract`, else its own where it is one of ours, else those of the
    first module in which its classes stand and that is a contract."""
    if contract is not None:
        return resolve(contract)
    if isinstance(inner, Verbs):
        return inner.desk_.types
    for base in type(inner).__mro__:
        module = sys.modules.get(base.__module__)
        if module is None or base.__module__.partition(".")[0] in {"builtins", "abc", "typing", "harness"}:
            continue
        try:
            return resolve(module)
        except ContractMisfitError:
            continue  # no contract, or not one that we can speak: then `contract=` has to say which
    return resolve(None)
