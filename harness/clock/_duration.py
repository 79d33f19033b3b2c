"""Moments on a clock, as people write and read them."""

from __future__ import annotations

from harness.model import NEVER, PER_SECOND, Nanos, parse_duration

__all__ = ["describe", "parse_duration", "point"]


def point(value: str | float) -> Nanos:
    """A moment on a clock: text as `parse_duration` reads it, a float in seconds, an int in nanoseconds (Nanos)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Nanos(value)
    return parse_duration(value)


def describe(at: Nanos) -> str:
    """`at` in seconds, for a message: `12.5s`."""
    if at >= NEVER:
        return "never"
    whole, rest = divmod(at, PER_SECOND)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".") + "s" if rest else f"{whole}s"
