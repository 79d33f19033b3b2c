"""Failures, both ways: what went wrong live, as an event; an event, as the exception that a live client raises."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, Final

from harness.model import Left, Phase, Reset, TimedOut

_PHASES: Final[tuple[tuple[str, Phase], ...]] = (
    ("ConnectTimeout", "connect"),
    ("ReadTimeout", "read"),
    ("WriteTimeout", "write"),
    ("PoolTimeout", "pool"),
)
_CLASSES: Final = {phase: name for name, phase in _PHASES}

# What the real clients say, measured with httpcore 1.0.9 and httpcore2 2.16.2 over loopback: (sync, async).
# A recording carries its own text; these are for faults and for files that say nothing.
_WORDS: Final = {
    "ConnectError": ("[Errno 111] Connection refused", "All connection attempts failed"),
    "ConnectTimeout": ("timed out", ""),
    "PoolTimeout": ("", ""),
    "ReadError": ("[Errno 104] Connection reset by peer", ""),
    "ReadTimeout": ("timed out", ""),
    "RemoteProtocolError": (
        "peer closed connection without sending complete message body (incomplete chunked read)",
        "peer closed connection without sending complete message body (incomplete chunked read)",
    ),
    "WriteError": ("[Errno 32] Broken pipe", ""),
    "WriteTimeout": ("timed out", ""),
}

# Errors of other libraries and of the operating system, under the name that an httpx-like client gives them.
_ALIASES: Final = {
    "gaierror": "ConnectError",
    "ConnectionRefusedError": "ConnectError",
    "ConnectionResetError": "ReadError",
    "BrokenPipeError": "WriteError",
    "TimeoutError": "ReadTimeout",
}


def failure(module: ModuleType, event: Reset | TimedOut, *, is_async: bool) -> Exception:
    """The exception that a live client of the family `module` raises for `event`, with the cause that it has live: the
    same of the family's core."""
    name, kind = _kind(module, event)
    error = kind(_words(name, event, is_async=is_async))
    core = sys.modules.get(core_name(module))
    if core is not None and hasattr(core, name):
        error.__cause__ = core_failure(core, event, is_async=is_async)
    return error


def core_name(module: ModuleType) -> str:
    """The module below the family `module`: httpcore or httpcore2."""
    return module.__name__.replace("httpx", "httpcore")


def core_failure(core: Any, event: Reset | TimedOut, *, is_async: bool) -> Exception:
    """What `core` (httpcore or httpcore2) raises for `event`."""
    name = _name(event)
    kind = getattr(core, name, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        name, kind = "ReadError", core.ReadError
    error: Exception = kind(_words(name, event, is_async=is_async))
    return error


def _kind(module: ModuleType, event: Reset | TimedOut) -> tuple[str, type[Exception]]:
    name = _name(event)
    kind = getattr(module, name, None)
    if isinstance(kind, type) and issubclass(kind, module.RequestError):
        return name, kind
    return "ReadError", module.ReadError


def _name(event: Reset | TimedOut) -> str:
    return _CLASSES[event.phase] if isinstance(event, TimedOut) else _ALIASES.get(event.error, event.error)


def _words(name: str, event: Reset | TimedOut, *, is_async: bool) -> str:
    return event.message or _WORDS.get(name, ("", ""))[is_async]


def heard_as(module: ModuleType, error: BaseException) -> TimedOut | Reset | Left:
    """What a recording says of `error`, raised by a live client: an event where the wire did it, else why nobody
    listened to the end."""
    if isinstance(error, module.TimeoutException):
        phases = (phase for name, phase in _PHASES if isinstance(error, getattr(module, name)))
        return TimedOut(next(phases, "read"), str(error))
    if isinstance(error, module.RequestError):
        return Reset(type(error).__name__, str(error))
    return departure(error)


def departure(error: BaseException | None) -> Left:
    """Why the caller went away, by what was on its way through it. Cancellation has a class of its own in each async
    library (asyncio, trio), and what they share is that it is no Exception."""
    match error:
        case None | GeneratorExit():
            return "closed"
        case Exception() | KeyboardInterrupt() | SystemExit():
            return "open"
        case _:
            return "cancelled"
