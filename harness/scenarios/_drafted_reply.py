"""What a recorded answer is as the `reply` of a scenario: in words where these play as it did, else as it was sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from harness.dialects import MEANING, decode, prompt_of, recognise
from harness.model import Interaction, Reply, Reset, TimedOut, Timeline, Unknown
from harness.scenarios._drafted_content import Written, content, count, is_event, pieces_of
from harness.scenarios._drafted_refusal import refusals
from harness.scenarios._drafted_time import broken_off, timing_of
from harness.scenarios._scenario import Call, Scenario
from harness.scenarios._source import ScenarioSource
from harness.spec import Found, Mismatch

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
_NO_NAME: Final = re.compile(r"getaddrinfo|[Nn]ame or service|[Nn]odename nor servname|name resolution")
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
    tries = _tries(heard, said, timeline.head.status, whole=whole) if said is not None else []
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


def _tries(heard: Interaction, said: Reply, status: int, *, whole: bool) -> list[Drafted]:
    """The ways to say it without its bytes."""
    if status < 400:
        return list(_in_words(heard, said, whole=whole))
    timing = timing_of(heard, 1)
    more: Written = {"timing": timing} if timing else {}
    return [Drafted({**reply, **more}) for reply in refusals(said.problem, status)] if said.problem is not None else []


def _unanswered(timeline: Timeline) -> Drafted:
    """No answer came, which is a fault alone."""
    event = timeline.events[0][1] if timeline.events else None
    match event:
        case Reset(error=error, message=message):
            kind = "dns-failure" if _NO_NAME.search(message) else _NOTHING.get(error, "reset-before-headers")
            return Drafted({"fault": {"kind": kind}}, notes=[f"it was {error}"])
        case TimedOut(phase=phase):
            return Drafted({"fault": _WAITED.get(phase, _WAITED["read"])}, notes=[f"the {phase} timeout struck"])
    return Drafted({"fault": _WAITED["read"]}, notes=["nobody waited for the answer"])


def _in_words(heard: Interaction, said: Reply, *, whole: bool) -> Iterator[Drafted]:
    """The answer in our own words, the plainest first."""
    if any(getattr(delta, "choice", 0) for delta in said.deltas) or any(is_event(delta) for delta in said.deltas):
        return
    pieces = pieces_of(said.deltas)
    reply = content(said, pieces, whole=whole or len(heard.timeline.chunks) <= 1)
    usual = {"tool"} if said.tool_calls else {"stop"}
    if said.refusal == "" and said.finish not in usual and reply.get("failure") is None:
        reply["finish"] = said.finish or "missing"
    if said.usage is not None:
        names = ("input", "output", "cached", "reasoning")
        counts = (getattr(said.usage, f"{name}_tokens") for name in names)
        reply["usage"] = {name: n for name, n in zip(names, counts, strict=True) if n is not None} or None
    tokens = count(reply)
    timing = timing_of(heard, tokens)
    reply |= {"timing": timing} if timing else {}
    faults, notes = broken_off(heard.timeline, tokens, is_said=said.finish is not None)
    if faults and reply.get("finish") == "missing":
        del reply["finish"]
    yield Drafted(reply, faults, notes)
    if said.native_finish:
        yield Drafted({**reply, "native_finish": said.native_finish}, faults, notes)


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
    faults, notes = broken_off(heard.timeline, 0, is_said=False)
    timing = timing_of(heard, max(1, len(heard.timeline.chunks)))
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
        events = dict.fromkeys(delta.event for delta in said.deltas if isinstance(delta, Unknown) and is_event(delta))
        return f"no reply says {', '.join(events)}" if events else "it has several choices, and a reply is one"
    found = _found(tries[-1], heard)
    if isinstance(found, Mismatch):
        return f"a reply cannot say it: {found.reason.partition(' cannot answer: ')[2] or found.reason}"
    return f"in words it would be {_differences(said, _played(tries[-1], heard))}"
