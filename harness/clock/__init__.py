"""The only room that knows what time it is: virtual time for threads and event loops, and the wall clock."""

from harness.clock._active import installed_clock
from harness.clock._apart import old_set_apart
from harness.clock._calendar import since_1970
from harness.clock._counting import why_counting
from harness.clock._duration import parse_duration
from harness.clock._leftovers import Leftovers, Watch, watching_leftovers
from harness.clock._loop import VirtualTimeLoop, new_event_loop
from harness.clock._real import (
    in_real_time,
    real_lock,
    real_monotonic,
    real_monotonic_ns,
    real_sleep,
    real_time,
    real_time_ns,
)
from harness.clock._stuck import line_of
from harness.clock._tasks import RunningTask, on_suspension, running_task
from harness.clock._trampolines import install_trampolines
from harness.clock._virtual import BOOT, EPOCH, HORIZON, VirtualClock, virtual_time
from harness.clock._wall import WallClock

__all__ = [
    "BOOT",
    "EPOCH",
    "HORIZON",
    "Leftovers",
    "RunningTask",
    "VirtualClock",
    "VirtualTimeLoop",
    "WallClock",
    "Watch",
    "in_real_time",
    "install_trampolines",
    "installed_clock",
    "line_of",
    "new_event_loop",
    "old_set_apart",
    "on_suspension",
    "parse_duration",
    "real_lock",
    "real_monotonic",
    "real_monotonic_ns",
    "real_sleep",
    "real_time",
    "real_time_ns",
    "running_task",
    "since_1970",
    "virtual_time",
    "watching_leftovers",
    "why_counting",
]
