"""What the renderers of replies share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from harness.dialects._untyped import Object, dumped
from harness.errors import DialectError
from harness.model import FinishReason, Head, Headers, Problem, ProblemKind, Reply

JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream; charset=utf-8"
NDJSON: Final = "application/x-ndjson"

_STATUS: Final[dict[ProblemKind, int]] = {
    "rate-limit": 429,
    "quota": 429,
    "overloaded": 503,
    "server-error": 500,
    "timeout": 504,
    "auth": 401,
    "permission": 403,
    "not-found": 404,
    "invalid-request": 400,
    "context-length": 400,
    "content-filter": 400,
    "unknown": 500,
}


def ok(content_type: str) -> Head:
    """The head of an answer."""
    return Head(200, Headers((("content-type", content_type),)), "OK")


def no_form(dialect: str, what: str) -> DialectError:
    """The error for what a wire cannot carry."""
    return DialectError(f"{dialect} has no form for {what}")


def error_status(dialect: str, problem: Problem, *, overloaded: int) -> int:
    """The status of an error answer. Raises DialectError for what is no error of a wire."""
    if problem.status is not None:
        return problem.status
    if problem.kind == "overloaded":
        return overloaded
    status = _STATUS.get(problem.kind)
    if status is None:
        what = f"a problem of the kind {problem.kind!r}; only the native dialect carries it, which a backend speaks"
        raise no_form(dialect, what)
    return status


def problem_headers(problem: Problem, content_type: str) -> Headers:
    """The headers of an error answer, with `retry-after` where a wait is known."""
    pairs = [("content-type", content_type)]
    if problem.retry_after_s is not None:
        pairs.append(("retry-after", f"{problem.retry_after_s:g}"))
    return Headers(tuple(pairs))


def native_finish(dialect: str, reply: Reply, words: Mapping[FinishReason, str]) -> str | None:
    """The wire's own word for why the reply ended; None where it does not say. Raises DialectError for no such word."""
    if reply.native_finish or reply.finish is None:
        return reply.native_finish or None
    word = words.get(reply.finish)
    if word is None:
        raise no_form(dialect, f"the finish reason {reply.finish!r}; it has {', '.join(words)}")
    return word


def sse_event(name: str, data: Object, newline: str = "\n") -> bytes:
    """One server-sent event, unnamed where `name` is empty."""
    event = f"event: {name}{newline}" if name else ""
    return f"{event}data: {dumped(data)}{newline}{newline}".encode()
