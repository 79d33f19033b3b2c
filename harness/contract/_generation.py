"""One generation, from the first request to the last token: every decision, and no waiting.

`steps` is a plain generator. It says what to do next (open a wire, hear an event, wait, say something to the caller)
and is told how that went, so that the sync and the async driver have nothing left to decide.

Rules:

1. `cancel_event` is looked at before the call, after all that was heard, before every token that is said, and during
   every wait.
2. A generation that takes longer than its cap raises the contract's timeout; a retry has a cap of its own, and the wait
   between the two is nobody's generation.
3. What was lost after the model had said that it is done is not lost.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeAlias

from harness.contract._resolve import Types
from harness.contract._retry import Pacer, Retries, is_exhausted, slices
from harness.model import (
    ZERO,
    Began,
    Chunk,
    Delta,
    End,
    Event,
    Finish,
    Head,
    Nanos,
    Problem,
    Prompt,
    Raw,
    Refusal,
    Reply,
    Reset,
    Status,
    Text,
    TimedOut,
    Unknown,
    Usage,
    as_seconds,
)
from harness.spec import Clock, Decoder

_BODY_SHOWN_MAX = 256


@dataclass(frozen=True, slots=True)
class Call:
    """What the caller asked for: the contract's verb (`generate`, `complete`, `stream_tokens`) and the prompt."""

    verb: str
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how often. `timeout_s` caps one generation, in seconds; None is no cap."""

    timeout_s: float | None
    retries: Retries
    fallback_model: str | None
    pacer: Pacer


class Place(Protocol):
    """Where the generation takes place."""

    @property
    def clock(self) -> Clock:
        """What it waits by."""

    @property
    def where(self) -> str:
        """What is asked, for a message."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the generation may ask of its backend: where it is, whether to stop, and somebody who listens."""

    place: Place
    cancelled: Callable[[], bool]
    tell: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """How a generation went. `body` is the beginning of an error's body; `latency` is from first request to last
    event."""

    reply: Reply
    model: str
    latency: Nanos
    body: str = ""


@dataclass(frozen=True, slots=True)
class Open:
    """Open a wire for `call`; the answer is what makes a decoder from a head."""

    call: Call


@dataclass(frozen=True, slots=True)
class Hear:
    """Wait for the next event of the open wire; the answer is that event, or None where something ended the wait."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Close the open wire."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait until `until`, or less where the caller wants to stop."""

    until: Nanos


@dataclass(frozen=True, slots=True)
class Say:
    """Hand `what` to the caller: a token, or at the very end the Answer."""

    what: str | Answer


_HEAR: Final = Hear()
_LEAVE: Final = Leave()

Step: TypeAlias = Open | Hear | Leave | Wait | Say
Told: TypeAlias = "Event | Callable[[Head], Decoder] | None"
Steps: TypeAlias = Generator[Step, Told, None]


def steps(call: Call, limits: Limits, types: Types, hooks: Hooks, *, aloud: bool = True) -> Steps:
    """The steps of one generation; the last one says its Answer. `aloud` False says nothing else, for a caller who
    wants the answer only. Raises the contract's exceptions."""
    return _Generation(call, limits, types, hooks, aloud=aloud).run()


class _Generation:
    """The state of one generation."""

    def __init__(self, call: Call, limits: Limits, types: Types, hooks: Hooks, *, aloud: bool) -> None:
        self.aloud = aloud
        self.call = call
        self.limits = limits
        self.types = types
        self.hooks = hooks
        self.model = call.prompt.model
        self.deltas: list[Delta] = []
        self.is_done = self.has_problem = False
        self.reply = Reply()
        self.body = b""
        self.now = hooks.place.clock.now
        self.asked_at = ZERO

    def run(self) -> Steps:
        started = self.now()
        yield from self._with_retries()
        problem = _unanswered(self.reply)
        if problem is not None and is_exhausted(problem) and self.limits.fallback_model:
            self.hooks.tell(f"{self.model} is exhausted, asking {self.limits.fallback_model}")
            self.model = self.limits.fallback_model
            yield from self._with_retries()
        body = self.body.decode("utf-8", "replace")
        latency = Nanos(self.now() - started)
        yield Say(Answer(self.reply, self.model, latency, body))

    def _with_retries(self) -> Steps:
        """Ask until something is said, or until asking again is of no use."""
        retry = 1
        while True:
            free_at = self.limits.pacer.reserve(now := self.now())
            if free_at > now:
                yield from self._countdown("Pacing", free_at, "next request")
            yield from self._attempt()
            problem = _unanswered(self.reply)
            cooling = self.limits.retries.cooling(problem, retry) if problem else None
            if cooling is None:
                return
            until = Nanos(self.now() + cooling.wait)
            yield from self._countdown(cooling.why, until, "retry", f", attempt {retry}/{self.limits.retries.count}")
            retry += 1

    def _countdown(self, why: str, until: Nanos, what: str, which: str = "") -> Steps:
        """Wait until `until` and tell how long that is, at once and in slices."""
        said = f"{why} ({self.model}){which} — {what}"
        for left_s, upto in slices(self.now(), until):
            self.hooks.tell(f"{said} in {left_s}s")
            said = f"… {what}"
            yield Wait(upto)
            self._stop_if_cancelled()

    def _attempt(self) -> Steps:
        """One request and what was heard of its answer, in `deltas`."""
        self._stop_if_cancelled()
        self.deltas, self.body, self.asked_at = [], b"", self.now()
        self.is_done = self.has_problem = False
        make_decoder = yield Open(self._asked())
        assert callable(make_decoder)
        decoder, event = None, None
        while not isinstance(event, End) and not self.has_problem:
            if self.aloud:  # somebody was told a token since
                self._stop_if_cancelled()
            event = yield _HEAR
            self._stop_if_cancelled()
            match event:
                case Head():
                    decoder = make_decoder(event)
                case Chunk(data=data) if decoder is not None:
                    self.body += data[: _BODY_SHOWN_MAX - len(self.body)]
                    yield from self._said(decoder.feed(data))
                case End() if decoder is not None:
                    yield from self._said(decoder.close())
                    yield from self._said(_foreign(self.deltas))
                case Reset() | TimedOut() | None if not self.is_done:
                    raise self._lost(event)
                case Raw() if (
                    not self.is_done
                ):  # nobody parses HTTP here, and what no parser takes breaks the connection
                    raise self._lost(Reset("RemoteProtocolError", "what came is no HTTP"))
                case _:
                    break
        self.reply = Reply.of(self.deltas)
        yield _LEAVE

    def _asked(self) -> Call:
        """The call, for the model that is asked now."""
        if self.model == self.call.prompt.model:
            return self.call
        return replace(self.call, prompt=replace(self.call.prompt, model=self.model))

    def _said(self, deltas: list[Delta]) -> Steps:
        """Keep `deltas`, and hand on what a caller who listens is waiting for."""
        for delta in deltas:
            if said := self._keep(delta):
                yield Say(said)

    def _keep(self, delta: Delta) -> str:
        """Keep `delta`. Returns what is to be said of it, or nothing."""
        if self.aloud:
            self._stop_if_cancelled()
        self.deltas.append(delta)
        match delta:
            case Text(text=text, choice=0) | Refusal(text=text, choice=0):
                return text if self.aloud else ""
            case Finish():
                self.is_done = True
            case Problem():
                self.has_problem = True
            case Status(text=text):
                self.hooks.tell(text)
                self._stop_if_cancelled()
            case Unknown(event="cancelled"):  # what a recorded call came to: at this moment its caller said stop
                raise self._cancelled()
        return ""

    def _stop_if_cancelled(self) -> None:
        if self.hooks.cancelled():
            raise self._cancelled()

    def _cancelled(self) -> BaseException:
        message = f"generation cancelled ({self.model})"
        return self.types.error(self.types.cancelled, message, model=self.model)

    def _lost(self, event: Reset | TimedOut | None) -> BaseException:
        """What a failed wire is in the words of the contract."""
        heard = len(Reply.of(self.deltas).text)
        so_far = f"{heard} characters had arrived" if heard else "nothing had arrived"
        at = f"{self.model} at {self.hooks.place.where}"
        if isinstance(event, Reset):
            text = f"{event.error}: {event.message}" if event.message else event.error
            lost = f"{at} was lost ({so_far}): {text}" if self.deltas else f"{at} was not reached: {text}"
            return self.types.error(self.types.connection_error, lost, model=self.model)
        kind = self.types.timeout if self.call.verb == "generate" else self.types.chat_timeout
        after_s = as_seconds(Nanos(self.now() - self.asked_at))
        late = f"{at} did not finish within {after_s:.3g} s ({so_far})"
        return self.types.error(kind, late, model=self.model, timeout=self.limits.timeout_s or after_s)


def _foreign(deltas: list[Delta]) -> list[Delta]:
    """The problem of a whole answer in which nothing is known: somebody else's dialect, and no empty answer."""
    kinds = {type(delta) for delta in deltas}
    return [Problem("malformed")] if Unknown in kinds and kinds <= {Unknown, Began, Usage} else []


def _unanswered(reply: Reply) -> Problem | None:
    """The problem of an attempt in which nothing was said yet, so that another one may begin anew."""
    return reply.problem if not reply.text and not reply.tool_calls else None
