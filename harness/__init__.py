"""Replay what a model once said to your code, chunk by chunk, on a clock that never waits.

Everything here is loaded when it is first used, so that `import harness` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness import testing
    from harness.backends import RecordingBackend, ReplayBackend
    from harness.clock import VirtualClock, WallClock, virtual_time
    from harness.contract import (
        Contract,
        GenerationCancelled,
        LLMConnectionError,
        LLMMessage,
        LLMParseError,
        LLMResponse,
        LLMResult,
        LLMTimeout,
    )
    from harness.errors import CassetteError, HarnessError, Miss, ScenarioError, VerificationError
    from harness.model import Cassette, Interaction, Message, Prompt, Reply, Timeline
    from harness.session import Session, get_backend, record, replay, scenario, serve
    from harness.storage import load
    from harness.sweeps import SweepReport, sweep

__version__ = "0.1.0"

_WHERE = {
    "CassetteError": "harness.errors",
    "Cassette": "harness.model",
    "Contract": "harness.contract",
    "GenerationCancelled": "harness.contract",
    "HarnessError": "harness.errors",
    "Interaction": "harness.model",
    "LLMConnectionError": "harness.contract",
    "LLMMessage": "harness.contract",
    "LLMParseError": "harness.contract",
    "LLMResponse": "harness.contract",
    "LLMResult": "harness.contract",
    "LLMTimeout": "harness.contract",
    "Message": "harness.model",
    "Miss": "harness.errors",
    "Prompt": "harness.model",
    "RecordingBackend": "harness.backends",
    "ReplayBackend": "harness.backends",
    "Reply": "harness.model",
    "ScenarioError": "harness.errors",
    "Session": "harness.session",
    "SweepReport": "harness.sweeps",
    "Timeline": "harness.model",
    "VerificationError": "harness.errors",
    "VirtualClock": "harness.clock",
    "WallClock": "harness.clock",
    "get_backend": "harness.session",
    "load": "harness.storage",
    "record": "harness.session",
    "replay": "harness.session",
    "scenario": "harness.session",
    "serve": "harness.session",
    "sweep": "harness.sweeps",
    "testing": "harness",
    "virtual_time": "harness.clock",
}

__all__ = [
    "Cassette",
    "CassetteError",
    "Contract",
    "GenerationCancelled",
    "HarnessError",
    "Interaction",
    "LLMConnectionError",
    "LLMMessage",
    "LLMParseError",
    "LLMResponse",
    "LLMResult",
    "LLMTimeout",
    "Message",
    "Miss",
    "Prompt",
    "RecordingBackend",
    "ReplayBackend",
    "Reply",
    "ScenarioError",
    "Session",
    "SweepReport",
    "Timeline",
    "VerificationError",
    "VirtualClock",
    "WallClock",
    "get_backend",
    "load",
    "record",
    "replay",
    "scenario",
    "serve",
    "sweep",
    "testing",
    "virtual_time",
]


def __getattr__(name: str) -> Any:
    if name == "testing":
        return import_module("harness.testing")
    where = _WHERE.get(name)
    if where is None:
        message = f"module 'harness' has no attribute {name!r}"
        raise AttributeError(message)
    found = getattr(import_module(where), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
