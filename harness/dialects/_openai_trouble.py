"""What the OpenAI family's errors are, both ways: the envelope, its codes, and the forms that compatible servers use.

Codes: https://platform.openai.com/docs/guides/error-codes, and what Azure, OpenRouter, Groq, Mistral, vLLM
and llama.cpp were recorded to send.
"""

from __future__ import annotations

import re
from typing import Final

from harness.dialects._saying import JSON, error_status, no_form, problem_headers
from harness.dialects._trouble import failed, kind_of_status, retry_after_s
from harness.dialects._untyped import Object, as_count, as_object, as_text, dumped, first
from harness.model import Head, Problem, ProblemKind

_KINDS: Final[dict[str, ProblemKind]] = {
    "insufficient_quota": "quota",
    "billing_hard_limit_reached": "quota",
    "billing_not_active": "quota",
    "credit_balance_exhausted": "quota",
    "organization_spend_limit_exceeded": "quota",
    "organization_usage_limit_exceeded": "quota",
    "project_spend_limit_exceeded": "quota",
    "rate_limit_exceeded": "rate-limit",
    "rate_limit_error": "rate-limit",
    "slow_down": "rate-limit",
    "tokens": "rate-limit",
    "requests": "rate-limit",
    "server_is_overloaded": "overloaded",
    "engine_overloaded": "overloaded",
    "overloaded_error": "overloaded",
    "unavailable_error": "overloaded",
    "server_error": "server-error",
    "internal_server_error": "server-error",
    "api_error": "server-error",
    "timeout": "timeout",
    "invalid_api_key": "auth",
    "authentication_error": "auth",
    "permission_error": "permission",
    "request_forbidden": "permission",
    "unsupported_country_region_territory": "permission",
    "model_not_found": "not-found",
    "DeploymentNotFound": "not-found",
    "not_found_error": "not-found",
    "context_length_exceeded": "context-length",
    "exceed_context_size_error": "context-length",
    "content_filter": "content-filter",
    "content_policy_violation": "content-filter",
    "ResponsibleAIPolicyViolation": "content-filter",
    "invalid_prompt": "invalid-request",
    "invalid_request_error": "invalid-request",
}
_SAID: Final[dict[ProblemKind, tuple[str, str | None]]] = {
    "rate-limit": ("requests", "rate_limit_exceeded"),
    "quota": ("insufficient_quota", "insufficient_quota"),
    "overloaded": ("server_error", "server_is_overloaded"),
    "server-error": ("server_error", None),
    "timeout": ("timeout", None),
    "auth": ("invalid_request_error", "invalid_api_key"),
    "permission": ("request_forbidden", "unsupported_country_region_territory"),
    "not-found": ("invalid_request_error", "model_not_found"),
    "invalid-request": ("invalid_request_error", None),
    "context-length": ("invalid_request_error", "context_length_exceeded"),
    "content-filter": ("invalid_request_error", "content_filter"),
    "unknown": ("unknown_error", None),
}
_TOO_LONG: Final = re.compile(
    r"maximum context length|context (?:window|length|size)|prompt is too long", re.IGNORECASE
)
_OVERLOADED: Final = 503
_ENVELOPE: Final = frozenset({"message", "code"})


def has_error(data: Object) -> bool:
    """True where `data` is an error envelope. Chunks of some servers carry `"error": null`."""
    return bool(data.get("error")) or as_text(data.get("object")) == "error"


def problem_of(data: Object, head: Head) -> Problem:
    """The problem that `data` reports, whichever envelope it has; what has none is quoted whole."""
    error = as_object(data.get("error")) or {**data, "message": as_text(data.get("error")) or _sentence(data)}
    number = as_count(error.get("code"))
    code = as_text(error.get("code")) or as_text(error.get("type")) or (str(number) if number is not None else "")
    message = as_text(error.get("message")) or dumped(data)
    status = head.status if failed(head) else None
    return Problem(
        kind=_kind(error, message, status if status is not None else number),
        message=message,
        code=code,
        status=status,
        retry_after_s=retry_after_s(head.headers),
        extra={k: v for k, v in error.items() if k not in _ENVELOPE and v is not None and v != data.get("error")},
    )


def _sentence(data: Object) -> str:
    """The message of a flat envelope; FastAPI calls it `detail`, which may be a list."""
    told = first(data, "message", "detail")
    return as_text(told) or (dumped(told) if told else "")


def _kind(error: Object, message: str, status: int | None) -> ProblemKind:
    inner = as_object(first(error, "innererror", "inner_error"))
    words = (as_text(inner.get("code")), as_text(error.get("code")), as_text(error.get("type")))
    known = next((_KINDS[word] for word in words if word in _KINDS), None)
    kind = known or (kind_of_status(status) if status is not None else "unknown")
    return "context-length" if kind == "invalid-request" and _TOO_LONG.search(message) else kind


def envelope(dialect: str, problem: Problem) -> Object:
    """The error envelope for `problem`. Raises DialectError for what is no error of a wire."""
    said = _SAID.get(problem.kind)
    if said is None:
        what = f"a problem of the kind {problem.kind!r}; only the native dialect carries it, which a backend speaks"
        raise no_form(dialect, what)
    kind, code = said
    error: Object = {"message": problem.message, "type": kind, "param": None, "code": problem.code or code}
    return {"error": {**error, **problem.extra}}


def refused(dialect: str, problem: Problem) -> tuple[Head, tuple[bytes, ...]]:
    """The answer that is nothing but an error. Raises DialectError for what is no error of a wire."""
    body = dumped(envelope(dialect, problem)).encode()
    status = error_status(dialect, problem, overloaded=_OVERLOADED)
    return Head(status, problem_headers(problem, JSON)), (body,)
