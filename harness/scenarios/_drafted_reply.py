"""What a recorded answer is as the `reply` of a scenario: in words where these play as it did, else as it was sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from harness.dialects import MEANING, decode, deltas, prompt_of, recognise
from harness.model import (
    PER_MILLISECOND,
    Chunk,
    Delta,
    Interaction,
    Nanos,
    Prompt,
    Reply,
    Reset,
    Text,
    Thinking,
    TimedOut,
    Timeline,
    ToolCall,
    ToolFragment,
    Unknown,
)
from harness.scenarios._filling import escaped
from harness.scenarios._pieces import said as in_pieces
from harness.scenarios._pieces import words
from harness.scenarios._reply import Reply as Spoken
from harness.scenarios._scenario import Call, Scenario
from harness.scenarios._source import ScenarioSource
from harness.spec import Found, Mismatch

Written: TypeAlias = dict[str, Any]

_TOKENS: Final = (Text, Thinking, ToolFragment)
_KEPT: Final = (
    "content-type",
    "retry-after",
    "x-should-retry",
    "x-ratelimit",
    "anthropic-ratelimit",
    "x-amzn-errortype",
)
_NOTHING: Final[Mapping[str, str]] = {
    "ConnectError": "connect-refused",
    "ConnectTimeout": "connect-timeout",
    "RemoteProtocolError": "close-before-headers",
}
_WAITED: Final[Mapping[str, Written]] = {
    "connect": {"kind": "connect-timeout"},
    "pool": {"kind": "pool-timeout"},
    "read": {"kind": "stall-before-headers", "for": "forever"},
}


@dataclass(slots=True)
class Drafted:
    """`reply` as YAML would say it, `faults` with their places in its call, and what its reader has to be told."""

    reply: Written
    faults: list[Written] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def drafted_reply(heard: Interaction, *, whole: bool = False) -> Drafted:
    """`heard` as a reply. With `whole` its text stands in one piece, as it is easier to edit, and not in the pieces in
    which it came. What plays otherwise than it was recorded is told in the notes."""
    timeline = heard.timeline
    if timeline.head is None:
        return _unanswered(timeline)
    said, known = decode(heard.request, timeline), recognise(heard.request)
    tries = [] if said is None or timeline.head.status >= 400 else list(_in_words(heard, said, whole=whole))
    for one in tries:
        if _same(said, _played(one, heard)):
            return one
    if known is not None and known[0].name == "native":  # which has no wire, and so nothing could be sent raw
        best = tries[0] if tries else Drafted({"text": ""})
        best.notes.append(f"not all of it can be said here: {_differences(said, _played(best, heard))}")
        return best
    made = _as_sent(heard)
    made.notes += [f"as it was sent: {_why(said, tries, heard)}"] if timeline.head.status < 400 else []
    found = _found(made, heard)
    made.notes += [f"a scenario cannot answer this: {found.reason}"] if isinstance(found, Mismatch) else []
    return made


def _unanswered(timeline: Timeline) -> Drafted:
    """No answer came, which is a fault alone."""
    event = timeline.events[0][1] if timeline.events else None
    match event:
        case Reset(error=error):
            return Drafted({"fault": {"kind": _NOTHING.get(error, "reset-before-headers")}}, notes=[f"it was {error}"])
        case TimedOut(phase=phase):
            return Drafted({"fault": _WAITED.get(phase, _WAITED["read"])}, notes=[f"the {phase} timeout struck"])
    return Drafted({"fault": _WAITED["read"]}, notes=["nobody waited for the answer"])


def _in_words(heard: Interaction, said: Reply, *, whole: bool) -> Iterator[Drafted]:
    """The answer in our own words, the plainest first."""
    if any(getattr(delta, "choice", 0) for delta in said.deltas) or any(_is_event(delta) for delta in said.deltas):
        return
    pieces = _pieces(said.deltas)
    reply = _content(said, pieces, whole=whole or len(heard.timeline.chunks) <= 1)
    usual = {"tool"} if said.tool_calls else {"stop"}
    if said.refusal == "" and said.finish not in usual and reply.get("failure") is None:
        reply["finish"] = said.finish or "missing"
    if said.usage is not None:
        names = ("input", "output", "cached", "reasoning")
        counts = (getattr(said.usage, f"{name}_tokens") for name in names)
        reply["usage"] = {name: n for name, n in zip(names, counts, strict=True) if n is not None} or None
    tokens = _count(reply)
    timing = _timing(heard, tokens)
    reply |= {"timing": timing} if timing else {}
    faults, notes = _broken_off(heard.timeline, tokens, is_said=said.finish is not None)
    if faults and reply.get("finish") == "missing":
        del reply["finish"]
    yield Drafted(reply, faults, notes)
    if said.native_finish:
        yield Drafted({**reply, "native_finish": said.native_finish}, faults, notes)


def _count(reply: Written) -> int:
    """In how many pieces `reply` will be said."""
    try:
        return len(in_pieces(Spoken.model_validate(reply), Prompt(), "words").pieces)
    except ValueError:
        return 0


def _is_event(delta: Delta) -> bool:
    return isinstance(delta, Unknown) and delta.event != "extra"


def _pieces(said: Iterable[Delta]) -> list[Text | Thinking | ToolFragment]:
    """What is said, without the pieces that say nothing: a word of a reply is never empty."""
    found = (delta for delta in said if isinstance(delta, _TOKENS))
    return [d for d in found if (d.name or d.arguments if isinstance(d, ToolFragment) else d.text)]


def _content(said: Reply, pieces: list[Text | Thinking | ToolFragment], *, whole: bool) -> Written:
    if said.problem is not None and said.problem.kind == "failure":
        return {"failure": dict(said.problem.extra)}
    extra: Written = {}
    for delta in said.deltas:
        if isinstance(delta, Unknown):
            extra = {"extra": json.loads(delta.data)}
    if said.refusal:
        return {"refusal": escaped(said.refusal), **extra}
    kinds = [type(piece) for piece in pieces]
    calls = [_call(call, [] if whole else _arguments(pieces, n)) for n, call in enumerate(said.tool_calls)]
    if Thinking in kinds or kinds != sorted(kinds, key=lambda kind: kind is ToolFragment):
        return {"blocks": list(_blocks(pieces, calls)), **extra}
    texts = [piece.text for piece in pieces if isinstance(piece, Text)]
    made = _text(texts, whole=whole) if texts or not calls else {}
    return {**made, **({"tool_calls": calls} if calls else {}), **extra}


def _text(texts: list[str], *, whole: bool) -> Written:
    text = "".join(texts)
    if whole or len(texts) == 1 or tuple(texts) == words(text):
        return {"text": escaped(text)}
    return {"chunks": [escaped(piece) for piece in texts]}


def _blocks(pieces: list[Text | Thinking | ToolFragment], calls: list[Written]) -> Iterator[Written]:
    """Thinking, texts and calls in the order in which they began."""
    indexes: list[int] = []
    made: list[tuple[str, str]] = []
    for piece in pieces:
        if isinstance(piece, ToolFragment):
            if piece.index not in indexes:
                indexes.append(piece.index)
                made.append(("tool", ""))
        else:
            kind = "thinking" if isinstance(piece, Thinking) else "text"
            before = made.pop()[1] if made and made[-1][0] == kind else ""
            made.append((kind, before + piece.text))
    left = iter(calls)
    for kind, text in made:
        yield {kind: next(left) if kind == "tool" else escaped(text)}


def _call(call: ToolCall, pieces: list[str]) -> Written:
    made: Written = {"name": call.name, "id": call.id or None}
    if len(pieces) > 1:
        return {**made, "stream_args": pieces}
    try:
        args = json.loads(call.arguments)
    except ValueError:
        return {**made, "raw_args": call.arguments}
    plain = json.dumps(args, ensure_ascii=False) == call.arguments and "{{" not in call.arguments
    return {**made, "args": args} if plain else {**made, "raw_args": call.arguments}


def _arguments(pieces: list[Text | Thinking | ToolFragment], number: int) -> list[str]:
    fragments = [piece for piece in pieces if isinstance(piece, ToolFragment)]
    indexes = list(dict.fromkeys(piece.index for piece in fragments))
    return [piece.arguments for piece in fragments if piece.index == indexes[number] and piece.arguments]


def _timing(heard: Interaction, tokens: int) -> Written:
    """When the first token came, and how far apart the others were on average."""
    timeline = heard.timeline
    times = [at for at, delta in deltas(heard.request, timeline) if isinstance(delta, _TOKENS)]
    if len(timeline.chunks) <= 1 or not times:
        ends = next((at for at, event in timeline.events if isinstance(event, Chunk)), timeline.end_at)
        return _spans(ttft=Nanos(ends))
    step = (times[-1] - times[0]) // (tokens - 1) if tokens > 1 else 0
    rest = timeline.end_at - times[0] - step * tokens
    return _spans(ttft=Nanos(times[0]), per_token=Nanos(step), tail=Nanos(rest))


def _spans(**spans: Nanos) -> Written:
    rounded = {name: round(span / PER_MILLISECOND) for name, span in spans.items()}
    return {name: f"{span}ms" for name, span in rounded.items() if span > 0}


def _broken_off(timeline: Timeline, tokens: int, *, is_said: bool) -> tuple[list[Written], list[str]]:
    """The fault that ends an answer whose end was not heard, and what there is to say about it. Where all is said,
    whoever closed it then had heard everything."""
    last = timeline.events[-1][1]
    place = "call=*/chunk=-1" if is_said else f"call=*/token={tokens}" if tokens else "call=*"
    if is_said and timeline.is_open:
        return [], []
    if timeline.is_open:
        why = {"cancelled": "the reader was cancelled", "closed": "the reader closed it"}.get(timeline.end, "it stops")
        note = f"{why} here; what would have come is not known, so nothing comes"
        return [{"at": place, "kind": "stall-mid-stream", "for": "forever"}], [note]
    match last:
        case TimedOut(phase=phase):
            note = f"the {phase} timeout struck here"
            return [{"at": place, "kind": "stall-mid-stream", "for": "forever"}], [note]
        case Reset(error=error):
            kind = "eof-mid-stream" if error == "RemoteProtocolError" else "reset-mid-stream"
            return [{"at": place, "kind": kind}], [f"it was {error} here"]
    return [], []


def _as_sent(heard: Interaction) -> Drafted:
    """Status, headers and body, as they stand."""
    head = heard.timeline.head
    assert head is not None, "what has no head is unanswered"
    names = {name.lower(): value for name, value in head.headers}
    headers = {name: value for name, value in names.items() if name.startswith(_KEPT)}
    raw: Written = {} if head.status == 200 else {"status": head.status}
    raw |= {"headers": headers} if headers else {}
    try:
        text = heard.timeline.body.decode()
    except UnicodeDecodeError:
        note = f"its {len(heard.timeline.body):,} bytes are no text: put them into a file, and say body_file"
        return Drafted({"raw": raw or {"status": 200}}, notes=[note])
    body = _json(text) if "json" in headers.get("content-type", "") else None
    raw |= {"body": body if isinstance(body, dict | list) else text} if text else {}
    faults, notes = _broken_off(heard.timeline, 0, is_said=False)
    timing = _timing(heard, max(1, len(heard.timeline.chunks)))
    return Drafted({"raw": raw or {"status": 200}, **({"timing": timing} if timing else {})}, faults, notes)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _played(drafted: Drafted, heard: Interaction) -> Reply | None:
    """What `drafted` says to the very request; None where it cannot."""
    found = _found(drafted, heard)
    return MEANING.reply(heard.request, found.interaction.timeline) if isinstance(found, Found) else None


def _found(drafted: Drafted, heard: Interaction) -> Found | Mismatch:
    """What a scenario with `drafted` alone answers to the very request."""
    when = {} if prompt_of(heard.request) is not None else {"path": {"startswith": "/"}}
    try:
        call = Call.model_validate({"id": "a", "when": when, "reply": drafted.reply, "faults": drafted.faults})
        return ScenarioSource(Scenario(harness=1, name="draft", calls=[call])).find(heard.request)
    except ValueError as error:
        return Mismatch(str(error))


_ASPECTS: Final = ("text", "thinking", "refusal", "tool_calls", "finish", "native_finish", "usage", "problem")


def _same(heard: Reply | None, played: Reply | None) -> bool:
    return heard is not None and played is not None and not _differences(heard, played)


def _differences(heard: Reply | None, played: Reply | None) -> str:
    if heard is None or played is None:
        return "it cannot be written"
    names = (name for name in _ASPECTS if getattr(heard, name) != getattr(played, name))
    return ", ".join(f"{name} {getattr(played, name)!r} for {getattr(heard, name)!r}"[:160] for name in names)


def _why(said: Reply | None, tries: list[Drafted], heard: Interaction) -> str:
    known = recognise(heard.request)
    if said is None or known is None:
        return "no dialect recognises this request"
    if not known[0].renders:
        return f"{known[0].name} is read and not written yet"
    if not tries:
        return "it has several choices, or events that no reply says"
    return f"in words it would be {_differences(said, _played(tries[-1], heard))}"
