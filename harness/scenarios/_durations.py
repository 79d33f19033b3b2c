"""Times and counts as people write them, and times that dice decide."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema

from harness.model import NEVER, Nanos, parse_duration
from harness.scenarios._strict import refused, wrong

FOREVER: Final = 2**31
"""`times: forever`."""
_A_DURATION: Final = "a duration such as 400ms, 2s, none or forever"
_A_SPREAD: Final = f"{_A_DURATION}, or {{lognormal: {{median: 800ms, sigma: 0.4}}}}, or {{uniform: [100ms, 2s]}}"
_A_COUNT: Final = "a whole number from one, or forever"


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Half of the times are below `median`; `sigma` is the standard deviation of their logarithm."""

    median: Nanos
    sigma: float

    def drawn(self, dice: Random) -> Nanos:
        """One time."""
        return Nanos(min(NEVER, round(self.median * math.exp(dice.gauss(0.0, self.sigma)))))


@dataclass(frozen=True, slots=True)
class Uniform:
    """Every time from `low` to `high` is as likely as any other."""

    low: Nanos
    high: Nanos

    def drawn(self, dice: Random) -> Nanos:
        """One time."""
        return Nanos(dice.randint(self.low, self.high))


Spread: TypeAlias = Lognormal | Uniform


def _duration(value: object) -> Nanos:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise wrong(_A_DURATION)
    try:
        return parse_duration(value)
    except ValueError as error:
        raise wrong(_A_DURATION) from error


def spread(value: object) -> Nanos | Spread:
    """A time, or how it is spread. Raises the mistake that says what is allowed."""
    if isinstance(value, Lognormal | Uniform):
        return value
    if not isinstance(value, Mapping):
        return _duration(value)
    match dict(value):
        case {"lognormal": Mapping() as given, **rest} if not rest and set(given) == {"median", "sigma"}:
            return _lognormal(given)
        case {"uniform": [low, high], **rest} if not rest:
            found = Uniform(_finite(low), _finite(high))
            if found.low > found.high:
                message = f"uniform from {low} to {high}: the first is the shorter one"
                raise refused(message)
            return found
    raise wrong(_A_SPREAD)


def is_spread(value: object) -> bool:
    """True where `value`, as it stands in a file, is meant for a spread."""
    return isinstance(value, Mapping) and bool({"lognormal", "uniform"} & value.keys())


def _lognormal(given: Mapping[Any, Any]) -> Lognormal:
    sigma = given["sigma"]
    if isinstance(sigma, bool) or not isinstance(sigma, int | float) or not 0 <= sigma <= _SIGMA_MAX:
        message = f"sigma is a number from 0 to {_SIGMA_MAX}, found {sigma!r}"
        raise refused(message)
    return Lognormal(_finite(given["median"]), float(sigma))


_SIGMA_MAX: Final = 10
"""A standard deviation of ten is a factor of 22,000: more is a slip of the pen."""


def _finite(value: object) -> Nanos:
    found = _duration(value)
    if found >= NEVER:
        message = "forever is no time that dice can decide"
        raise refused(message)
    return found


def _times(value: object) -> int:
    if value == "forever":
        return FOREVER
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise wrong(_A_COUNT)
    return value


_WRITTEN: Final[list[dict[str, Any]]] = [
    {"type": "number", "minimum": 0},
    {"type": "string", "pattern": r"^((\d+(\.\d+)?(ns|us|ms|s|m|min|h|d))+|none|forever)$"},
]
_ONE: Final[dict[str, Any]] = {"anyOf": _WRITTEN}
_SPREADS: Final[list[dict[str, Any]]] = [
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["lognormal"],
        "properties": {
            "lognormal": {
                "type": "object",
                "additionalProperties": False,
                "required": ["median", "sigma"],
                "properties": {"median": _ONE, "sigma": {"type": "number", "minimum": 0, "maximum": _SIGMA_MAX}},
            }
        },
    },
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["uniform"],
        "properties": {"uniform": {"type": "array", "items": _ONE, "minItems": 2, "maxItems": 2}},
    },
]

Duration = Annotated[
    int,
    BeforeValidator(_duration),
    WithJsonSchema({"description": "400ms, 2s, 1m30s, a number of seconds, none or forever", "anyOf": _WRITTEN}),
]
"""Nanoseconds, written as people write them."""

Span = Annotated[
    int | Lognormal | Uniform,
    BeforeValidator(spread),
    WithJsonSchema({"description": "a duration, or how it is spread", "anyOf": [*_WRITTEN, *_SPREADS]}),
]
"""A duration, or a distribution that `clock.seed` draws one from."""

Times = Annotated[
    int,
    BeforeValidator(_times),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "forever"}]}),
]
