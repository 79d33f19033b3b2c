"""Which window is open, and whether the calling thread takes part in it."""

from __future__ import annotations

import _thread
from typing import TYPE_CHECKING

from harness.clock._real import is_in_real_time
from harness.clock._trio import mock_clock, running_trio

if TYPE_CHECKING:
    from harness.clock._virtual import VirtualClock

_open: VirtualClock | None = None


def installed_clock() -> VirtualClock | None:
    """The clock whose window is open in this process, or None."""
    return _open


def set_installed(clock: VirtualClock | None) -> None:
    """Open or close the window: one per process, because `time` is one per process."""
    global _open  # noqa: PLW0603 - the one fact about the process that this module keeps
    _open = clock


def mine() -> VirtualClock | None:
    """The installed clock where the calling thread takes part, else None: then everything is real.

    None too inside a trio run on trio's real clock: freezing `perf_counter` under it would hang every sleep.
    """
    clock = _open
    if clock is None or _thread.get_ident() not in clock.baton.participants or is_in_real_time():
        return None
    trio = running_trio()
    return clock if trio is None or mock_clock(trio) is not None else None
