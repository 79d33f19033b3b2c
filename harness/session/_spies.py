"""What only the driver can tell: which tools it ran, and what it passed on to whoever listens to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from harness.model import Nanos

TERMINAL: Final = frozenset({"done", "error", "cancelled"})
"""The kinds of emission after which nothing may follow."""


@dataclass(frozen=True, slots=True)
class ToolRun:
    """One execution of a tool: when since the session was opened, for which tool call, with which arguments."""

    at: Nanos
    id: str
    name: str
    arguments: Any


@dataclass(frozen=True, slots=True)
class Emission:
    """Something that the driver passed on: when since the session was opened, and what. `done`, `error` and
    `cancelled` say that it was the last."""

    at: Nanos
    kind: str
    value: Any = None
