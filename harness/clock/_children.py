"""Waiting for a child process is real: while one runs, the others go on, and a jump has to be earned in real time."""

from __future__ import annotations

import os
import subprocess
from typing import Any, Final

from harness.clock._active import mine

_real_waitpid: Final = os.waitpid
_real_wait: Final = subprocess.Popen.wait
_real_communicate: Final = subprocess.Popen.communicate


def waitpid(pid: int, options: int, /) -> tuple[int, int]:
    """In place of `os.waitpid`."""
    clock = mine()
    if clock is None or options & os.WNOHANG:
        return _real_waitpid(pid, options)
    with clock.baton.outside():
        return _real_waitpid(pid, options)


def wait(child: subprocess.Popen[Any], timeout: float | None = None) -> int:
    """In place of `subprocess.Popen.wait`. A timeout counts in real time; where it strikes, the clock moves by it."""
    clock = mine()
    if clock is None:
        return _real_wait(child, timeout)
    try:
        with clock.baton.outside():
            return _real_wait(child, timeout)
    except subprocess.TimeoutExpired:
        clock.sleep(max(0.0, timeout or 0.0))
        raise


def communicate(
    child: subprocess.Popen[Any],
    input: Any = None,  # noqa: A002 - subprocess's own name for it
    timeout: float | None = None,
) -> tuple[Any, Any]:
    """In place of `subprocess.Popen.communicate`, as `wait`."""
    clock = mine()
    if clock is None:
        return _real_communicate(child, input, timeout)
    try:
        with clock.baton.outside():
            return _real_communicate(child, input, timeout)
    except subprocess.TimeoutExpired:
        clock.sleep(max(0.0, timeout or 0.0))
        raise
