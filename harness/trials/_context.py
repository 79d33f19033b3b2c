"""Context: what a driver is handed, so that it can be an ordinary function of the application."""

from __future__ import annotations

import threading
from types import ModuleType
from typing import Any

from harness.backends import ReplayBackend
from harness.session import Session
from harness.spec import Clock


class Context:
    """What a driver gets: the session that answers it, and a backend where it wants one.

    `case` is the id of the case that is played, None for the scenario itself.
    """

    def __init__(self, session: Session, case: str | None) -> None:
        self.session = session
        self.case = case
        self.cancel_event = threading.Event()
        self.pieces: list[str] = []
        self.contracts: list[Any] = []
        self._backends: dict[str, ReplayBackend] = {}

    @property
    def clock(self) -> Clock:
        """The virtual clock of the run."""
        return self.session.clock

    def backend(self, contract: Any = None, **options: Any) -> ReplayBackend:
        """A backend that answers from the scenario, in the types of `contract`; asked again, the same one. Its
        `cancel_event` is the one that a scripted cancel sets. Options are those of `Session.backend`."""
        name = f"{getattr(contract, '__name__', id(contract))} {sorted(options.items())!r}"
        if name not in self._backends:
            self.contracts.append(contract)
            made = self._backends[name] = self.session.backend(contract, **options)
            made.cancel_event = self.cancel_event
        return self._backends[name]

    def transport(self, family: ModuleType) -> Any:
        """A transport for a client of `family`, httpx or httpx2. SDKs need none: their requests are caught."""
        return self.session.transport(family)

    def emit(self, text: str) -> None:
        """Tell what the driver shows its user, piece by piece: what `expect: {partial: ...}` looks at."""
        self.pieces.append(text)

    @property
    def partial(self) -> str:
        """The text that the driver has so far: what it emitted, else what was said to it last."""
        if self.pieces:
            return "".join(self.pieces)
        entries = list(self.session.history)
        reply = entries[-1].reply if entries else None
        return reply.text if reply is not None else ""
