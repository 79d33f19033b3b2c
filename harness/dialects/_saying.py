"""What the renderers of replies share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final, TypeAlias

from harness.dialects._untyped import Object, dumped
from harness.errors import DialectError
from harness.model import (
    FinishReason,
    Head,
    Headers,
    Image,
    Problem,
    ProblemKind,
    Refusal,
    Reply,
    Spoken,
    Text,
    Thinking,
    ToolCall,
    ToolFragment,
)

Piece: TypeAlias = Text | Thinking | Refusal | Image | ToolFragment

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


def in_order(reply: Reply, said: Sequence[Spoken]) -> list[Piece]:
    """What `reply` says, piece by piece: `said`, and whole what of it is not among that. Nothing in it is empty."""
    pieces = [Text(piece) if isinstance(piece, str) else piece for piece in said]
    kinds = {type(piece) for piece in pieces}
    before: list[Piece] = [Thinking(reply.thinking)] if Thinking not in kinds else []
    if Text not in kinds:
        before.append(Text(reply.text))
    behind: list[Piece] = [Refusal(reply.refusal)] if Refusal not in kinds else []
    if ToolFragment not in kinds:
        behind += [ToolFragment(at, call.name, call.arguments, call.id) for at, call in enumerate(reply.tool_calls)]
    if Image not in kinds:
        behind += reply.images
    return [piece for piece in (*before, *pieces, *behind) if isinstance(piece, ToolFragment | Image) or piece.text]


def blocks(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """`pieces` of the same kind that follow each other, and of the same tool call; an image is always alone."""

    def block(piece: Piece) -> object:
        if isinstance(piece, Image):
            return object()
        return piece.index if isinstance(piece, ToolFragment) else type(piece)

    return [list(group) for _, group in groupby(pieces, block)]


def called(pieces: Sequence[Piece]) -> ToolCall:
    """The tool call that `pieces`, fragments of one, add up to."""
    return Reply.of(pieces).tool_calls[0]


def joined(pieces: Sequence[Piece]) -> str:
    """The text of `pieces`, none of which is of a tool call. Raises DialectError for an image, which is no text."""
    if any(isinstance(piece, Image) for piece in pieces):
        message = "this dialect has no form for an image"
        raise DialectError(message)
    return "".join(piece.text for piece in pieces if not isinstance(piece, ToolFragment | Image))


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
