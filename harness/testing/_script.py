"""Script: what the model is to do, said once, for any kind of backend: as a source, as a cassette, or for a loopback
peer.

A script has one act per request; the last act is played for every further one. An act is a Timeline in the dialect of
the request, so that whoever serves it, from memory or over a socket, serves the same bytes at the same times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal

from harness.dialects import MEANING, decoder, get, native_request, recognise
from harness.faults import RESET
from harness.model import (
    Cassette,
    Chunk,
    End,
    Event,
    FinishReason,
    Head,
    Headers,
    Interaction,
    Message,
    Nanos,
    Problem,
    ProblemKind,
    Prompt,
    Reply,
    Request,
    Reset,
    Text,
    Timeline,
    ToolCall,
    seconds,
)
from harness.spec import Dialect, Found

PROMPT = "Say something."
"""What the suite asks, in every promise."""

Then = Literal["end", "reset", "stall"]
_REPEATS = 12


class CannotPlayError(Exception):
    """Raised by a `make_backend` whose model cannot do what a script says: the promise is skipped, and the report
    says so.

    The message is the reason.
    """


@dataclass(frozen=True, slots=True)
class Act:
    """One answer. Times are in seconds.

    `pieces` is the text, one piece per chunk, each `gap_s` after the one before, the first `gap_s` after the request.
    `then` is what follows them: the end, a reset of the connection, or `stall_s` of silence and the end after all: a
    stall that never ended would hang the suite with every backend that does not keep its cap.
    """

    pieces: tuple[str, ...] = ()
    finish: FinishReason = "stop"
    gap_s: float = 0.0
    then: Then = "end"
    stall_s: float = 0.0
    refused: bool = False
    garbage: bool = False
    problem: Problem | None = None
    tool: ToolCall | None = None

    @classmethod
    def failing(cls, status: int, kind: ProblemKind, *, retry_after_s: float | None = None) -> Act:
        """An HTTP error."""
        return cls(problem=Problem(kind, f"scripted {status}", status=status, retry_after_s=retry_after_s))

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.pieces)

    def timeline(self, request: Request) -> Timeline:
        """This act as an answer to `request`, in its dialect. Raises CannotPlayError where that has no form for it."""
        if self.refused:
            return Timeline.failed(Reset("ConnectError", "[Errno 111] Connection refused"))
        known = recognise(request)
        if known is None:
            message = f"no dialect recognises {request.method} {request.url}"
            raise CannotPlayError(message)
        head, chunks = _rendered(self, known[0], known[0].prompt(request))
        said = _chunks_until_said(request, head, chunks, self.text)
        return Timeline(tuple(_timed(self, head, chunks, said)))


@dataclass(frozen=True, slots=True)
class Script:
    """What the model does, request by request. `available` is what a health check finds."""

    acts: tuple[Act, ...] = (Act(("Hello", " there.")),)
    available: bool = True

    @classmethod
    def of(cls, *acts: Act) -> Script:
        """A script of these acts."""
        return cls(acts)

    def act(self, number: int) -> Act:
        """The act for request `number`, from zero."""
        return self.acts[min(number, len(self.acts) - 1)]

    def source(self) -> ScriptSource:
        """A fresh Source that plays it, for `harness.replay(script.source())`."""
        return ScriptSource(self)

    def cassette(self, dialect: str = "native", base_url: str = "http://model.test/v1") -> Cassette:
        """A recording of it in `dialect`, as if a backend had asked what the suite asks."""
        numbers = range(len(self.acts) + _REPEATS)
        request = _request(dialect, base_url)
        interactions = (
            Interaction(request, self.act(number).timeline(request), id=f"#{number + 1}", meaning=MEANING)
            for number in numbers
        )
        return Cassette(tuple(interactions), name=f"script in {dialect}")


@dataclass(slots=True)
class ScriptSource:
    """A Source that plays a script, act by act, whatever is asked."""

    script: Script
    name: str = "script"
    _asked: int = field(default=0)

    @property
    def available(self) -> tuple[bool, ...]:
        """What a health check finds."""
        return (self.script.available,)

    def find(self, request: Request) -> Found:
        """The next act."""
        act = self.script.act(self._asked)
        self._asked += 1
        return Found(Interaction(request, act.timeline(request), id=f"#{self._asked}", meaning=MEANING), "function")

    def unplayed(self) -> Sequence[str]:
        """Nothing: a script is no promise that somebody asks."""
        return ()


def _request(dialect: str, base_url: str) -> Request:
    prompt = Prompt(messages=(Message("user", PROMPT),), model="scripted", stream=True)
    return native_request("complete", prompt) if dialect == "native" else get(dialect).encode(prompt, base_url)


def _rendered(act: Act, dialect: Dialect, prompt: Prompt) -> tuple[Head, tuple[bytes, ...]]:
    if act.garbage:
        return Head(200, Headers((("content-type", "application/json"),))), (b"<html>no model here</html>\n",)
    calls = (act.tool,) if act.tool else ()
    finish: FinishReason | None = None if act.problem else "tool" if act.tool else act.finish
    reply = Reply(text=act.text, finish=finish, tool_calls=calls, problem=act.problem)
    return dialect.render(reply, prompt, act.pieces)


def _chunks_until_said(request: Request, head: Head, chunks: Sequence[bytes], text: str) -> int:
    """How many chunks carry `text`."""
    reading = decoder(request, head)
    assert reading is not None, "the request was recognised"
    said = ""
    for number, chunk in enumerate(chunks, 1):
        said += "".join(delta.text for delta in reading.feed(chunk) if isinstance(delta, Text))
        if text and said == text:
            return number
    return 0


def _timed(act: Act, head: Head, chunks: Sequence[bytes], said: int) -> list[tuple[Nanos, Event]]:
    """The events with their times: what carries text is spread over the gaps, the rest follows at once or never."""
    gaps = [0.0] + [act.gap_s if number <= said else 0.0 for number in range(1, len(chunks) + 1)]
    if len(chunks) == 1:  # a unary answer takes as long as all its pieces would
        gaps = [0.0, act.gap_s * len(act.pieces)]
    times = [seconds(at) for at in accumulate(gaps)]
    whole: list[tuple[Nanos, Event]] = [(times[0], head)]
    whole += [(at, Chunk(chunk)) for at, chunk in zip(times[1:], chunks, strict=True)]
    if act.then == "end":
        return [*whole, (times[-1], End())]
    if len(chunks) == 1:
        half = len(chunks[0]) // 2
        whole[1] = (times[-1], Chunk(chunks[0][:half]))
        rest: list[Event] = [Chunk(chunks[0][half:]), End()]
        kept = whole
    else:
        kept = whole[: said + 1]
        rest = [*(Chunk(chunk) for chunk in chunks[said:]), End()]
    left_at = kept[-1][0]
    if act.then == "reset":
        return [*kept, (left_at, RESET)]
    return [*kept, *((Nanos(left_at + seconds(act.stall_s)), event) for event in rest)]
