"""Hypothesis strategies for what a model says and for how it fails.

    from hypothesis import given
    from harness.testing import strategies as st_harness

    @given(st_harness.replies("openai-chat"), st_harness.cases(calls=1, chunks=5))
    def test_...

Importing this module needs hypothesis (`pip install hypothesis`), which harness does not bring.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any

from hypothesis import strategies as st

from harness.dialects import get as dialect_called
from harness.errors import DialectError
from harness.faults import KNOWN, FaultOverlay
from harness.model import (
    Case,
    Chunk,
    End,
    Event,
    FinishReason,
    Head,
    Headers,
    Left,
    Nanos,
    Prompt,
    Reply,
    Reset,
    Strike,
    Text,
    TimedOut,
    Timeline,
    ToolCall,
    Usage,
)

_SECOND = 10**9
_NAMES = st.from_regex(r"[a-z][a-z_]{0,11}", fullmatch=True)

texts: st.SearchStrategy[str] = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
"""Any text that can be encoded, the empty one among them."""


def pieces(text: str) -> st.SearchStrategy[list[str]]:
    """`text` in pieces, as a model streams it: none is empty, joined they are `text`."""
    return _edges(len(text)).map(lambda edges: [text[a:b] for a, b in pairwise(edges)])


def chunkings(body: bytes) -> st.SearchStrategy[list[bytes]]:
    """`body` in chunks, cut anywhere: inside of characters, between CR and LF. None is empty, joined they are it."""
    return _edges(len(body)).map(lambda edges: [body[a:b] for a, b in pairwise(edges)])


def _edges(length: int) -> st.SearchStrategy[list[int]]:
    if not length:
        return st.just([0])
    return st.sets(st.integers(1, length), max_size=8).map(lambda cuts: sorted({0, *cuts, length}))


@st.composite
def tool_calls(draw: st.DrawFn) -> ToolCall:
    """A call of a tool with arguments that are a JSON object."""
    names = draw(st.lists(_NAMES, max_size=2, unique=True))
    arguments = ", ".join(f'"{name}": {draw(st.integers(0, 9))}' for name in names)
    return ToolCall(draw(_NAMES), f"{{{arguments}}}", f"call_{draw(st.integers(1, 99))}")


@st.composite
def _any_reply(draw: st.DrawFn) -> Reply:
    calls = tuple(draw(st.lists(tool_calls(), max_size=2, unique_by=lambda call: call.id)))
    text = draw(texts)
    finish: FinishReason = "tool" if calls else draw(st.sampled_from(["stop", "length"]))
    usage = draw(st.none() | st.builds(Usage, st.integers(0, 99), st.integers(0, 99)))
    return Reply(text, thinking=draw(st.just("") | texts), tool_calls=calls, finish=finish, usage=usage)


def replies(dialect: str = "native") -> st.SearchStrategy[Reply]:
    """Answers that `dialect` can say, streamed and whole. Raises UnknownDialectError."""
    known = dialect_called(dialect)

    def can_be_said(reply: Reply) -> bool:
        try:
            for stream in (True, False):
                known.render(reply, Prompt(model="m", stream=stream), ())
        except DialectError:
            return False
        return True

    plain = st.builds(Reply, texts, finish=st.sampled_from(["stop", "length"]))
    return _any_reply().filter(can_be_said) | plain


@st.composite
def timelines(draw: st.DrawFn, bodies: st.SearchStrategy[bytes] | None = None) -> Timeline:
    """Any timeline that a recording may hold: whole, broken off, never answered. `bodies` makes its bytes."""
    if draw(st.integers(0, 9)) == 0:
        return Timeline.failed(draw(_failures), at=draw(_moments))
    body = draw(st.binary(max_size=60) if bodies is None else bodies)
    chunks = draw(chunkings(body)) if body else []
    steps = draw(st.lists(st.integers(0, 2 * _SECOND), min_size=len(chunks) + 2, max_size=len(chunks) + 2))
    moments = [Nanos(at) for at in accumulate(steps)]
    head = Head(draw(st.sampled_from([200, 200, 200, 429, 500])), Headers((("content-type", "text/plain"),)), "")
    events: list[Event] = [head, *map(Chunk, chunks)]
    ending = draw(st.none() | st.just(End()) | _failures)
    if ending is None:
        left: Left = draw(st.sampled_from(["closed", "cancelled", "open"]))
        return Timeline(tuple(zip(moments, events, strict=False)), left, moments[-1])
    return Timeline(tuple(zip(moments, [*events, ending], strict=True)))


_moments = st.integers(0, 60 * _SECOND).map(Nanos)
_failures: st.SearchStrategy[Reset | TimedOut] = st.sampled_from(
    [Reset("ReadError"), Reset("RemoteProtocolError"), TimedOut("read")]
)


def strikes(*, calls: int = 1, chunks: int = 5, kinds: Iterable[str] = ()) -> st.SearchStrategy[Strike]:
    """A fault at a place: of `kinds` (all where none are named), in one of `calls` calls with `chunks` chunks each."""
    names = list(kinds) or list(KNOWN)
    return st.sampled_from(names).flatmap(lambda kind: _strikes_of(kind, calls, chunks))


def _strikes_of(kind: str, calls: int, chunks: int) -> st.SearchStrategy[Strike]:
    points: frozenset[str] = getattr(KNOWN.get(kind), "points", frozenset())
    places: list[str] = [point for point in ("connect", "headers", "end") if point in points]
    places += [f"chunk={number}" for number in range(1, chunks + 1) if "chunk" in points]
    where = st.sampled_from([f"/{place}" for place in places]) if places else st.just("")
    texts_ = st.builds(lambda call, at: f"call={call}{at}/kind={kind}", st.integers(1, calls), where)
    return texts_.map(Strike.parse)


def cases(*, calls: int = 1, chunks: int = 5, kinds: Iterable[str] = (), most: int = 3) -> st.SearchStrategy[Case]:
    """Up to `most` faults, one after the other. Each can be armed; whether it strikes is for the answer to say."""
    found = strikes(calls=calls, chunks=chunks, kinds=kinds)
    made = st.lists(found, min_size=1, max_size=most, unique_by=str).map(lambda many: Case(tuple(many)))
    return made.filter(lambda case: bool(FaultOverlay.of([case]).armed))


@st.composite
def scenarios(draw: st.DrawFn, kinds: Sequence[str] = ("reset-mid-stream", "http-429-rate-limit", "latency")) -> Any:
    """A whole scenario as the data of its YAML: a few calls with answers, cases with faults of `kinds`. It loads."""
    ids = draw(st.lists(_NAMES, min_size=1, max_size=3, unique=True))
    calls = [{"id": name, "when": {"user": {"equals": name}}, "reply": draw(_written())} for name in ids]
    faults = [
        {"id": f"case-{number}", "faults": [draw(_fault_at(ids, kinds))]} for number in range(draw(st.integers(0, 2)))
    ]
    return {"harness": 1, "name": "generated", "calls": calls, **({"cases": faults} if faults else {})}


@st.composite
def _written(draw: st.DrawFn) -> dict[str, Any]:
    words = draw(st.lists(_NAMES, min_size=1, max_size=6))
    reply: dict[str, Any] = {"text": " ".join(words)}
    if draw(st.booleans()):
        reply["timing"] = {"ttft": f"{draw(st.integers(0, 900))}ms", "per_token": f"{draw(st.integers(0, 90))}ms"}
    if draw(st.booleans()):
        reply["finish"] = draw(st.sampled_from(["stop", "length"]))
    return reply


@st.composite
def _fault_at(draw: st.DrawFn, ids: Sequence[str], kinds: Sequence[str]) -> dict[str, Any]:
    kind = draw(st.sampled_from(list(kinds)))
    inside = "token" in getattr(KNOWN[kind], "points", ())
    return {"at": f"call={draw(st.sampled_from(list(ids)))}" + ("/token=1" if inside else ""), "kind": kind}


def text_deltas(text: str) -> st.SearchStrategy[list[Text]]:
    """`text` as the deltas of a stream."""
    return pieces(text).map(lambda parts: [Text(part) for part in parts])
