"""Fit to be written: an interaction in which nothing is left that is a secret, or looks like one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.errors import SecretFoundError
from harness.matching._leaks import Leak, short
from harness.matching._rules import Rules
from harness.matching._suspects import (
    suspects_in_body,
    suspects_in_header,
    suspects_in_text,
    suspects_in_url,
)
from harness.model import Headers, Interaction, Reset, TimedOut

_SHOWN_MAX = 12


def suspects(interaction: Interaction, rules: Rules) -> tuple[Leak, ...]:
    """Everything in `interaction`, redacted already, that is a secret or looks like one: each with its place, such as
    `response body, $.choices[0].message.content`. Empty where it is fit to be written."""
    return tuple(dict.fromkeys([*_left(interaction, rules), *_looked_at(interaction, rules)]))


def refuse_secrets(numbered: Sequence[tuple[int, Interaction]], rules: Rules, name: str) -> None:
    """Raise SecretFoundError that lists every suspicious place of `numbered`, interactions with their numbers in the
    file that messages call `name`."""
    found = [f"interaction #{number}, {leak}" for number, one in numbered for leak in suspects(one, rules)]
    if not found:
        return
    more = [f"and {len(found) - _SHOWN_MAX} more"] if len(found) > _SHOWN_MAX else []
    listed = "\n".join(f"  {line}" for line in [*found[:_SHOWN_MAX], *more])
    message = (
        f"{name}: nothing was written, because this looks like a secret that no rule replaces:\n{listed}\n"
        '  next: replace it by a rule (redact = [{name = "ours", regex = "..."}] in [tool.harness], or redact=), or '
        'say that it is harmless (allow = ["..."], a regular expression of the whole string)'
    )
    raise SecretFoundError(message)


def _left(interaction: Interaction, rules: Rules) -> Iterator[Leak]:
    """What the rules would replace: nothing, unless somebody made this interaction without them."""
    redaction, body = rules.redaction, interaction.timeline.body
    request = interaction.request
    if redaction.url(request.url) != request.url:
        yield Leak("secret", "request url", short(b""))
    for name, value in _headers(interaction):
        (_, kept), *_ = redaction.headers(Headers(((name, value),)))
        if kept != value:
            yield Leak("secret", f"header {name}", short(value.encode("utf-8", "replace")))
    if redaction.body(request.body) != request.body:
        yield from _told("request body", request.body, rules)
    if redaction.answer_spans(body):
        yield from _told("response body", body, rules)


def _told(side: str, body: bytes, rules: Rules) -> Iterator[Leak]:
    leaks = rules.redaction.leaks(body.decode("utf-8", "surrogateescape"))
    yield from (_at(side, leak) for leak in leaks or (Leak("secret", "spelled over several events", short(b"")),))


def _looked_at(interaction: Interaction, rules: Rules) -> Iterator[Leak]:
    allow, request = rules.allow, interaction.request
    yield from (_at("request url", leak) for leak in suspects_in_url(request.url, allow))
    for name, value in _headers(interaction):
        yield from suspects_in_header(name, value, allow)
    yield from (_at("request body", leak) for leak in suspects_in_body(request.body, allow))
    yield from (_at("response body", leak) for leak in suspects_in_body(interaction.timeline.body, allow))
    for _, event in interaction.timeline.events:
        if isinstance(event, Reset | TimedOut):
            yield from suspects_in_text(event.message, "error message", allow)


def _headers(interaction: Interaction) -> Iterator[tuple[str, str]]:
    yield from interaction.request.headers
    if interaction.timeline.head is not None:
        yield from interaction.timeline.head.headers


def _at(side: str, leak: Leak) -> Leak:
    return Leak(leak.kind, f"{side}, {leak.place}", leak.shown)
