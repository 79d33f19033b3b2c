"""What a live backend takes from its arguments, else from the environment."""

from __future__ import annotations

import os
from math import inf

from harness.model import NEVER, as_seconds, parse_duration

TIMEOUT_S = 60.0


def setting(given: str | None, *variables: str, default: str = "") -> str:
    """`given`, else the first of the environment's `variables` that is set, else `default`."""
    if given is not None:
        return given
    return next((value for name in variables if (value := os.environ.get(name, ""))), default)


def model_of(given: str | None, backend: str) -> str:
    """The model's name. Raises ValueError where nobody says it."""
    model = setting(given, "HARNESS_MODEL")
    if not model:
        message = f"the backend {backend!r} does not know which model to ask: pass model=... or set HARNESS_MODEL"
        raise ValueError(message)
    return model


def timeout_of(given: float | str | None) -> float:
    """The cap of one generation in seconds: `60`, `90s`, `2m`; `forever` is no cap.

    Raises ValueError for anything else, and for a cap that no generation could keep.
    """
    text = setting(given, "HARNESS_TIMEOUT") if given is None or isinstance(given, str) else ""
    cap_s = _seconds(text) if text else TIMEOUT_S if given is None or isinstance(given, str) else float(given)
    if not cap_s > 0:
        message = (
            f"a timeout of {given if given is not None else text} leaves no time to answer; write 60, 90s or forever"
        )
        raise ValueError(message)
    return cap_s


def _seconds(text: str) -> float:
    cap = parse_duration(text)
    return inf if cap >= NEVER else as_seconds(cap)
