"""Which call and attempt a request is, for a source without a session."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.model import End, Head, Request, Timeline

_FAILED = 300


@dataclass(slots=True)
class Attempts:
    """Which call and attempt a request is: the same bytes after a failure are the next attempt of that call.

    It counts as the engine's history does, and knows a failure by the answer given.
    """

    calls: int = 0
    _latest: dict[tuple[str, str, bytes], tuple[int, int, bool]] = field(default_factory=dict)

    def begin(self, request: Request) -> tuple[int, int]:
        """The number of its call and of its attempt, both from one."""
        call, attempt, failed = self._latest.get(_bytes(request), (0, 0, False))
        if failed:
            return self._remember(request, call, attempt + 1)
        self.calls += 1
        return self._remember(request, self.calls, 1)

    def _remember(self, request: Request, call: int, attempt: int) -> tuple[int, int]:
        self._latest[_bytes(request)] = (call, attempt, False)
        return call, attempt

    def answered(self, request: Request, *, failed: bool) -> None:
        """What became of the latest attempt."""
        call, attempt, _ = self._latest[_bytes(request)]
        self._latest[_bytes(request)] = (call, attempt, failed)


def is_fine(answer: Timeline) -> bool:
    """True where a client that gets this has no reason to ask again."""
    head = answer.head
    return isinstance(head, Head) and head.status < _FAILED and isinstance(answer.events[-1][1], End)


def _bytes(request: Request) -> tuple[str, str, bytes]:
    return request.method, request.url, request.body
