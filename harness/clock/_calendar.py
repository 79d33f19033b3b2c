"""What day it is, to the code that waits by a clock."""

from __future__ import annotations

from harness.clock._active import installed_clock
from harness.clock._real import real_time_ns
from harness.model import Nanos
from harness.spec import Clock


def since_1970(clock: Clock) -> Nanos:
    """What `time.time_ns` says to the code that waits by `clock`: virtual where its window is open, else the real
    one."""
    installed = installed_clock()
    return installed.time_ns() if installed is clock and installed is not None else Nanos(real_time_ns())
