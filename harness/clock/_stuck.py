"""Who hangs where, and the error that says so."""

from __future__ import annotations

import asyncio
import linecache
import sys
import threading
from types import FrameType
from typing import Any, Final

from harness.clock._duration import describe
from harness.errors import VirtualDeadlockError
from harness.model import Nanos

_OURS: Final = ("harness.clock",)
_PLUMBING: Final = (*_OURS, "threading", "queue", "concurrent.futures", "asyncio", "selectors", "contextlib")


def deadlock(now: Nanos, stuck: list[str]) -> VirtualDeadlockError:
    """The error, with a line for everybody who waits."""
    return VirtualDeadlockError(
        "\n".join(
            [
                f"at {describe(now)} everybody waits and nothing is due: on a real clock this would hang for ever",
                *(f"  {line}" for line in stuck),
                "  give the wait a timeout, or put what ends it on the timeline: clock.call_at('6s', event.set)",
            ]
        )
    )


def this_line() -> str:
    """Where the calling thread waits, outside of this room."""
    return f"{threading.current_thread().name} waits {line_of(sys._getframe())}"  # noqa: SLF001 - the only way


def thread_line(ident: int, detail: str = "") -> str:
    """Where another thread waits; `detail` says it better where its own frames do not."""
    thread = next((thread for thread in threading.enumerate() if thread.ident == ident), None)
    name = thread.name if thread is not None else f"thread {ident}"
    return f"{name} waits {detail or line_of(sys._current_frames().get(ident))}"  # noqa: SLF001 - the only way


def line_of(frame: FrameType | None) -> str:
    """`at file:line in function: source` of the innermost frame that is the program's own, else the library's."""
    found = _outside_of(_PLUMBING, frame) or _outside_of(_OURS, frame) or frame
    if found is None:
        return "in a thread that is gone"
    file, line = found.f_code.co_filename, found.f_lineno
    source = linecache.getline(file, line).strip()
    return f"at {file}:{line} in {found.f_code.co_name}" + (f": {source}" if source else "")


def innermost(task: asyncio.Task[Any]) -> FrameType | None:
    """The frame in which the task hangs, the program's own where it has one: `get_stack` knows only the outermost."""
    awaiting: Any = task.get_coro()
    frame: FrameType | None = None
    while awaiting is not None:
        found = getattr(awaiting, "cr_frame", None) or getattr(awaiting, "gi_frame", None)
        if found is not None and (frame is None or not _is_in(_PLUMBING, found.f_globals.get("__name__", ""))):
            frame = found
        awaiting = getattr(awaiting, "cr_await", None) or getattr(awaiting, "gi_yieldfrom", None)
    return frame


def _outside_of(modules: tuple[str, ...], frame: FrameType | None) -> FrameType | None:
    while frame is not None and _is_in(modules, frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    return frame


def _is_in(modules: tuple[str, ...], module: str) -> bool:
    return any(module == name or module.startswith(name + ".") for name in modules)
