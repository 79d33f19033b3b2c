"""Sink: HTTP clients. A session answers their requests or hears the live answers; the guard stops all else."""

from harness.transports._guard import block_network
from harness.transports._interception import intercepting, is_intercepting
from harness.transports._lookup import OpenSession, live_call, nearest_session, open_members
from harness.transports._patterns import host_patterns
from harness.transports._transport import transport

__all__ = [
    "OpenSession",
    "block_network",
    "host_patterns",
    "intercepting",
    "is_intercepting",
    "live_call",
    "nearest_session",
    "open_members",
    "transport",
]
