"""Stand-ins for the functions of `time` that ask, at every call, whether the caller is in a window of virtual time.

`from time import sleep` and `def f(clock=time.monotonic)` copy the function that stands there at import.
So the stand-ins have to be there first: the pytest plugin installs them when it loads, and outside of a window they
pass every call through.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from harness.clock._active import mine
from harness.clock._real import (
    real_monotonic,
    real_monotonic_ns,
    real_perf_counter,
    real_perf_counter_ns,
    real_sleep,
    real_time,
    real_time_ns,
)


class Trampoline:
    """A callable that, like a builtin and unlike a Python function, does not become a method in a class body."""

    def __init__(self, real: Callable[..., Any], name: str, virtual: str) -> None:
        """`virtual` names the method of VirtualClock that answers in place of `real`."""
        self._real = real
        self._virtual = virtual
        # Pickled by name, as the builtin is: a process pool may be handed `time.sleep`.
        self.__module__, self.__name__, self.__qualname__ = "time", name, name
        self.__doc__ = real.__doc__

    def __call__(self, *args: Any) -> Any:
        clock = mine()
        return self._real(*args) if clock is None else getattr(clock, self._virtual)(*args)

    def __reduce__(self) -> str:
        return self.__name__

    def __repr__(self) -> str:
        return f"<{self.__module__}.{self.__name__}, virtual inside of virtual_time>"


TRAMPOLINES: Final = {
    "sleep": Trampoline(real_sleep, "sleep", "sleep"),
    "monotonic": Trampoline(real_monotonic, "monotonic", "monotonic"),
    "monotonic_ns": Trampoline(real_monotonic_ns, "monotonic_ns", "monotonic_ns"),
    "perf_counter": Trampoline(real_perf_counter, "perf_counter", "monotonic"),
    "perf_counter_ns": Trampoline(real_perf_counter_ns, "perf_counter_ns", "monotonic_ns"),
    "time": Trampoline(real_time, "time", "time"),
    "time_ns": Trampoline(real_time_ns, "time_ns", "time_ns"),
}
"""By the name they have in `time`."""


def install_trampolines() -> None:
    """Put the stand-ins into `time` for good, before the modules are imported that copy from it. Idempotent."""
    for name, trampoline in TRAMPOLINES.items():
        setattr(time, name, trampoline)
