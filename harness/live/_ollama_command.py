"""Ollama by its command line, `ollama run MODEL --nowordwrap`, or over HTTP where there is a base URL."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from harness.clock import WallClock, real_lock
from harness.contract import AsyncWire, Call, Desk, Pacer, Retries, Verbs, Wire, adopted, resolve
from harness.live._process import AsyncProcessWire, Command, ProcessWire
from harness.live._settings import model_of, setting, timeout_of
from harness.live._shape import shape_of, without_shape
from harness.matching import Redaction
from harness.model import Message, Prompt, Tool
from harness.spec import CancelEvent, Clock

_HEALTH_TIMEOUT_S: Final = 3.0
_SPEAKERS: Final = {"user": "User", "assistant": "Assistant", "tool": "Tool"}


def ollama(  # noqa: PLR0913 - the options of get_backend
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    timeout: float | str | None = None,
    health_timeout: float = _HEALTH_TIMEOUT_S,
    retries: int = 3,
    retry_wait_max: float = 120.0,
    fallback_model: str | None = None,
    requests_per_minute: float | None = None,
    tools: Sequence[Tool | Mapping[str, Any]] = (),
    contract: Any = None,
    clock: Clock | None = None,
) -> Verbs:
    """The backend called `ollama`: over HTTP where `base_url` or HARNESS_BASE_URL says where, else by the command line.

    Raises TypeError for an option that only HTTP has, where there is no base URL; else as the two backends do.
    """
    url = setting(base_url, "HARNESS_BASE_URL")
    if not url:
        given = {"api_key": api_key, "fallback_model": fallback_model, "tools": tools}
        only_http = ", ".join(name for name, value in given.items() if value)
        if only_http:
            message = f"`ollama run` has no {only_http}: pass base_url=... or set HARNESS_BASE_URL to go over HTTP"
            raise TypeError(message)
        return OllamaCommand(
            model=model,
            timeout=timeout,
            health_timeout=health_timeout,
            requests_per_minute=requests_per_minute,
            contract=contract,
            clock=clock,
        )
    # A heavy import, and optional: the command line does without httpx2.
    from harness.live._ollama import OllamaBackend  # noqa: PLC0415

    return OllamaBackend(
        model=model,
        base_url=url,
        api_key=api_key,
        timeout=timeout,
        health_timeout=health_timeout,
        retries=retries,
        retry_wait_max=retry_wait_max,
        fallback_model=fallback_model,
        requests_per_minute=requests_per_minute,
        tools=tools,
        contract=contract,
        clock=clock,
    )


class OllamaCommand(Verbs):
    """`ollama run MODEL --nowordwrap`, with the prompt on its standard input.

    Past `timeout` seconds, and where the caller wants to stop, it is killed with everything that it started. What it
    prints is the answer, less escape codes, spinner, and the empty line at its end. A non-zero exit code, an empty
    answer and a missing command are soft failures: `rc`, and the first 256 characters of `stderr`, are in `extra`.

    The command line takes one text: several messages become a transcript. Of the chat contract's parameters it knows
    `response_format` only; `on_status` hears which others were set in vain. It does not tell whether an answer was cut
    at a length, nor, since it then exits with 0, whether the model was lost in the middle.
    """

    def __new__(cls, *, contract: Any = None, **options: Any) -> Self:
        """An instance of a class that is the contract's too, where the contract has one."""
        del options
        made: Self = object.__new__(adopted(cls, resolve(contract, cls).base))
        return made

    def __init__(
        self,
        *,
        model: str | None = None,
        timeout: float | str | None = None,
        health_timeout: float = _HEALTH_TIMEOUT_S,
        requests_per_minute: float | None = None,
        contract: Any = None,
        clock: Clock | None = None,
    ) -> None:
        self.model = model_of(model, "ollama")
        if self.model.startswith("-"):
            message = f"{self.model!r} is an option to `ollama run`, and no model"
            raise ValueError(message)
        self.timeout = timeout_of(timeout)
        self.on_status = None
        self.cancel_event = None
        self.last_finish_reason = None
        line = _CommandLine(clock or WallClock())
        self.desk_ = Desk(
            line=lambda: line,
            is_up=lambda: _is_up(health_timeout),
            types=resolve(contract),
            retries=Retries(0),
            pacer=Pacer(requests_per_minute, real_lock()),
        )


class _CommandLine:
    """The line of every call. Its clock is a real one, whatever time is virtual around it: a process lives in real
    time."""

    where = "`ollama run`"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def wire(self, call: Call, timeout_s: float | None, cancel: CancelEvent | None) -> Wire:
        """A wire for a thread."""
        return ProcessWire(_command(call.prompt), self.clock, timeout_s, cancel)

    def async_wire(self, call: Call, timeout_s: float | None, cancel: CancelEvent | None) -> AsyncWire:
        """A wire for a task."""
        return AsyncProcessWire(ProcessWire(_command(call.prompt), self.clock, timeout_s, cancel))

    def shown(self, text: str) -> str:
        """Redacted."""
        return Redaction.default().text(text)

    def note(self, label: str, text: str) -> None:
        """A live backend keeps no history; whoever records it does."""


def _command(prompt: Prompt) -> Command:
    argv = ["ollama", "run", prompt.model, "--nowordwrap"]
    if shape_of(prompt) is not None:
        argv += ["--format", "json"]
    in_vain = sorted(without_shape(prompt))
    status = f"`ollama run` does not take {', '.join(in_vain)}" if in_vain else ""
    return Command(argv, _transcript(prompt).encode("utf-8", "replace"), status)


def _transcript(prompt: Prompt) -> str:
    """The messages as one text: a single one as it is."""
    spoken = [message for message in prompt.messages if message.role not in {"system", "developer"}]
    if len(spoken) == 1 and spoken[0].role == "user":
        turns = [spoken[0].content]
    else:
        turns = [*map(_turn, spoken), "Assistant:"]
    return "\n\n".join([prompt.system, *turns] if prompt.system else turns)


def _turn(message: Message) -> str:
    return f"{_SPEAKERS.get(message.role, message.role)}: {message.content}"


def _is_up(timeout_s: float) -> bool:
    """True where `ollama list`, which asks the server, exits with 0 within `timeout_s` seconds. Raises no Exception."""
    try:
        asking = subprocess.Popen(
            ["ollama", "list"],  # noqa: S607 - whichever is on the PATH is what `run` finds, too
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=os.name == "posix",
        )
    except (OSError, ValueError):
        return False
    try:
        return asking.wait(timeout_s) == 0
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):  # it ended in this very moment
            os.killpg(asking.pid, signal.SIGKILL) if os.name == "posix" else asking.kill()
        asking.wait()
        return False
