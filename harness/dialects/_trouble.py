"""What kind of problem a failed answer is, where the wire only has a number or a sentence for it."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Final

from harness.model import Head, Headers, ProblemKind

_BY_STATUS: Final[dict[int, ProblemKind]] = {
    400: "invalid-request",
    401: "auth",
    402: "quota",
    403: "permission",
    404: "not-found",
    408: "timeout",
    413: "invalid-request",
    422: "invalid-request",
    429: "rate-limit",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}
_SERVER = 500
_CLIENT = 400
_REDIRECTION = 300


def kind_of_status(status: int) -> ProblemKind:
    """The kind that an HTTP status alone stands for."""
    known = _BY_STATUS.get(status)
    if known:
        return known
    if status >= _SERVER:
        return "server-error"
    return "invalid-request" if status >= _CLIENT else "unknown"


def failed(head: Head) -> bool:
    """True where the status says that this is no answer: an error, or a redirect, which points to one elsewhere."""
    return head.status >= _REDIRECTION


def retry_after_s(headers: Headers) -> float | None:
    """How long the server asks us to wait, in seconds: `retry-after-ms`, or `retry-after` in either of its forms.

    A date is measured against the answer's own `date` header, because nobody in this room knows what time it is.
    """
    ms = _number(headers.get("retry-after-ms"))
    if ms is not None:
        return ms / 1000
    written = headers.get("retry-after")
    plain = _number(written)
    return plain if plain is not None else _until(written, headers.get("date"))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _until(then: str, now: str) -> float | None:
    try:
        wait = parsedate_to_datetime(then) - parsedate_to_datetime(now)
    except (ValueError, TypeError, IndexError):
        return None
    return max(0.0, wait.total_seconds())
