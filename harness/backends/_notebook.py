"""The takes of a RecordingBackend, and the file that they go to."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Final

from harness.backends._heard_call import Kept
from harness.clock import WallClock, installed_clock, real_lock
from harness.contract import Call
from harness.dialects import native_line, native_request
from harness.engine import Entry, Mode, Take
from harness.matching import Rules
from harness.model import ZERO, Cassette, Chunk, End, Head, Headers, Interaction, Nanos, Prompt, Request, Unknown
from harness.recorder import Recorder
from harness.spec import Clock

_HEALTH: Final = "native://backend/is_available"
_YES, _NO = (native_line(Unknown("available", word)) for word in ("true", "false"))
_current: ContextVar[Kept | None] = ContextVar("harness_recorded_call", default=None)


class Notebook:
    """One cassette being written, by any number of threads and tasks."""

    def __init__(self, cassette: str | PathLike[str], redact: Iterable[Mapping[str, str]], clock: Clock | None) -> None:
        self.listener: Callable[[str], None] | None = None
        self.holds_back = False
        self._recorder = Recorder(Path(cassette), Mode.ALL, Rules.of(redact=redact), rewrite=True)
        self._wall: Clock = WallClock()
        self._clock = clock
        self._takes: list[Take] = []
        self._lock = real_lock()

    def now(self) -> Nanos:
        """The time by the clock of whoever is recorded."""
        return (self._clock or installed_clock() or self._wall).now()

    def begin(self, call: Call) -> Kept:
        """A new call."""
        return Kept(self._take(native_request(call.verb, call.prompt)), self.now)

    def _take(self, request: Request) -> Take:
        with self._lock:
            take = Take(request, Entry(len(self._takes) + 1, 1, request, ZERO))
            self._takes.append(take)
        return take

    def health(self, answer: object) -> None:
        """Somebody asked after health."""
        take = self._take(replace(native_request("is_available", Prompt()), url=_HEALTH))
        take.sent(self.now())
        for event in (Head(200, Headers((("content-type", "application/x-ndjson"),))), Chunk(_line(answer)), End()):
            take.heard(self.now(), event)
        self.finished()

    @contextmanager
    def hearing(self, kept: Kept) -> Generator[None, None, None]:
        """What the backend reports in here belongs to `kept`."""
        token = _current.set(kept)
        try:
            yield
        finally:
            _current.reset(token)

    def told(self, text: str) -> None:
        """What the backend calls as its `on_status`."""
        kept = _current.get()
        if kept is not None:
            kept.told(text)
        if self.listener is not None:
            self.listener(text)

    def finished(self) -> None:
        """A call has ended."""
        if not self.holds_back:
            self.save()

    def save(self) -> None:
        """Write what there is so far."""
        with self._lock:
            self._recorder.save(self._takes)


def _line(answer: object) -> bytes:
    return _YES if answer else _NO


def health_apart(cassette: Cassette) -> tuple[Cassette, tuple[bool, ...]]:
    """`cassette` without the health answers that a RecordingBackend wrote, and those answers in their order."""
    asked = [it for it in cassette if it.request.url == _HEALTH]
    if not asked:
        return cassette, ()
    rest: tuple[Interaction, ...] = tuple(it for it in cassette if it.request.url != _HEALTH)
    return replace(cassette, interactions=rest), tuple(it.timeline.body.strip() == _YES.strip() for it in asked)
