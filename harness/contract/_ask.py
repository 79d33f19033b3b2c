"""From a call to what the contract makes of its answer: the outermost functions of a backend, in both colours."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, Protocol, Self

from harness.contract._drive import AsyncDrive, Line, drive
from harness.contract._generation import Answer, Call
from harness.contract._outcome import checked, finish_reason, response_values, result_values
from harness.contract._resolve import Types
from harness.contract._retry import Pacer, Retries
from harness.spec import CancelEvent

_SHOWN_MAX: Final = 60


@dataclass(frozen=True, slots=True)
class Desk:
    """What a backend works with, in one place. `line` makes a Line for one call; `is_up` asks for the model's health
    and raises no Exception. `ignores_cancel` is a backend that does not look at its `cancel_event`."""

    line: Callable[[], Line]
    is_up: Callable[[], bool]
    types: Types
    retries: Retries
    pacer: Pacer
    fallback_model: str | None = None
    ignores_cancel: bool = False


class Asking(Protocol):
    """What a backend is to a call."""

    timeout: float
    on_status: Callable[[str], None] | None
    cancel_event: CancelEvent | None
    last_finish_reason: str | None
    desk_: Desk

    def parse_tool_call(self, raw: str) -> tuple[str, Any]:
        """The contract's own helper."""


def ask(backend: Asking, call: Call) -> Any:
    """What `call` comes to, as the contract's value."""
    with _Asked(backend, call) as asked:
        *_, last = drive(asked, aloud=False)
        return asked.made(last)


async def ask_later(backend: Asking, call: Call) -> Any:
    """The same for a task."""
    with _Asked(backend, call) as asked:
        driven = AsyncDrive(asked, aloud=False)
        try:
            last = await driven.said()
        finally:
            await driven.close()
        return asked.made(last)


def tokens(backend: Asking, call: Call) -> Generator[str, None, None]:
    """The tokens of `call`, as they come."""
    with _Asked(backend, call) as asked, closing(drive(asked)) as driven:
        for said in driven:
            if isinstance(said, str):
                yield said
            else:
                asked.ended(said)


async def tokens_later(backend: Asking, call: Call) -> AsyncGenerator[str, None]:
    """The same for a task."""
    with _Asked(backend, call) as asked:
        driven = AsyncDrive(asked)
        try:
            while isinstance(said := await driven.said(), str):
                yield said
            if said is not None:
                asked.ended(said)
        finally:
            await driven.close()


class _Asked:
    """One call of one backend. What the backend is set to is looked up when the call begins."""

    def __init__(self, backend: Asking, call: Call) -> None:
        self.backend = backend
        self.call = call
        self.desk = desk = backend.desk_
        self.line = desk.line()
        self.cancel = None if desk.ignores_cancel else backend.cancel_event
        self.timeout_s = _cap(backend.timeout)
        backend.last_finish_reason = None

    def tell(self, text: str) -> None:
        """Note a status, and hand it to whoever listens."""
        self.line.note("status", text)
        if self.backend.on_status is not None:
            self.backend.on_status(text)

    def made(self, last: str | Answer | None) -> Any:
        """The contract's value for the answer that ended a generation."""
        assert isinstance(last, Answer), "a generation ends by saying its answer"
        types = self.desk.types
        if self.call.verb == "generate":
            shape, values = types.result, result_values(last, types, self.line.where, self.line.shown)
        else:
            shape, values = types.response, response_values(self._checked(last), self.backend.parse_tool_call)
        self.backend.last_finish_reason = finish_reason(last.reply)
        made = shape.make(values)
        self.line.note("result", _described(shape.cls.__name__, values))
        return made

    def ended(self, answer: Answer) -> None:
        """A stream ended well, or its last word is an exception."""
        self.backend.last_finish_reason = finish_reason(self._checked(answer).reply)
        self.line.note("result", f"end of stream, {self.backend.last_finish_reason}")

    def _checked(self, answer: Answer) -> Answer:
        return checked(answer, self.desk.types, self.line.where, self.line.shown)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Remember how the call failed: `last_finish_reason`, and the exception's name and home in the notes."""
        types = self.desk.types
        if isinstance(error, (types.timeout, types.connection_error, types.parse_error, types.cancelled)):
            if not isinstance(error, types.cancelled):
                self.backend.last_finish_reason = "error"
            self.line.note("result", _named(error))


def _cap(timeout: float | None) -> float | None:
    """`timeout` as a cap: None and infinity are none."""
    return timeout if timeout is not None and isfinite(timeout) else None


def _described(name: str, values: Mapping[str, Any]) -> str:
    """A result on one line; long texts by their length, because the reply has them already."""
    shown = [
        f"{key}=<{len(value):,} chars>" if isinstance(value, str) and len(value) > _SHOWN_MAX else f"{key}={value!r}"
        for key, value in values.items()
    ]
    return f"{name}({', '.join(shown)})"


def _named(error: BaseException) -> str:
    """The class of `error` and where an application would import it from: of ours, the front door."""
    module = type(error).__module__
    return f"{type(error).__name__} ({'harness' if module.startswith('harness.') else module})"
