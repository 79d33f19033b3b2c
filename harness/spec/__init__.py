"""Sockets: the protocols that you may implement."""

from harness.spec._backend import AsyncBackend, Backend, Messages, PromptBackend
from harness.spec._protocols import (
    Asked,
    CancelEvent,
    Clock,
    Cooling,
    Decoder,
    Dialect,
    Difference,
    Fault,
    FaultSite,
    Found,
    Matcher,
    Mismatch,
    Operation,
    Overlay,
    Params,
    Source,
)

__all__ = [
    "Asked",
    "AsyncBackend",
    "Backend",
    "CancelEvent",
    "Clock",
    "Cooling",
    "Decoder",
    "Dialect",
    "Difference",
    "Fault",
    "FaultSite",
    "Found",
    "Matcher",
    "Messages",
    "Mismatch",
    "Operation",
    "Overlay",
    "Params",
    "PromptBackend",
    "Source",
]
