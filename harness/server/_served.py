"""What the room needs of a session, and the sessions of one server: the common one, and one for each name that a
client gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol, Self

from harness.clock import WallClock
from harness.engine import Exchange, History, Live
from harness.errors import HarnessError, Miss
from harness.matching import Rules
from harness.model import Patience, Request
from harness.spec import Overlay

_NAMED_MAX: Final = 10_000


class Served(Protocol):
    """An open session that answers from a source, on a WallClock."""

    name: str
    rules: Rules

    @property
    def history(self) -> History:
        """One entry per attempt."""

    @property
    def misses(self) -> Sequence[Miss]:
        """Every miss so far."""

    def start(self) -> Self:
        """Open it."""

    def stop(self) -> None:
        """Close it."""

    def open(self, request: Request, patience: Patience, overlay: Overlay | None = None) -> Exchange | Live:
        """What to do about `request`. Raises Miss, and remembers it."""

    def missed(self, miss: Miss) -> None:
        """Remember a miss that never reached the engine."""

    def complaint(self) -> HarnessError | Miss | None:
        """What verification would raise."""


class Sessions:
    """Sessions made by `make`, each over a fresh source. They share `clock`.

    `make` raises SessionError where its source keeps a state of its own and cannot be begun again.
    """

    def __init__(self, make: Callable[[WallClock], Served], clock: WallClock) -> None:
        self.clock = clock
        self._make = make
        self.common = make(clock).start()
        self._named: dict[str, Served] = {}
        self._before: list[Miss] = []

    def called(self, name: str) -> Served:
        """The session of that name, opened where it is new; the common one where the name is empty. Raises SessionError
        for one too many."""
        if not name:
            return self.common
        found = self._named.get(name)
        if found is None:
            found = self._named[name] = self._make(self.clock).start()
            if len(self._named) > _NAMED_MAX:
                self._forget(next(iter(self._named)))
        return found

    def reset(self, name: str) -> None:
        """Begin that session anew: nothing was asked and nothing was played. Its misses stay in `misses`."""
        if name:
            if name in self._named:
                self._forget(name)
            return
        fresh = self._make(self.clock).start()
        self._close(self.common)
        self.common = fresh

    def _forget(self, name: str) -> None:
        self._close(self._named.pop(name))

    def _close(self, session: Served) -> None:
        self._before += session.misses
        session.stop()

    @property
    def open(self) -> list[Served]:
        """All of them, the common one first."""
        return [self.common, *self._named.values()]

    @property
    def misses(self) -> list[Miss]:
        """Every miss, those before a reset too."""
        return [*self._before, *(miss for session in self.open for miss in session.misses)]

    def stop(self) -> None:
        """Close all."""
        for session in self.open:
            session.stop()
