"""Again: a source that gives the same recorded answer to whoever asks again because a fault took it away.

A recording holds each answer once, and it was recorded without faults. Rules:

1. The same bytes asked again after their answer was struck get that answer again: a retry is what the fault provoked.
2. Else the source decides, and what it finds is remembered by the bytes that asked.
3. Where it has nothing and these bytes were answered before, they get the same answer: the run was begun anew.
4. Where it has nothing and a `fallback` does, that answers, and it is noted that the run left its recording.
5. Else it is a miss, which a sweep calls DIVERGED.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.model import Request
from harness.spec import Found, Mismatch, Source

_Asked = tuple[str, str, bytes]


class Again:
    """A Source over the one that `make` gives; `heal` begins with a fresh one. Stateful, used for one case."""

    def __init__(self, make: Callable[[], Source], fallback: Callable[[], Source] | None = None) -> None:
        self._make = make
        self._inner = make()
        self._fallback = fallback() if fallback is not None else None
        self._given: dict[_Asked, Found] = {}
        self._struck: set[_Asked] = set()
        self._latest: _Asked | None = None
        self.strayed: list[str] = []
        self.available: tuple[bool, ...] = ()
        self.name = self._inner.name

    def find(self, request: Request) -> Found | Mismatch:
        """By the rules at the top of this file."""
        asked = self._latest = (request.method, request.url, request.body)
        if asked in self._struck:
            return self._given[asked]
        found = self._inner.find(request)
        if isinstance(found, Found):
            self._given[asked] = found
            return found
        return self._given.get(asked) or self._stray(request, found)

    def _stray(self, request: Request, found: Mismatch) -> Found | Mismatch:
        other = self._fallback.find(request) if self._fallback is not None else found
        how = "answered by the fallback" if isinstance(other, Found) else found.reason
        self.strayed.append(f"{request.method} {request.url}: {how}")
        return other if isinstance(other, Found) else found

    def was_struck(self, *, struck: bool) -> None:
        """What was found last was struck on its way to the caller, or was not."""
        if self._latest is not None:
            (self._struck.add if struck else self._struck.discard)(self._latest)

    def heal(self) -> None:
        """From here on everything is as if nothing had been asked yet."""
        self._inner = self._make()
        self._given.clear()
        self._struck.clear()

    def unplayed(self) -> Sequence[str]:
        """As the source has it."""
        return self._inner.unplayed()
