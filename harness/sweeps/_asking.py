"""Checkers of what a run asked: how often, after what, and whether a provider would take it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise

from harness.engine import Entry
from harness.model import PER_MILLISECOND, Message, Nanos, as_seconds, seconds
from harness.sweeps._outcome import Outcome

_NEVER_AGAIN = frozenset({400, 401, 403, 404, 413, 422})
_ADVICE_MAX_S = 60.0
"""SDKs follow the advice to wait up to a minute, and their own schedule where it is longer."""
_SHRINK_MAX = 2
"""A wait may be half of the one before: SDKs take up to a quarter off for jitter, also at their longest wait."""
_AT_ONCE = Nanos(10 * PER_MILLISECOND)


def no_retry_storm(outcome: Outcome, baseline: Outcome) -> str | None:
    """Few requests for one logical call, and none before the server allows it."""
    usual = max((len(attempts) for attempts in baseline.logical_calls), default=1)
    most = max(outcome.terms.attempts_max, usual)
    for attempts in outcome.logical_calls:
        if len(attempts) > most:
            return f"{len(attempts)} requests for one call, {most} are allowed"
        hasty = next(_hasty(attempts), None)
        if hasty:
            return hasty
    return None


def _hasty(attempts: Sequence[Entry]) -> Iterator[str]:
    waits = [Nanos(after.at - _over_at(before)) for before, after in pairwise(attempts)]
    for entry, wait in zip(attempts, waits, strict=False):
        reply = entry.reply
        advice = reply.problem.retry_after_s if reply is not None and reply.problem is not None else None
        if advice is not None and advice <= _ADVICE_MAX_S and wait < seconds(advice):
            yield f"asked again after {as_seconds(wait):g}s, the server said to wait {advice:g}s"
    if len(waits) > 2 and all(wait <= _AT_ONCE for wait in waits):
        yield f"{len(attempts)} requests with no wait between them"
    for before, after in pairwise(waits):
        if before > _AT_ONCE and after * _SHRINK_MAX < before:
            yield f"the waits between attempts shrink: {as_seconds(before):g}s, then {as_seconds(after):g}s"


def _over_at(entry: Entry) -> Nanos:
    if entry.left is not None:
        return entry.left_at
    return entry.events[-1][0] if entry.events else entry.at


def retry_only_retryable(outcome: Outcome, baseline: Outcome) -> str | None:
    """What will fail again is not asked again."""
    del baseline
    for attempts in outcome.logical_calls:
        for entry in attempts[:-1]:
            why = _final(entry)
            if why:
                return f"call {entry.call} was asked again after {why}"
    return None


def _final(entry: Entry) -> str:
    head = entry.timeline.head
    if head is not None and head.status in _NEVER_AGAIN:
        return f"http {head.status}"
    reply = entry.reply
    problem = reply.problem if reply is not None else None
    return "a spent quota" if problem is not None and problem.kind == "quota" else ""


def no_retry_after_first_token(outcome: Outcome, baseline: Outcome) -> str | None:
    """Once something of a streamed answer was shown, it is not asked for again."""
    del baseline
    if outcome.terms.idempotent:
        return None
    for attempts in outcome.logical_calls:
        for entry in attempts[:-1]:
            if entry.prompt.stream and _has_said_something(entry):
                return f"call {entry.call} was asked again after a part of its answer had been shown"
    return None


def _has_said_something(entry: Entry) -> bool:
    head, reply = entry.timeline.head, entry.reply
    if head is not None and "content-encoding" in head.headers:
        return False  # chunks have lost their encoding; where one is left, the client could not read a byte
    return reply is not None and bool(reply.text or reply.thinking or reply.tool_calls)


def history_well_formed(outcome: Outcome, baseline: Outcome) -> str | None:
    """Every request is one that a provider takes."""
    usual = {trouble for entry in baseline.history for trouble in _troubles(entry.prompt.messages)}
    asked = [message for entry in outcome.history for message in entry.prompt.messages]
    spoken = any(message.role == "assistant" and message.content for message in asked)
    partial = _partial_texts(outcome.history) if spoken else set()
    for entry in outcome.history:
        for trouble in _troubles(entry.prompt.messages):
            if trouble not in usual:
                return f"call {entry.call} attempt {entry.attempt} sends {trouble}"
        for message in entry.prompt.messages:
            if message.role == "assistant" and message.content and message.content in partial:
                return f"call {entry.call} sends an answer that broke off as a turn of the assistant"
    return None


def _partial_texts(history: Sequence[Entry]) -> set[str]:
    """The texts of the answers that were not heard to the end."""
    replies = [(entry, entry.reply) for entry in history]
    whole = {reply.text for _, reply in replies if reply is not None and reply.finish is not None}
    broken = {reply.text for _, reply in replies if reply is not None and reply.finish is None and reply.text}
    return broken - whole


def _troubles(messages: Sequence[Message]) -> Iterator[str]:
    waiting: list[str] = []
    before = ""
    for message in messages:
        if message.role == "tool":
            if message.tool_call_id not in waiting:
                yield "a tool result that no tool call asked for"
            else:
                waiting.remove(message.tool_call_id)
        elif waiting:
            yield "a tool call without a result"
            waiting = []
        if message.role == before and message.role in {"assistant", "user"}:
            yield f"two turns of the {message.role} in a row"
        if message.role == "assistant":
            yield from _assistant_troubles(message)
            waiting = [call.id for call in message.tool_calls]
        before = message.role
    if waiting:
        yield "a tool call without a result"


def _assistant_troubles(message: Message) -> Iterator[str]:
    if not message.content and not message.tool_calls:
        yield "an empty turn of the assistant"
    for call in message.tool_calls:
        if not is_json(call.arguments):
            yield f"a tool call whose arguments are no JSON: {call.name}({call.arguments}"


def is_json(text: str) -> bool:
    """True where `text` is a JSON document, or empty as the arguments of a tool without any are."""
    try:
        json.loads(text or "{}")
    except ValueError:
        return False
    return True
