"""The faults that are built in, by name."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from harness.faults._provider import provider_faults
from harness.faults._wire import StallBeforeHeaders, StallMidStream, TruncateClean, broken
from harness.spec import Fault

_ALL: Final[tuple[Fault, ...]] = (
    StallBeforeHeaders(),
    StallMidStream(),
    TruncateClean(),
    *broken(),
    *provider_faults(),
)
KNOWN: Final[Mapping[str, Fault]] = {fault.name: fault for fault in _ALL}
ALIASES: Final[Mapping[str, str]] = {
    "reset": "reset-mid-stream",
    "eof": "eof-mid-stream",
    "stall": "stall-mid-stream",
    "http-529-overloaded": "http-503-overloaded",
}
"""Short names that people type."""


def get(name: str) -> Fault:
    """The fault called `name`, or that `name` is short for. Raises ValueError that lists all, and the nearest."""
    known = KNOWN.get(ALIASES.get(name, name))
    if known is not None:
        return known
    near = get_close_matches(name, [*KNOWN, *ALIASES], 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    message = f"no fault is called {name!r}.{hint} There are: {', '.join(KNOWN)}"
    raise ValueError(message)
