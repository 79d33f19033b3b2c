"""What is wrong, as AWS says it: a name in a header, in the body or in an event, and a sentence beside it."""

from __future__ import annotations

import re
from typing import Final

from harness.dialects._trouble import failed, kind_of_status, retry_after_s
from harness.dialects._untyped import Object, as_text, dumped, first
from harness.model import Head, Problem, ProblemKind

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
