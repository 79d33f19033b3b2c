"""The silent family: answers that come late, slowly, or not at all."""

from __future__ import annotations

import math
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final

from harness.faults._fault import BuiltIn
from harness.faults._params import Param, Values, count, duration, finite, length_of
from harness.faults._where import AFTER, BEFORE_LAST, END, HEADERS
from harness.model import NEVER, PER_SECOND, At, Chunk, Json, Nanos, Timeline
from harness.spec import Asked, FaultSite

_UNIFORM_ENDS: Final = 2
_ADD: Final = (
    "a duration, {lognormal: {median: 800ms, sigma: 0.4}} or {uniform: [100ms, 2s]}, in a case lognormal:800ms:0.4 or "
    "uniform:100ms:2s"
)


def _stall_before(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del site, asked
    length = values["for"]
    return Timeline((), left="open") if length >= NEVER else timeline.delayed(length)


def _stall_inside(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """What follows later, or never."""
    del asked
    number, length = site.chunk or 0, values["for"]
    return timeline.cut(number) if length >= NEVER else timeline.delayed(length, start=1 + number)


def _stall_at_end(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del site
    return _stall_inside(timeline, FaultSite("chunk", len(timeline.chunks)), values, asked)


def _drip(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """The rest in pieces of `bytes`, no faster than `rate` bytes a second."""
    del asked
    number, size = site.chunk or 0, values["bytes"]
    pause = Nanos(size * PER_SECOND // values["rate"])
    kept = [at for at in timeline.events if isinstance(at[1], Chunk)][:number]
    rest = b"".join(timeline.chunks[number:])
    dripped: list[At] = []
    came = _arrivals(timeline, number, size)
    due = kept[-1][0] if kept else timeline.events[0][0]
    for start, arrived in zip(range(0, len(rest), size), came, strict=True):
        due = Nanos(max(due + pause, arrived))
        dripped.append((due, Chunk(rest[start : start + size])))
    after = tuple((Nanos(max(at, due)), event) for at, event in timeline.events[1 + len(timeline.chunks) :])
    events = (timeline.events[0], *kept, *dripped, *after)
    return Timeline(events, timeline.left, Nanos(max(due, timeline.left_at)) if timeline.left else timeline.left_at)


def _arrivals(timeline: Timeline, number: int, size: int) -> list[Nanos]:
    """When each piece of `size` bytes after chunk `number` had come by itself."""
    rest = [(at, len(event.data)) for at, event in timeline.events if isinstance(event, Chunk)][number:]
    byte_times = [at for at, length in rest for _ in range(length)]
    edges = [*range(0, len(byte_times), size), len(byte_times)]
    return [byte_times[stop - 1] for start, stop in pairwise(edges) if stop > start]


def _latency(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del site
    add = values["add"]
    return timeline.delayed(Nanos(add) if isinstance(add, int) else _drawn(add, values["seed"], asked))


def _drawn(add: tuple[str, float, float], seed: int, asked: Asked) -> Nanos:
    """A length from the distribution: the same for the same seed, call and attempt, in every process."""
    digest = sha256(f"{seed}/{asked.call}/{asked.attempt}".encode()).digest()
    first, second = ((int.from_bytes(digest[n : n + 8], "big") + 1) / (2**64 + 1) for n in (0, 8))
    kind, a, b = add
    if kind == "uniform":
        return Nanos(round(a + (b - a) * first))
    normal = math.sqrt(-2 * math.log(first)) * math.cos(2 * math.pi * second)  # Box and Muller, 1958
    return Nanos(round(min(a * math.exp(b * normal), float(NEVER - 1))))


def _distribution(name: str, value: Json) -> Any:
    """Nanoseconds, or (kind, two numbers). Raises ValueError."""
    match _spelled(value):
        case {"lognormal": {"median": median, "sigma": int() | float() as sigma, **more}, **rest} if (
            not more and not rest
        ):
            length = length_of(name, median)
            if length >= NEVER or sigma < 0:
                message = f"{name!r} takes a median that ends and a sigma from 0, found {value!r}"
                raise ValueError(message)
            return "lognormal", float(length), float(sigma)
        case {"uniform": [low, high], **rest} if not rest:
            lower, upper = length_of(name, low), length_of(name, high)
            if not lower <= upper < NEVER:
                message = f"{name!r} takes a lower and an upper end, found {value!r}"
                raise ValueError(message)
            return "uniform", float(lower), float(upper)
        case str() | int() | float() if not isinstance(value, bool):
            length = length_of(name, value)
            if length < NEVER:
                return length
    message = f"{name!r} takes {_ADD}, found {value!r}"
    raise ValueError(message)


def _spelled(value: Json) -> Json:
    """`lognormal:800ms:0.4` and `uniform:100ms:2s` are what a case can say, where a mapping cannot stand."""
    match value.split(":") if isinstance(value, str) else ():
        case ["lognormal", median, sigma] if sigma.replace(".", "", 1).isdecimal():
            return {"lognormal": {"median": median, "sigma": float(sigma)}}
        case ["uniform", low, high]:
            return {"uniform": [low, high]}
    return value


def _seed(name: str, value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        message = f"{name!r} takes a whole number, found {value!r}"
        raise ValueError(message)  # noqa: TRY004 - whoever wrote the file has to act, as for every other value
    return value


def silent_faults() -> tuple[BuiltIn, ...]:
    """All of this family."""
    seed = Param("what a distribution is drawn from, with the call and the attempt (0 by default)", _seed, 0)
    return (
        BuiltIn(
            name="stall-before-headers",
            phase="before-headers",
            about="nothing comes, then the answer as it was, as from an Ollama that loads its model; or nothing ever",
            effect=_stall_before,
            place=HEADERS,
            takes={"for": duration("forever")},
        ),
        BuiltIn(
            name="latency",
            phase="before-headers",
            about="the answer comes later",
            effect=_latency,
            place=HEADERS,
            takes={"add": Param(f"{_ADD} (1s by default)", _distribution, "1s"), "seed": seed},
        ),
        BuiltIn(
            name="stall-mid-stream",
            phase="mid-stream",
            about="nothing comes after a chunk, then the rest; or nothing ever",
            effect=_stall_inside,
            place=AFTER,
            takes={"for": duration("forever")},
        ),
        BuiltIn(
            name="slow-gap",
            phase="mid-stream",
            about="one long pause, and then the rest",
            effect=_stall_inside,
            place=AFTER,
            takes={"for": finite("30s")},
        ),
        BuiltIn(
            name="slow-drip",
            phase="mid-stream",
            about="the rest comes a few bytes at a time",
            effect=_drip,
            place=BEFORE_LAST,
            takes={
                "rate": count(100, "bytes a second"),
                "bytes": count(1, "bytes that come together"),
            },
            usual="first",
        ),
        BuiltIn(
            name="stall-after-terminator",
            phase="end",
            about="all has been said, and the connection stays open and silent",
            effect=_stall_at_end,
            place=END,
            takes={"for": duration("forever")},
        ),
    )
