"""What in a recording still looks secret: everything that the redaction would have replaced, had we recorded it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.matching import Redaction, constant
from harness.model import Headers, Interaction, Reset, TimedOut

_SCHEME = re.compile(r"^(?:bearer|basic|token|apikey)\s+", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"dummy|redact|fake|filter|scrub|mask|secret|placeholder|example|sample|test|x{3,}|\*{3,}|your[_-]", re.IGNORECASE
)
_SHORT = 6


def secrets(interaction: Interaction, redaction: Redaction) -> Iterator[str]:
    """One line per secret: where it is, of what kind, and its first characters."""
    request, timeline = interaction.request, interaction.timeline
    if redaction.url(request.url) != request.url:
        yield f"request url: {_kinds(redaction.url(request.url))}"
    yield from _in_headers("request", request.headers, redaction)
    yield from _in_body("request body", request.body, redaction.body(request.body), redaction)
    if timeline.head:
        yield from _in_headers("response", timeline.head.headers, redaction)
    yield from _in_body("response body", timeline.body, redaction.timeline(timeline).body, redaction)
    for _, event in timeline.events:
        if isinstance(event, Reset | TimedOut):
            yield from (f"error message, {leak}" for leak in redaction.leaks(event.message))


def _in_headers(side: str, headers: Headers, redaction: Redaction) -> Iterator[str]:
    for name, value in headers:
        (_, replaced), *_ = redaction.headers(Headers(((name, value),)))
        if replaced != value and not _is_placeholder(value):
            yield f"{side} header {name}: {_kinds(replaced)} {value[:_SHORT]}… ({len(value)} characters)"


def _is_placeholder(value: str) -> bool:
    """Whether somebody replaced this header value before us: it says so, or it has no digit, as no real key does."""
    bare = _SCHEME.sub("", value)
    return bool(_PLACEHOLDER.search(bare)) or not any(c.isdigit() for c in bare)


def _in_body(place: str, body: bytes, redacted: bytes, redaction: Redaction) -> Iterator[str]:
    if body == redacted:
        return
    leaks = [f"{place}, {leak}" for leak in redaction.leaks(body.decode("utf-8", "surrogateescape"))]
    yield from leaks or [f"{place}: {_kinds(redacted.decode('utf-8', 'replace'))}"]


def _kinds(redacted: str) -> str:
    """The kinds of secret for which a constant now stands in `redacted`."""
    found = re.findall(rf"{re.escape(constant(''))}([A-Za-z-]+)", redacted)
    return ", ".join(dict.fromkeys(found)) or "secret"
