"""What a file says about its sweep and the reports of it."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, JsonValue, WithJsonSchema

from harness.scenarios._durations import Duration
from harness.scenarios._strict import Strict, wrong


def _calls(value: object) -> object:
    if value == "*" or (isinstance(value, list) and value and all(type(item) in {int, str} for item in value)):
        return value
    wanted = '"*", or a list of numbers and ids of calls'
    raise wrong(wanted)


def _invariants(value: object) -> object:
    if value == "default" or (isinstance(value, list) and all(_is_invariant(item) for item in value)):
        return value
    wanted = "default, or a list of names and of one-key mappings such as {retry_budget: {per_call: 3}}"
    raise wrong(wanted)


def _is_invariant(item: object) -> bool:
    return isinstance(item, str) or (isinstance(item, dict) and len(item) == 1)


Invariants = Annotated[
    str | list[str | dict[str, JsonValue]],
    BeforeValidator(_invariants),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": "default"},
                {
                    "type": "array",
                    "items": {
                        "anyOf": [{"type": "string"}, {"type": "object", "minProperties": 1, "maxProperties": 1}]
                    },
                },
            ]
        }
    ),
]
"""`default`, or a list of names and of names with their parameters."""


_CHUNKS: Final = r"^(all|smart|(first|last|every:[1-9]\d*)(,(first|last|every:[1-9]\d*))*)$"


class Where(Strict):
    """At which places: `calls` is `*` or a list of them; `chunks` is `all`, `smart`, or words such as `first`, `last`,
    `every:8`, with commas between; `attempts` is how many of each call."""

    calls: Annotated[
        str | list[int | str],
        BeforeValidator(_calls),
        WithJsonSchema(
            {"anyOf": [{"const": "*"}, {"type": "array", "items": {"type": ["integer", "string"]}, "minItems": 1}]}
        ),
    ] = "*"
    chunks: Annotated[str, Field(pattern=_CHUNKS)] = "smart"
    attempts: Annotated[int, Field(ge=1)] = 1


def _shard(value: object) -> object:
    found = _SHARD.fullmatch(value) if isinstance(value, str) else None
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        wanted = 'a part of so many, in quotes: "1/4"'
        raise wrong(wanted)
    return value


_SHARD: Final = re.compile(r"(\d{1,6})/(\d{1,6})")


class Budget(Strict):
    """How much at most: cases, real time, and which part of all the work this is."""

    points: Annotated[int, Field(ge=1)] | None = None
    wall: Duration | None = None
    shard: Annotated[str, BeforeValidator(_shard), WithJsonSchema({"type": "string", "pattern": _SHARD.pattern})] = (
        "1/1"
    )


def _day(value: object) -> object:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        wanted = "a day such as 2026-12-31"
        raise wrong(wanted) from None


class KnownFailure(Strict):
    """A case that is known to fail, why, and until which day that is borne."""

    point: str
    why: Annotated[str, Field(min_length=1)]
    until: Annotated[date, BeforeValidator(_day)] | None = None


class Baseline(Strict):
    """What is compared with: a file of earlier verdicts, and failures that are known."""

    file: str | None = None
    known_failures: list[KnownFailure] = Field(default_factory=list)


Mode = Literal["once", "persistent"]
_ONCE: Final[list[Mode]] = ["once"]


class Sweep(Strict):
    """Every fault at every place, in virtual time. Only a sweep obeys this; a plain run plays the scenario once."""

    kinds: list[str] = Field(default_factory=lambda: ["default"], min_length=1)
    where: Where = Field(default_factory=Where)
    modes: list[Mode] = Field(default_factory=lambda: _ONCE[:], min_length=1)
    cancel: list[Literal["every-chunk", "every-await", "every-sleep"]] = Field(default_factory=list)
    depth: Literal[1, 2] = 1
    budget: Budget = Field(default_factory=Budget)
    invariants: Invariants = "default"
    baseline: Baseline | None = None


class Report(Strict):
    """Where the reports of a sweep go, relative to the working directory."""

    junit: str | None = None
    html: str | None = None
    json_: str | None = Field(default=None, alias="json")
