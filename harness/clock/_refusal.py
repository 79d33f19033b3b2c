"""Where virtual time cannot be had, and the sentence that says so."""

from __future__ import annotations

import asyncio

from harness.clock._trio import is_in_real_run
from harness.errors import VirtualTimeError


def refuse_foreign_loop() -> None:
    """Raise VirtualTimeError inside a running event loop whose waits cannot be made virtual."""
    loop = asyncio._get_running_loop()  # noqa: SLF001 - documented for event loop authors; None where none runs
    if loop is not None and not getattr(loop, "is_virtual", False):
        _refuse_loop(loop)
    if loop is None and is_in_real_run():
        _refuse(
            "a trio run on its real clock: it runs on real time already",
            "run it as trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))",
        )


def refuse_uvloop(loop: asyncio.AbstractEventLoop) -> None:
    """Raise VirtualTimeError where `loop` is uvloop's and a window is open around it."""
    if type(loop).__module__.startswith("uvloop"):
        _refuse_loop(loop)


def _refuse_loop(loop: asyncio.AbstractEventLoop) -> None:
    kind = type(loop)
    reason = "whose clock is C code" if kind.__module__.startswith("uvloop") else "which runs on real time already"
    _refuse(
        f"a running {kind.__module__}.{kind.__qualname__}, {reason}",
        "take the fixture virtual_time (or the marker harness), or run it as\n"
        "  asyncio.Runner(loop_factory=harness.clock.new_event_loop).run(main())",
    )


def _refuse(where: str, instead: str) -> None:
    message = f"virtual time cannot be had inside {where}\n  {instead}"
    raise VirtualTimeError(message)
