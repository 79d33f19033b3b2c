"""The sockets: what you may implement, and what it has to promise. Each is small enough to fake in a test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from harness.model import Delta, Head, Interaction, Json, Nanos, Prompt, Reply, Request, Spoken, Timeline


@runtime_checkable
class CancelEvent(Protocol):
    """What asks a driver to stop. `threading.Event` is one."""

    def is_set(self) -> bool:
        """True once the caller wants to stop."""

    def wait(self, timeout: float | None = None) -> bool:
        """Block until set or until `timeout` seconds have passed; True where it is set."""


@runtime_checkable
class Clock(Protocol):
    """Who knows the time and who waits."""

    def now(self) -> Nanos:
        """Time since some fixed moment. Never goes back."""

    def wait_until(self, at: Nanos, wake: CancelEvent | None = None) -> bool:
        """Block this thread until `at`, or until `wake` is set; True where it was woken early.

        A past `at` returns at once. Raises VirtualDeadlockError where `at` is NEVER and nothing can end the wait.
        """

    async def sleep_until(self, at: Nanos) -> None:
        """The same for a task; cancellation is the way to end it early."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where the nearest candidate and the request part. `path` is a JSON path such as
    `$.messages[0].content`, or `method`, `url`, `when.user` for what is no body. Both values are ready to print:
    shortened around the difference, and redacted."""

    path: str
    recorded: str
    asked: str


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why a source has no answer.

    `nearest` is the id of the closest candidate and `differences` say where it parts from the request; no differences
    with a `nearest` mean that it is equal and was `exhausted` (played already).
    """

    reason: str
    nearest: str = ""
    differences: tuple[Difference, ...] = ()
    exhausted: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """An answer and how it was found: `key`, `operation`, `body`, `prompt`, `rule` or `function`."""

    interaction: Interaction
    how: str = "key"


@runtime_checkable
class Source(Protocol):
    """Where answers come from: a cassette, a scenario, a function. Stateful: it knows what it has given."""

    name: str

    def find(self, request: Request) -> Found | Mismatch:
        """The next answer to `request`. Calls are serialised by the session; no I/O, no clock."""

    def unplayed(self) -> Sequence[str]:
        """One line for each answer that nobody asked for and that somebody should have."""


class Matcher(Protocol):
    """A matcher of your own: called after the built-in key, for candidates of the same method."""

    def __call__(self, recorded: Request, asked: Request) -> bool:
        """True where `recorded` may answer `asked`. Both are redacted."""


class Decoder(Protocol):
    """Bytes in, meaning out, at any chunking. One per answer; not reusable."""

    def feed(self, data: bytes) -> list[Delta]:
        """What `data` completes. Never raises on strange bytes: they become Unknown or Problem("malformed")."""

    def close(self) -> list[Delta]:
        """What was still pending at the end of the stream, and Problem("malformed") where the last frame is cut."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What a request asks of a provider, wherever it is sent: `openai.chat`, `anthropic.messages`, ...

    `model` is set where the path carries it (Gemini, Bedrock, Azure deployments); else the body has it.
    """

    dialect: str
    name: str
    model: str = ""


@runtime_checkable
class Dialect(Protocol):
    """A wire dialect: bytes to meaning and, where `renders`, meaning to bytes. Pure.

    One that has a form for an Image says so with an attribute `draws`; without it a scenario with one is refused.
    """

    name: str
    renders: bool

    def operation(self, request: Request) -> Operation | None:
        """What `request` asks, by its URL; None where it is not ours."""

    def prompt(self, request: Request) -> Prompt:
        """The decoded request. Raises DialectError where the body is not what the dialect says."""

    def frames(self, head: Head, body: bytes) -> tuple[bytes, ...]:
        """`body` cut at the dialect's own boundaries (SSE events, NDJSON lines, or all of it). They join to
        `body`."""

    def decoder(self, request: Request, head: Head) -> Decoder:
        """A fresh decoder for the answer that begins with `head`."""

    def encode(self, prompt: Prompt, base_url: str) -> Request:
        """`prompt` as a request of this dialect, without credentials. Raises DialectError where it cannot be said."""

    def render(self, reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
        """`reply` as this dialect would send it for `prompt`: streamed or not as `prompt.stream` says.

        `said` is what the model says in the order and the pieces in which it says it, one delta each: their sum is that
        of `reply`. A kind that is not among them (no thinking, no tool call) is taken whole from `reply`: thinking
        before, a refusal and tool calls behind.
        `decode(render(reply))` has the same meaning. Raises DialectError where the dialect has no form for it.
        """


Params = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class FaultSite:
    """Where a fault may strike within one answer: `connect`, `headers`, `end`, or a chunk counted from one.

    To a fault in the middle of an answer `headers` is the place between the head and the first chunk, and a chunk is
    the place after it, or what it carries.
    """

    point: str
    chunk: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a fault may know of the request whose answer it strikes: its dialect, the request (None where there is none,
    as in a test), and which attempt of which call it is, both counted from one."""

    dialect: str = ""
    request: Request | None = None
    call: int = 1
    attempt: int = 1


@runtime_checkable
class Fault(Protocol):
    """A function from Timeline to Timeline with a public name. Pure: nothing is random, nothing is edited in place.

    `harness.testing.check_fault` tries what it promises.
    """

    @property
    def name(self) -> str:
        """What people type."""

    @property
    def params(self) -> Mapping[str, str]:
        """What it takes: names, and a few words on each."""

    def sites(self, timeline: Timeline) -> Iterable[FaultSite]:
        """Everywhere it may strike in `timeline`."""

    def apply(self, timeline: Timeline, site: FaultSite, params: Params, asked: Asked) -> Timeline:
        """`timeline` as it would be had the fault struck at `site`. Raises ValueError where it cannot strike there."""


@runtime_checkable
class Overlay(Protocol):
    """What is laid over the answers of a source before they are played. The source stays as it is."""

    def strike(self, call: int, attempt: int, answer: Interaction, asked_at: Nanos) -> Interaction:
        """`answer` as attempt `attempt` of call `call` is to hear it; the same where nothing strikes. `asked_at` is
        when it was asked, since the session was opened. Calls are serialised by the session. Raises ValueError where
        it cannot be said in the dialect of `answer`."""

    def unstruck(self) -> Sequence[str]:
        """One line for each thing that was to strike and never did."""


@dataclass(frozen=True, slots=True)
class Cooling:
    """What a retry policy decided: wait `wait` and ask again, because of `why`."""

    wait: Nanos
    why: str = field(default="")
