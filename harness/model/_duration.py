"""How people write a length of time: `120ms`, `2s`, `1m30s`, `0.5`, `forever`."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Final

from harness.model._time import NEVER, ZERO, Nanos, seconds

_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "min": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|min|s|m|h|d)\s*")
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_ENDLESS: Final = frozenset({"forever", "never"})


def parse_duration(text: str | float | None) -> Nanos:
    """`120ms`, `2s`, `1m30s`; a bare number means seconds; `none` is no time at all; `forever` and None are NEVER.

    Raises ValueError for anything else, negative and non-finite numbers among them.
    """
    if text is None:
        return NEVER
    if isinstance(text, str):
        return _of_text(text.strip().lower(), text)
    if isinstance(text, bool) or not math.isfinite(text) or text < 0:
        raise _refusal(text)
    return seconds(text)


def _of_text(text: str, original: str) -> Nanos:
    if text in _ENDLESS:
        return NEVER
    if text == "none":
        return ZERO
    if _NUMBER.fullmatch(text):
        return _scaled(text, _UNITS["s"])
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text):
        raise _refusal(original)
    return Nanos(sum(_scaled(number, _UNITS[unit]) for number, unit in parts))


def _scaled(number: str, unit: int) -> Nanos:
    # Decimal, because 0.1 s is exactly 100 ms to the one who wrote it.
    return Nanos(round(Decimal(number) * unit))


def _refusal(text: object) -> ValueError:
    return ValueError(f"{text!r} is no duration: write 120ms, 2s, 1m30s, 1h, a number of seconds, or forever")
