"""One decoder for every dialect of JSON objects: a parser finds the frames, a reader says what each one means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from harness.dialects._framing import Frame, split
from harness.dialects._sniffing import NO_SHAPES, Shapes, SniffingParser, content_type
from harness.dialects._trouble import failed, kind_of_status, retry_after_s
from harness.dialects._untyped import MISSING, excerpt, loaded
from harness.model import Delta, Head, Problem

Read: TypeAlias = Callable[[str, object], list[Delta]]
"""What one frame means: its SSE event name (or empty) and its JSON value."""

_NOTHING: Final = frozenset({"", "[DONE]"})
"""`[DONE]` is how OpenAI ends a stream, and gateways that of any dialect: no JSON, and no mistake."""


class FrameDecoder:
    """Decodes one answer. `read` is called once for each frame that holds JSON."""

    def __init__(self, head: Head, read: Read, shapes: Shapes = NO_SHAPES) -> None:
        self._head = head
        self._read = read
        self._shapes = shapes
        self._parsing: SniffingParser | None = None
        self._silent = True
        self._explained = not failed(head)

    def feed(self, data: bytes) -> list[Delta]:
        """What `data` completes."""
        self._silent = self._silent and not data.strip()
        return self._meaning(self._parser.feed(data))

    def close(self) -> list[Delta]:
        """What only the end completes. A failure is a problem, even where its body does not say so."""
        rest = self._meaning(self._parser.close())
        return rest if self.is_told else [*rest, *_nothing(self._head)]

    @property
    def _parser(self) -> SniffingParser:
        """Made when it is first needed: nearly every answer of a backend is read without one."""
        if self._parsing is None:
            self._parsing = SniffingParser(self._head, self._shapes)
        return self._parsing

    @property
    def is_told(self) -> bool:
        """True where something was said, and a failure was explained."""
        return self._explained and not self._silent

    def _meaning(self, frames: list[Frame]) -> list[Delta]:
        # An event with a name and no data is none to SSE clients either.
        deltas = [delta for frame in frames if frame.data not in _NOTHING for delta in self._one(frame)]
        self._told(deltas)
        return deltas

    def _told(self, deltas: Sequence[Delta]) -> None:
        self._explained = self._explained or any(isinstance(delta, Problem) for delta in deltas)

    def _heard(self, deltas: Sequence[Delta]) -> None:
        """`deltas` were read without a parser."""
        self._silent = False
        self._told(deltas)

    def _one(self, frame: Frame) -> list[Delta]:
        value = loaded(frame.data)
        if value is not MISSING:
            return self._read(frame.event, value)
        if failed(self._head):
            return [_failure(self._head, excerpt(frame.data))]
        what = "is no JSON" if frame.complete else "is cut short"
        return [Problem("malformed", f"a frame of the answer {what}: {excerpt(frame.data)}")]


def _nothing(head: Head) -> list[Delta]:
    """What an empty body means: a failure says enough by its status, and no JSON text is empty."""
    if failed(head):
        return [_failure(head, head.reason or f"HTTP {head.status}")]
    if content_type(head) == "application/json":
        return [Problem("malformed", "the body is empty, where its content type promises JSON")]
    return []


def _failure(head: Head, told: str) -> Problem:
    """A failure that no dialect worded: a proxy's page of HTML, or nothing. Its headers may still name a wait."""
    return Problem(kind_of_status(head.status), told, status=head.status, retry_after_s=retry_after_s(head.headers))


def frames_of(head: Head, body: bytes, shapes: Shapes = NO_SHAPES) -> tuple[bytes, ...]:
    """`body` cut as the decoder cuts it. Joined, the frames are `body`."""
    return split(SniffingParser(head, shapes), body)
