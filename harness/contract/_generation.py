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

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeAlias

from harness.contract._resolve import Types
from harness.contract._retry import Pacer, Retries, is_exhausted, slices
from harness.model import (
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
from harness.spec import CancelEvent, Clock, Decoder

_BODY_SHOWN_MAX = 256
_JSON_STARTS: Final = (b"{", b"[")


@dataclass(frozen=True, slots=True)
class Call:
    """What the caller asked for: the contract's verb (`generate`, `complete`, `stream_tokens`) and the prompt."""

    verb: str
    prompt: Prompt


class Policy(Protocol):
    """How often a backend asks, and in whose words it fails."""

    @property
    def types(self) -> Types:
        """The contract's own."""

    @property
    def retries(self) -> Retries:
        """How often after a refusal."""

    @property
    def pacer(self) -> Pacer:
        """When the next request may go out."""

    @property
    def fallback_model(self) -> str | None:
        """Who is asked when the model is exhausted."""


class Place(Protocol):
    """Where the generation takes place."""

    @property
    def clock(self) -> Clock:
        """What it waits by."""

    @property
    def where(self) -> str:
        """What is asked, for a message."""


class Asked(Protocol):
    """What a generation knows of its call and of the backend that was asked. `timeout_s` caps it, in seconds; None is
    no cap. `cancel` is what stops it, None where nothing does."""

    call: Call
    timeout_s: float | None
    cancel: CancelEvent | None

    @property
    def desk(self) -> Policy:
        """What its backend goes by."""

    @property
    def line(self) -> Place:
        """Where its wires lead."""

    def tell(self, text: str) -> None:
        """There is something to know while it waits."""


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
    """Hand `text`, a token, to the caller."""

    text: str


_HEAR: Final = Hear()
_LEAVE: Final = Leave()

Step: TypeAlias = Open | Hear | Leave | Wait | Say
Told: TypeAlias = "Event | Callable[[Head], Decoder] | None"
Steps: TypeAlias = Generator[Step, Told, Answer]


def steps(asked: Asked, *, aloud: bool = True) -> Steps:
    """The steps of one generation; it returns its Answer. `aloud` False says no token, for a caller who wants the
    answer only. Raises the contract's exceptions."""
    return _Generation(asked, aloud=aloud).run()


class _Generation:
    """The state of one generation."""

    def __init__(self, asked: Asked, *, aloud: bool) -> None:
        self.aloud = aloud
        self.asked = asked
        self.desk = asked.desk
        self.cancel = asked.cancel
        self.model = asked.call.prompt.model
        self.now = asked.line.clock.now
        self.deltas: list[Delta] = []
        self.is_done = self.has_problem = False
        self.body = b""

    def run(self) -> Steps:
        started = self.now()
        reply = yield from self._with_retries(started)
        problem = _unanswered(reply)
        if problem is not None and is_exhausted(problem) and self.desk.fallback_model:
            self.asked.tell(f"{self.model} is exhausted, asking {self.desk.fallback_model}")
            self.model = self.desk.fallback_model
            reply = yield from self._with_retries(self.now())
        body = self.body.decode("utf-8", "replace")
        return Answer(reply, self.model, Nanos(self.now() - started), body)

    def _with_retries(self, now: Nanos) -> Generator[Step, Told, Reply]:
        """Ask from `now` on, until something is said, or until asking again is of no use."""
        retries, retry = self.desk.retries, 1
        while True:
            free_at = self.desk.pacer.reserve(now)
            if free_at > now:
                yield from self._countdown("Pacing", free_at, "next request")
                now = self.now()
            reply = yield from self._attempt(now)
            problem = _unanswered(reply)
            cooling = retries.cooling(problem, retry) if problem else None
            if cooling is None:
                return reply
            until = Nanos(self.now() + cooling.wait)
            yield from self._countdown(cooling.why, until, "retry", f", attempt {retry}/{retries.count}")
            now, retry = self.now(), retry + 1

    def _countdown(self, why: str, until: Nanos, what: str, which: str = "") -> Generator[Step, Told, None]:
        """Wait until `until` and tell how long that is, at once and in slices."""
        said = f"{why} ({self.model}){which} — {what}"
        for left_s, upto in slices(self.now(), until):
            self.asked.tell(f"{said} in {left_s}s")
            said = f"… {what}"
            yield Wait(upto)
            self._stop_if_cancelled()

    def _attempt(self, now: Nanos) -> Generator[Step, Told, Reply]:
        """One request at `now`, and what was heard of its answer."""
        self._stop_if_cancelled()
        self.deltas, self.body = [], b""
        self.is_done = self.has_problem = False
        make_decoder = yield Open(self._call())
        assert callable(make_decoder)
        decoder, event = None, None
        while not isinstance(event, End) and not self.has_problem:
            if self.aloud:  # somebody was told a token since
                self._stop_if_cancelled()
            event = yield _HEAR
            if self.cancel is not None:
                self._stop_if_cancelled()
            match event:
                case Head():
                    decoder = make_decoder(event)
                case Chunk(data=data) if decoder is not None:
                    self.body += data[: _BODY_SHOWN_MAX - len(self.body)]
                    yield from self._said(decoder.feed(data))
                case End() if decoder is not None:
                    yield from self._said(decoder.close())
                    yield from self._said(_foreign(self.deltas, self.body))
                case Reset() | TimedOut() | None if not self.is_done:
                    raise self._lost(event, now)
                case Raw() if (
                    not self.is_done
                ):  # nobody parses HTTP here, and what no parser takes breaks the connection
                    raise self._lost(Reset("RemoteProtocolError", "what came is no HTTP"), now)
                case _:
                    break
        reply = Reply.of(self.deltas)
        yield _LEAVE
        return reply

    def _call(self) -> Call:
        """The call, for the model that is asked now."""
        call = self.asked.call
        if self.model == call.prompt.model:
            return call
        return replace(call, prompt=replace(call.prompt, model=self.model))

    def _said(self, deltas: Sequence[Delta]) -> Iterable[Step]:
        """Keep `deltas`. Returns what is to be said of them to a caller who listens, as they are kept."""
        if self.aloud:
            return self._aloud(deltas)
        self.deltas += deltas
        for delta in deltas:
            if type(delta) is not Text:
                self._heed(delta)
        return ()

    def _aloud(self, deltas: Sequence[Delta]) -> Iterator[Step]:
        for delta in deltas:
            self._stop_if_cancelled()
            self.deltas.append(delta)
            match delta:
                case Text(text=text, choice=0) | Refusal(text=text, choice=0):
                    if text:
                        yield Say(text)
                case _:
                    self._heed(delta)

    def _heed(self, delta: Delta) -> None:
        """What `delta`, which is no text, changes."""
        match delta:
            case Finish():
                self.is_done = True
            case Problem():
                self.has_problem = True
            case Status(text=text):
                self.asked.tell(text)
                self._stop_if_cancelled()
            case Unknown(event="cancelled"):  # what a recorded call came to: at this moment its caller said stop
                raise self._cancelled()

    def _stop_if_cancelled(self) -> None:
        if self.cancel is not None and self.cancel.is_set():
            raise self._cancelled()

    def _cancelled(self) -> BaseException:
        message = f"generation cancelled ({self.model})"
        return self.desk.types.error(self.desk.types.cancelled, message, model=self.model)

    def _lost(self, event: Reset | TimedOut | None, asked_at: Nanos) -> BaseException:
        """What a failed wire is in the words of the contract."""
        types = self.desk.types
        heard = len(Reply.of(self.deltas).text)
        so_far = f"{heard} characters had arrived" if heard else "nothing had arrived"
        at = f"{self.model} at {self.asked.line.where}"
        if isinstance(event, Reset):
            text = f"{event.error}: {event.message}" if event.message else event.error
            lost = f"{at} was lost ({so_far}): {text}" if self.deltas else f"{at} was not reached: {text}"
            return types.error(types.connection_error, lost, model=self.model)
        kind = types.timeout if self.asked.call.verb == "generate" else types.chat_timeout
        after_s = as_seconds(Nanos(self.now() - asked_at))
        late = f"{at} did not finish within {round(after_s, 3):g} s ({so_far})"
        return types.error(kind, late, model=self.model, timeout=self.asked.timeout_s or after_s)


def _foreign(deltas: Sequence[Delta], body: bytes) -> list[Delta]:
    """The problem of a whole answer in which nothing is known: somebody else's dialect, or JSON that is no answer of
    any (`[]`, no choices), and no empty answer."""
    kinds = set(map(type, deltas))
    is_foreign = Unknown in kinds and kinds <= {Unknown, Began, Usage}
    return [Problem("malformed")] if is_foreign or (not kinds and body.lstrip()[:1] in _JSON_STARTS) else []


def _unanswered(reply: Reply) -> Problem | None:
    """The problem of an attempt in which nothing was said yet, so that another one may begin anew."""
    return reply.problem if not reply.text and not reply.tool_calls else None
