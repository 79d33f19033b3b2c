"""How an answer travels: when its chunks come, and in which bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from typing import Final

from harness.errors import DialectError
from harness.faults import NoPlaceError, strike_anywhere, token_chunks
from harness.model import NEVER, At, Chunk, End, Event, Head, Headers, Nanos, Request, Timeline
from harness.scenarios._pace import Pace, paced
from harness.scenarios._pieces import Said
from harness.scenarios._reply import Delivery, Timing
from harness.spec import Dialect

_NEWLINES: Final = {"crlf": "benign-crlf", "cr": "benign-cr-only", "lf": "benign-lf"}
_LENGTHS: Final = ("content-length", "transfer-encoding", "connection")


def timeline(
    carried: Sequence[int], answer: tuple[Head, tuple[bytes, ...]], said: Said, timing: Timing, dice: Random
) -> Timeline:
    """The answer in time; `carried` are the numbers, from one, of the chunks that carry tokens. The head comes with the
    first token; a unary answer when all its tokens would be out.

    Raises DialectError for what has a place in a stream only, where the answer is none."""
    head, chunks = answer
    pace = paced(timing, max(len(carried), len(said.pieces)), dice)
    if len(chunks) <= 1:
        if said.raw:
            message = "a raw block has its place in a stream, and this answer is none"
            raise DialectError(message)
        at = pace.out[len(said.pieces)]
        body: list[At] = [(at, Chunk(chunk)) for chunk in chunks if chunk]
        return _until_never([(at, head), *body, (pace.end(at), End())], pace)
    out, timed = 0, list[_Part]()
    for number, chunk in enumerate(chunks, 1):
        is_token = number in carried
        timed.append(_Part(pace.out[out], chunk, out if is_token else None))
        out += is_token
    parts = _as_said(timed, said)
    events: list[At] = [(pace.out[0], head), *((part.at, Chunk(part.data)) for part in parts)]
    return _until_never([*events, (pace.end(pace.out[out]), End())], pace)


@dataclass(frozen=True, slots=True)
class _Part:
    """One chunk, and which token it carries, from zero; None where it carries none."""

    at: Nanos
    data: bytes
    token: int | None


def _as_said(parts: list[_Part], said: Said) -> list[_Part]:
    """`parts` with what goes over the wire as it stands, and with those joined that travel together."""
    if not said.raw and not said.joined:
        return parts
    one_each = sum(part.token is not None for part in parts) == len(said.pieces)
    if said.raw and not one_each:
        message = "this dialect does not send a part for each piece, so a raw block has no place between them"
        raise DialectError(message)
    for place, data in reversed(said.raw):
        at = next((n for n, part in enumerate(parts) if part.token == place - 1), -1) + 1
        at = at if place else next((n for n, part in enumerate(parts) if part.token is not None), 0)
        parts = [*parts[:at], _Part(parts[max(0, at - 1)].at, data, None), *parts[at:]]
    return _joined(parts, said.joined) if one_each else parts


def _joined(parts: list[_Part], joined: set[int]) -> list[_Part]:
    made: list[_Part] = []
    for part in parts:
        made.append(part)
        if part.token in joined:
            first = next(n for n, one in enumerate(made) if one.token == part.token - 1)
            made[first:] = [_Part(part.at, b"".join(one.data for one in made[first:]), part.token)]
    return made


def _until_never(events: list[At], pace: Pace) -> Timeline:
    """The events that come at all; the wire is silent where one never does."""
    kept = tuple(at for at in events if at[0] < NEVER)
    whole = Timeline(kept) if len(kept) == len(events) else Timeline(kept, "open", kept[-1][0] if kept else Nanos(0))
    return whole.connected_after(pace.connect) if pace.connect else whole


def delivered(made: Timeline, delivery: Delivery, dialect: Dialect | None, request: Request) -> Timeline:
    """The answer in the bytes and the chunks that `delivery` asks for. What it says stays the same."""
    if delivery.newline is not None:
        made = _benign(_NEWLINES[delivery.newline], made, dialect, request)
    if delivery.framing is not None:
        made = replace(made, events=tuple((at, _framed(event, made, delivery.framing)) for at, event in made.events))
    lengths = _lengths(made, delivery.chunk or "event", dialect, request)
    return made if lengths is None else made.rechunked(lengths)


def compressed(made: Timeline, delivery: Delivery, dialect: Dialect | None, request: Request) -> Timeline:
    """The answer as its last hop sends it: whatever broke it before was in plain text."""
    is_plain = made.head is not None and made.body and "content-encoding" not in made.head.headers
    if delivery.compress is None or not is_plain or made.is_below_http:
        return made
    return _benign("gzip-ok", made, dialect, request)


def _benign(kind: str, made: Timeline, dialect: Dialect | None, request: Request) -> Timeline:
    """The same answer in other bytes; as it is where it has nothing that could be written otherwise."""
    try:
        return strike_anywhere(kind, {}, made, dialect.name if dialect is not None else "", request)
    except NoPlaceError:
        return made


def _lengths(made: Timeline, chunk: str, dialect: Dialect | None, request: Request) -> list[int] | None:
    """How long each chunk is; None where they stay as they are."""
    if chunk == "all":
        return []
    if chunk.startswith("bytes:"):
        size = int(chunk.removeprefix("bytes:"))
        return [size] * (len(made.body) // size)
    head, ends = made.head, [0]
    if chunk != "token" or head is None or dialect is None:
        return None
    for data in made.chunks:
        ends.append(ends[-1] + len(data))
    carried = token_chunks(dialect, request, head, made.chunks)
    return [after - before for before, after in pairwise([0, *(ends[number] for number in carried)])]


def _framed(event: Event, made: Timeline, framing: str) -> Event:
    if not isinstance(event, Head):
        return event
    said = {
        "chunked": ("transfer-encoding", "chunked"),
        "content-length": ("content-length", str(len(made.body))),
        "close": ("connection", "close"),
    }
    return replace(event, headers=Headers((*event.headers.without(_LENGTHS), said[framing])))
