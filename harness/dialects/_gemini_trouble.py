"""Google's errors: `google.rpc.Status` with details, and prompts that were blocked inside a 200."""

from __future__ import annotations

import re
from typing import Final

from harness.dialects._trouble import failed, kind_of_status, retry_after_s
from harness.dialects._untyped import Object, as_count, as_list, as_object, as_text, dumped
from harness.model import Delta, Head, Problem, ProblemKind

_KINDS: Final[dict[str, ProblemKind]] = {
    "RESOURCE_EXHAUSTED": "rate-limit",
    "UNAVAILABLE": "overloaded",
    "INTERNAL": "server-error",
    "UNKNOWN": "server-error",
    "DEADLINE_EXCEEDED": "timeout",
    "UNAUTHENTICATED": "auth",
    "PERMISSION_DENIED": "permission",
    "NOT_FOUND": "not-found",
    "INVALID_ARGUMENT": "invalid-request",
    "FAILED_PRECONDITION": "invalid-request",
    "OUT_OF_RANGE": "invalid-request",
}
_TOO_LONG: Final = re.compile(r"token count.*exceeds|exceeds the maximum number of tokens", re.IGNORECASE | re.DOTALL)
_DELAY: Final = re.compile(r"(\d+(?:\.\d+)?)s")
_RETRY_IN: Final = re.compile(r"retry in (\d+(?:\.\d+)?)(m?s)\b", re.IGNORECASE)


def blocked(data: Object) -> list[Delta]:
    """The problem that `promptFeedback.blockReason` reports, if it does. The status is 200 and no candidate follows."""
    feedback = as_object(data.get("promptFeedback"))
    reason = as_text(feedback.get("blockReason"))
    if not reason:
        return []
    told = as_text(feedback.get("blockReasonMessage"))
    return [Problem("content-filter", told or f"the prompt was blocked: {reason}", code=reason)]


def problem_of(data: Object, head: Head) -> Problem:
    """The problem of an error envelope. In the middle of a stream its own `code` is the status."""
    error = as_object(data.get("error"))
    details = [as_object(detail) for detail in as_list(error.get("details"))]
    status = head.status if failed(head) else as_count(error.get("code"))
    code = as_text(error.get("status"))
    message = as_text(error.get("message")) or as_text(data.get("error")) or dumped(data)
    return Problem(
        kind=_kind(code, message, details, status),
        message=message,
        code=code,
        status=status,
        retry_after_s=_first_wait(_retry_delay(details), retry_after_s(head.headers), _told_wait(message)),
        extra={"details": error["details"]} if details else {},
    )


def _kind(code: str, message: str, details: list[Object], status: int | None) -> ProblemKind:
    if any(detail.get("reason") == "API_KEY_INVALID" for detail in details):
        return "auth"
    kind = _KINDS.get(code) or (kind_of_status(status) if status else "unknown")
    if kind == "invalid-request" and _TOO_LONG.search(message):
        return "context-length"
    if kind == "rate-limit" and any("PerDay" in quota for quota in _quotas(details)):
        return "quota"
    return kind


def _quotas(details: list[Object]) -> list[str]:
    violations = [as_object(item) for detail in details for item in as_list(detail.get("violations"))]
    return [as_text(violation.get("quotaId")) for violation in violations]


def _retry_delay(details: list[Object]) -> float | None:
    """RetryInfo is where this wire says how long to wait: "34s", "34.074824224s"."""
    written = (as_text(d.get("retryDelay")) for d in details if as_text(d.get("@type")).endswith("RetryInfo"))
    found = next((match for text in written if (match := _DELAY.fullmatch(text))), None)
    return float(found[1]) if found else None


def _told_wait(message: str) -> float | None:
    """The wait in the message's own words, where the details were lost on the way: "Please retry in 12.3s."."""
    found = _RETRY_IN.search(message)
    return float(found[1]) / (1000 if found[2].lower() == "ms" else 1) if found else None


def _first_wait(*waits: float | None) -> float | None:
    return next((wait for wait in waits if wait is not None), None)
