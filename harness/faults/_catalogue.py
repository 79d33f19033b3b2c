"""The faults that are built in, by name."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from harness.faults._behaviour import behaviour_faults
from harness.faults._benign import benign_faults
from harness.faults._bodies import body_faults
from harness.faults._breaking import breaking_faults
from harness.faults._connect import connect_faults
from harness.faults._ends import end_faults
from harness.faults._events import event_faults
from harness.faults._fields import field_faults
from harness.faults._finishes import finish_faults
from harness.faults._provider import provider_faults
from harness.faults._silence import silent_faults
from harness.faults._tools import tool_faults
from harness.spec import Fault

_ALL: Final[tuple[Fault, ...]] = (
    *connect_faults(),
    *silent_faults(),
    *breaking_faults(),
    *provider_faults(),
    *body_faults(),
    *event_faults(),
    *end_faults(),
    *finish_faults(),
    *field_faults(),
    *tool_faults(),
    *behaviour_faults(),
    *benign_faults(),
)
KNOWN: Final[Mapping[str, Fault]] = {fault.name: fault for fault in _ALL}
ALIASES: Final[Mapping[str, str]] = {
    "reset": "reset-mid-stream",
    "eof": "eof-mid-stream",
    "stall": "stall-mid-stream",
    "eof-mid-chunk": "cut-mid-chunk",
    "eof-at-byte": "eof-mid-stream",
    "truncate-clean-at-event": "truncate-clean",
    "slow-ttfb": "latency",
    "slow-drip-1B": "slow-drip",
    "long-line-1MiB": "long-line",
    "benign-split": "benign-split-1-byte",
    "benign-gzip": "gzip-ok",
    "refusal": "prompt-blocked",
    "ollama-load-only": "load-only",
    "http-204": "http-204-no-content",
    "http-408": "http-408-timeout",
    "http-409": "http-409-conflict",
    "http-529-overloaded": "http-503-overloaded",
}
"""Short names that people type."""


def get(name: str) -> Fault:
    """The fault called `name`, or that `name` is short for. Raises ValueError that names the nearest, or says where all
    of them are listed: there are more than a message can hold."""
    known = KNOWN.get(ALIASES.get(name, name))
    if known is not None:
        return known
    near = get_close_matches(name, [*KNOWN, *ALIASES], 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    message = f"no fault is called {name!r}.{hint} `harness faults` lists all {len(KNOWN)}"
    raise ValueError(message)
