"""Outcome: everything that is known about one run of the subject. Checkers are functions of two of these."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from harness.engine import Entry
from harness.model import PER_MILLISECOND, PER_SECOND, ZERO, Case, Nanos
from harness.session import Emission, ToolRun
from harness.sweeps._laid import Seen

ATTEMPTS_MAX: Final = 5
"""The first request, the two attempts that SDKs add by themselves, and two of the driver's own."""
CANCEL_WITHIN: Final = Nanos(100 * PER_MILLISECOND)


def equal(one: Any, other: Any) -> bool:
    """The comparison of results unless another is given: `==`, and the type where that has no say."""
    return bool(one == other)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the subject is held to.

    `contract`: the exceptions that may escape; empty is the base classes of the known SDKs and of our own contract.
    `same`: whether two results are one. `attempts_max`: requests per logical call, the SDK's own retries included.
    `cancel_within`: virtual time from cancel to the end. `idempotent`: asking again after output was shown is fine.
    """

    contract: tuple[type[BaseException], ...] = ()
    same: Callable[[Any, Any], bool] = equal
    attempts_max: int = ATTEMPTS_MAX
    cancel_within: Nanos = CANCEL_WITHIN
    idempotent: bool = False


@dataclass(frozen=True, slots=True)
class Pressed:
    """Cancel was pressed at `at`, when `asked` requests had gone out and `heard` chunks of the last had been delivered.

    `arrived`: the task was told; one that had nothing left to wait for never was. A thread always is.
    `is_task`: it was the task that was cancelled, and no event that was set.
    """

    at: Nanos
    asked: int
    heard: int
    arrived: bool = True
    is_task: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run. Times are offsets since its session was opened.

    `result` counts where `error` is None. `case` None is a run without faults. `struck` are the kinds that struck, once
    for each answer. `stuck` says why it would have hung, `missed` what it asked that nobody could answer, `strayed`
    which answers came from the fallback. `leaks` are what was left a virtual second later. `again` is the second run
    of the same driver with everything healed, where there is one to run.
    `twin` is the digest of the same case run once more. `can_be_cancelled`: a backend of the session has an event.
    `ran_over`: it was ended in real time, which running it again would cost again.
    """

    case: Case | None = None
    result: Any = None
    error: BaseException | None = None
    ended_at: Nanos = ZERO
    history: Sequence[Entry] = ()
    seen: Sequence[Seen] = ()
    struck: Sequence[str] = ()
    stuck: str = ""
    ran_over: bool = False
    missed: Sequence[str] = ()
    strayed: Sequence[str] = ()
    pressed: Pressed | None = None
    leaks: Sequence[str] = ()
    tools: Sequence[ToolRun] = ()
    emissions: Sequence[Emission] = ()
    logs: Sequence[str] = ()
    again: Outcome | None = None
    twin: str = ""
    can_be_cancelled: bool = False
    transcript: str = ""
    terms: Terms = field(default_factory=Terms)

    @property
    def returned(self) -> bool:
        """True where the run ended with a result."""
        return self.error is None and not self.stuck

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of this case, in the order of its strikes."""
        return tuple(strike.kind for strike in self.case.strikes) if self.case is not None else ()

    @property
    def swallowed(self) -> bool:
        """True where a task was told to stop and returned as if it had not been."""
        return self.pressed is not None and self.pressed.is_task and self.returned

    @property
    def asked_again(self) -> bool:
        """True where the same bytes were asked more than once."""
        return any(len(attempts) > 1 for attempts in self.logical_calls)

    @property
    def logical_calls(self) -> list[list[Entry]]:
        """The requests, those of the same bytes together: asking the same again is trying again, whatever the answer
        before looked like. One that was sent elsewhere is the client's own business, and followed within limits."""
        calls: dict[tuple[str, str, bytes], list[Entry]] = {}
        for entry in self.history:
            if _is_redirect(entry):
                continue
            request = entry.request
            calls.setdefault((request.method, request.url, request.body), []).append(entry)
        return list(calls.values())

    @property
    def admits_failure(self) -> bool:
        """True where the result says by itself that it is none: `success` is False, or the reason for finishing is not
        the usual one. Both are words of the backend contract."""
        return getattr(self.result, "success", None) is False or getattr(self.result, "finish_reason", None) in (
            "error",
            "length",
        )

    @property
    def trace(self) -> list[str]:
        """The run line by line, for a comparison of two: requests, events, and how it ended."""
        lines = [line for entry in self.history for line in _entry_lines(entry)]
        lines += [f"{_at(run.at)} tool {run.id} {run.name} {run.arguments!r}" for run in self.tools]
        lines += [f"{_at(item.at)} emitted {item.kind} {item.value!r}" for item in self.emissions]
        return [*lines, f"{_at(self.ended_at)} {self.ending}"]

    @property
    def ending(self) -> str:
        """How it ended, in a line. Addresses in a repr would differ from run to run and are left out."""
        if self.stuck:
            return f"stuck: {self.stuck}"
        if self.error is not None:
            return f"{type(self.error).__name__}: {_plain(str(self.error))}"
        return f"returned {_plain(repr(self.result))}"

    @property
    def digest(self) -> str:
        """Equal where two runs were the same in every request, event and moment."""
        return hashlib.blake2b("\n".join(self.trace).encode(errors="surrogatepass"), digest_size=8).hexdigest()


def _is_redirect(entry: Entry) -> bool:
    head = entry.timeline.head
    return head is not None and 300 <= head.status < 400


def _entry_lines(entry: Entry) -> list[str]:
    body = hashlib.blake2b(entry.request.body, digest_size=6).hexdigest()
    first = (
        f"{_at(entry.at)} call {entry.call}.{entry.attempt} {entry.request.method} {entry.request.url} "
        f"body {len(entry.request.body)} bytes {body}"
    )
    events = [f"{_at(at)}   {type(event).__name__} {str(event)[:120]}" for at, event in entry.events]
    left = [f"{_at(entry.left_at)}   {entry.left}"] if entry.left else []
    return [first, *events, *left]


def _at(at: Nanos) -> str:
    return f"{at / PER_SECOND:.9f}"


def _plain(text: str) -> str:
    """`text` without the addresses of objects."""
    head, found, tail = text.partition(" at 0x")
    return f"{head} at …{_plain(tail.lstrip('0123456789abcdefABCDEF'))}" if found else text
