"""Heard bodies: a live stream that is recorded while it passes. Nothing is buffered and nothing is held up."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import Any

from harness.engine import Take
from harness.model import Chunk, End, Event, Head, Headers, Left
from harness.transports._decoding import ENCODED, Decoding, decoding
from harness.transports._failures import departure, heard_as
from harness.transports._lookup import OpenSession


class Ear:
    """Tells a take what one live answer does. Deaf once the session is closed: the consumer goes on alone."""

    def __init__(self, session: OpenSession, take: Take, module: ModuleType) -> None:
        self._session = session
        self._take = take
        self._module = module
        self._decoding: Decoding | None = None
        self._missing: int | None = None
        self._now = session.wall.now
        take.sent(self._now())

    def head(self, status: int, headers: Headers, reason: str) -> None:
        """The answer begins."""
        self._missing = _length(headers)
        self._decoding = decoding(self._module.__name__, headers)
        kept = headers if self._decoding is None else headers.without(ENCODED)
        self._hear(Head(status, kept, reason))

    def chunk(self, raw: bytes) -> None:
        """`raw` arrived, and the consumer gets it right after this."""
        if self._missing is not None:
            self._missing -= len(raw)
        data = raw if self._decoding is None else self._decoded(raw)
        if data:
            self._hear(Chunk(data))

    def end(self) -> None:
        """The framing says that this was all."""
        rest = b"" if self._decoding is None else self._flushed()
        if rest:
            self._hear(Chunk(rest))
        self._hear(End())

    def failed(self, error: BaseException) -> None:
        """`error` came through, from the wire or from the consumer."""
        match heard_as(self._module, error):
            case str(how):
                self.left(how)
            case event:
                self._hear(event)

    def left(self, how: Left) -> None:
        """The consumer went away. Where it has had every byte that was announced, it missed nothing: that is an end."""
        if self._missing == 0:
            self.end()
        elif not self._session.closed:
            self._take.left(self._now(), how)

    def _hear(self, event: Event) -> None:
        if not self._session.closed:
            self._take.heard(self._now(), event)

    def _decoded(self, raw: bytes) -> bytes:
        assert self._decoding is not None
        try:
            return self._decoding.feed(raw)
        except self._module.DecodingError as error:
            self.failed(error)  # the consumer's own decoder meets the same bytes in a moment, and tells it
            return b""

    def _flushed(self) -> bytes:
        assert self._decoding is not None
        try:
            return self._decoding.flush()
        except self._module.DecodingError as error:
            self.failed(error)
            return b""


def _length(headers: Headers) -> int | None:
    """How many bytes of the wire are announced; None where the framing is another one."""
    value = headers.get("content-length")
    return int(value) if value.isdigit() else None


class HeardBody:
    """A live stream of the family, heard by `ear`."""

    def __init__(self, inner: Any, ear: Ear) -> None:
        self._inner = inner
        self._ear = ear

    def __iter__(self) -> Iterator[bytes]:
        ear = self._ear
        try:
            for raw in self._inner:
                ear.chunk(raw)
                yield raw
        except BaseException as error:
            ear.failed(error)
            raise
        ear.end()

    def close(self) -> None:
        """The consumer is done, early or not."""
        try:
            self._inner.close()
        finally:
            self._ear.left("closed")


class AsyncHeardBody:
    """The same for tasks."""

    def __init__(self, inner: Any, ear: Ear) -> None:
        self._inner = inner
        self._ear = ear

    async def __aiter__(self) -> AsyncIterator[bytes]:
        ear = self._ear
        try:
            async for raw in self._inner:
                ear.chunk(raw)
                yield raw
        except GeneratorExit:
            raise  # trio collects the generator of a cancelled task before it closes the stream; `aclose` knows better
        except BaseException as error:
            ear.failed(error)
            raise
        ear.end()

    async def aclose(self) -> None:
        """The consumer is done. On a cancelled task's way out this is where it shows."""
        how: Left = "cancelled" if departure(sys.exception()) == "cancelled" else "closed"
        try:
            await self._inner.aclose()
        finally:
            self._ear.left(how)
