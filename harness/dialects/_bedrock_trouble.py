"""What is wrong, as AWS says it: a name in a header, in the body or in an event, and a sentence beside it."""

from __future__ import annotations

import re
from typing import Final

from harness.dialects._bedrock_framing import event_message
from harness.dialects._saying import JSON, error_status, no_form, problem_headers
from harness.dialects._trouble import failed, kind_of_status, retry_after_s
from harness.dialects._untyped import Object, as_text, dumped, first
from harness.model import Head, Headers, Problem, ProblemKind

_KINDS: Final[dict[str, ProblemKind]] = {
    "throttlingException": "rate-limit",
    "serviceQuotaExceededException": "quota",
    "modelNotReadyException": "overloaded",
    "serviceUnavailableException": "overloaded",
    "internalServerException": "server-error",
    "modelStreamErrorException": "server-error",
    "modelErrorException": "server-error",
    "modelTimeoutException": "timeout",
    "accessDeniedException": "permission",
    "unrecognizedClientException": "auth",
    "expiredTokenException": "auth",
    "invalidSignatureException": "auth",
    "resourceNotFoundException": "not-found",
    "validationException": "invalid-request",
}
_TOO_LONG: Final = re.compile(
    r"too long|too many (input )?tokens|context (window|length)|maximum.*tokens", re.IGNORECASE
)
_SAID: Final[dict[ProblemKind, str]] = {
    "rate-limit": "throttlingException",
    "quota": "serviceQuotaExceededException",
    "overloaded": "serviceUnavailableException",
    "server-error": "internalServerException",
    "timeout": "modelTimeoutException",
    "auth": "unrecognizedClientException",
    "permission": "accessDeniedException",
    "not-found": "resourceNotFoundException",
    "invalid-request": "validationException",
    "context-length": "validationException",
    "content-filter": "validationException",
    "unknown": "internalServerException",
}
_STATUSES: Final[dict[ProblemKind, int]] = {"quota": 400, "timeout": 408, "auth": 403}
"""Where AWS has another status than most."""
_OVERLOADED: Final = 503
_FAILURE: Final = re.compile(r"Exception$|Error$|^error$")


def is_failure(event: str) -> bool:
    """True where an event of this name is the end of a stream that went wrong."""
    return bool(_FAILURE.search(event))


def problem_of(data: Object, head: Head, event: str = "") -> Problem:
    """The problem in `data`, an error's body or the payload of an exception called `event`."""
    named = event if event != "error" else as_text(data.get("code"))
    code = named or _bare(head.headers.get("x-amzn-errortype")) or _bare(as_text(first(data, "__type", "code")))
    message = as_text(first(data, "message", "Message", "originalMessage")) or dumped(data)
    status = head.status if failed(head) else None
    kind = _KINDS.get(code[:1].lower() + code[1:]) or (kind_of_status(status) if status else "server-error")
    if kind == "invalid-request" and _TOO_LONG.search(message):
        kind = "context-length"
    return Problem(kind, message, code, status, retry_after_s(head.headers))


def _bare(name: str) -> str:
    """`namespace#Name:http://...` less what stands around the name."""
    return name.partition(":")[0].rpartition("#")[2]


def refused(dialect: str, problem: Problem) -> tuple[Head, tuple[bytes, ...]]:
    """The answer that is nothing but an error. Raises DialectError for what is no error of a wire."""
    status = error_status(dialect, problem, overloaded=_OVERLOADED)
    status = _STATUSES.get(problem.kind, status) if problem.status is None else status
    name = _name(dialect, problem)
    headers = Headers((*problem_headers(problem, JSON), ("x-amzn-errortype", name[:1].upper() + name[1:])))
    return Head(status, headers), (dumped({"message": problem.message}).encode(),)


def exception_message(dialect: str, problem: Problem) -> bytes:
    """The message that tells of `problem` in the middle of a stream, and ends it. Raises DialectError for what is no
    error of a wire."""
    name = _name(dialect, problem)
    return event_message(name[:1].lower() + name[1:], dumped({"message": problem.message}).encode())


def _name(dialect: str, problem: Problem) -> str:
    own = problem.code if problem.code.endswith("Exception") else ""  # else it is another provider's
    name = own or _SAID.get(problem.kind)
    if name is None:
        what = f"a problem of the kind {problem.kind!r}; only the native dialect carries it, which a backend speaks"
        raise no_form(dialect, what)
    return name
