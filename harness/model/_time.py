"""Time inside the house: whole nanoseconds, so that sums are exact and order never depends on rounding."""

from typing import Final, NewType

Nanos = NewType("Nanos", int)
"""A point or a length of time in whole nanoseconds. Offsets count from the sending of the request."""

ZERO: Final = Nanos(0)

NEVER: Final = Nanos(2**62)
"""Later than any event: what a silent wire waits for. About 146 years, and still an ordinary integer to compare."""

PER_SECOND: Final = 1_000_000_000
PER_MILLISECOND: Final = 1_000_000


def seconds(value: float) -> Nanos:
    """Whole nanoseconds nearest to `value` seconds: the one door for a float from outside."""
    return Nanos(round(value * PER_SECOND))


def milliseconds(value: float) -> Nanos:
    """Whole nanoseconds nearest to `value` milliseconds."""
    return Nanos(round(value * PER_MILLISECOND))


def as_seconds(value: Nanos) -> float:
    """`value` as a float of seconds, for libraries that take nothing else."""
    return value / PER_SECOND
