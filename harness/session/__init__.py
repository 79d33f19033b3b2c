"""What a user holds: replay, record, scenario, serve, get_backend, and the Session that they open."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from harness.session._open import get_backend, record, replay, replay_backend, scenario
from harness.session._session import Session
from harness.session._spies import TERMINAL, Emission, ToolRun

if TYPE_CHECKING:
    from harness.session._serve import Serving, serve

__all__ = [
    "TERMINAL",
    "Emission",
    "Serving",
    "Session",
    "ToolRun",
    "get_backend",
    "record",
    "replay",
    "replay_backend",
    "scenario",
    "serve",
]


def __getattr__(name: str) -> Any:
    """The server is loaded when somebody serves: it needs the extra `server`, and a replay does not."""
    if name not in {"Serving", "serve"}:
        message = f"module 'harness.session' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module("harness.session._serve"), name)
