"""What a server puts up with: sizes in bytes, times in seconds of the clock on the wall, whatever its rate."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How large and how slow a request may be.

    `head_s` is for the head of a request once it has begun, `request_s` for all of it, `idle_s` for a connection on
    which nothing is asked. `waiting` is how many pipelined requests are read ahead.
    """

    head_bytes: int = 64 * 1024
    body_bytes: int = 64 * 1024 * 1024
    head_s: float = 10.0
    request_s: float = 120.0
    idle_s: float = 300.0
    waiting: int = 32
