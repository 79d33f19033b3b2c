"""What Gemini would send: a Reply as bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from harness.dialects._asking import arguments_of, assistant_calls
from harness.dialects._saying import (
    EVENT_STREAM,
    JSON,
    Piece,
    blocks,
    called,
    error_status,
    in_order,
    joined,
    native_finish,
    no_form,
    ok,
    problem_headers,
    sse_event,
)
from harness.dialects._untyped import Object, dumped
from harness.model import (
    FinishReason,
    Head,
    Image,
    Json,
    Problem,
    ProblemKind,
    Prompt,
    Reply,
    Spoken,
    Thinking,
    ToolCall,
    ToolFragment,
    Usage,
)

_NAME: Final = "gemini"
_FINISH: Final[dict[FinishReason, str]] = {
    "stop": "STOP",
    "tool": "STOP",
    "length": "MAX_TOKENS",
    "filter": "SAFETY",
    "pause": "CONTINUATION",
    "error": "OTHER",
}
_STATUSES: Final[dict[ProblemKind, str]] = {
    "rate-limit": "RESOURCE_EXHAUSTED",
    "quota": "RESOURCE_EXHAUSTED",
    "overloaded": "UNAVAILABLE",
    "server-error": "INTERNAL",
    "timeout": "DEADLINE_EXCEEDED",
    "auth": "UNAUTHENTICATED",
    "permission": "PERMISSION_DENIED",
    "not-found": "NOT_FOUND",
    "invalid-request": "INVALID_ARGUMENT",
    "context-length": "INVALID_ARGUMENT",
    "unknown": "UNKNOWN",
}
_OVERLOADED: Final = 503
_COUNTS: Final = {
    "promptTokenCount": "input_tokens",
    "candidatesTokenCount": "output_tokens",
    "cachedContentTokenCount": "cached_tokens",
    "thoughtsTokenCount": "reasoning_tokens",
}


def rendered(reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
    """Raises DialectError for a refusal text, a soft failure and finish reasons that this wire does not have."""
    if reply.refusal:
        raise no_form(_NAME, "a refusal apart from the text; write it as `text`, or as `finish: filter`")
    problem, parts = (
        reply.problem,
        [_part(block) for block in _cut(in_order(reply, said), streamed=bool(prompt.stream))],
    )
    if problem and problem.kind != "content-filter" and not (prompt.stream and parts):
        return _failure(problem)
    assistant_calls(_NAME, reply)
    if prompt.stream:
        return ok(EVENT_STREAM), tuple(sse_event("", frame, "\r\n") for frame in _frames(reply, prompt, parts))
    return ok(JSON), (dumped(_whole(reply, prompt, parts)).encode(),)


def _failure(problem: Problem) -> tuple[Head, tuple[bytes, ...]]:
    status = error_status(_NAME, problem, overloaded=_OVERLOADED)
    return Head(status, problem_headers(problem, JSON)), (dumped(_error(problem, status)).encode(),)


def _error(problem: Problem, status: int) -> Object:
    details = problem.extra.get("details")
    if details is None and problem.retry_after_s is not None:
        kind = "type.googleapis.com/google.rpc.RetryInfo"
        details = [{"@type": kind, "retryDelay": f"{problem.retry_after_s:g}s"}]
    error: Object = {
        "code": status,
        "message": problem.message,
        "status": problem.code or _STATUSES.get(problem.kind, "UNKNOWN"),
    }
    return {"error": {**error, "details": details} if details else error}


def _frames(reply: Reply, prompt: Prompt, parts: Sequence[Object]) -> Iterator[Object]:
    problem = reply.problem
    if problem and problem.kind == "content-filter":
        yield {**_blocked(problem), **_identity(reply, prompt)}
        return
    # What is called at the end is called in the frame that says why the answer ends.
    last = len(parts)
    while last and "functionCall" in parts[last - 1] and not problem:
        last -= 1
    for part in parts[:last]:
        yield {**_candidate([part]), **_identity(reply, prompt)}
    if problem:
        yield _error(problem, error_status(_NAME, problem, overloaded=_OVERLOADED))
        return
    yield {**_candidate(parts[last:], reply), **_counts(reply.usage), **_identity(reply, prompt)}


def _whole(reply: Reply, prompt: Prompt, parts: Sequence[Object]) -> Object:
    problem = reply.problem
    if problem:
        return {**_blocked(problem), **_counts(reply.usage), **_identity(reply, prompt)}
    return {**_candidate(parts, reply), **_counts(reply.usage), **_identity(reply, prompt)}


def _blocked(problem: Problem) -> Object:
    reason = problem.code or "SAFETY"
    return {"promptFeedback": {"blockReason": reason, "blockReasonMessage": problem.message}}


def _cut(pieces: Sequence[Piece], *, streamed: bool) -> Iterator[Sequence[Piece]]:
    """The parts: those of a stream are its pieces, but a tool call is always one part."""
    for block in blocks(pieces):
        if streamed and not isinstance(block[0], ToolFragment):
            yield from ([piece] for piece in block)
        else:
            yield block


def _part(block: Sequence[Piece]) -> Object:
    match block[0]:
        case ToolFragment():
            return {"functionCall": _call(called(block))}
        case Image(media_type=media_type, data=data):
            return {"inlineData": {"mimeType": media_type, "data": data}}
        case Thinking():
            return {"text": joined(block), "thought": True}
        case _:
            return {"text": joined(block)}


def _candidate(parts: Sequence[Object], ends: Reply | None = None) -> Object:
    content: Object = {"parts": list(parts), "role": "model"} if parts else {"role": "model"}
    candidate: Object = {"content": content, "index": 0}
    word = native_finish(_NAME, ends, _FINISH) if ends else None
    return {"candidates": [{**candidate, "finishReason": word} if word else candidate]}


def _call(call: ToolCall) -> Json:
    said: Object = {"name": call.name, "args": arguments_of(call)}
    return {**said, "id": call.id} if call.id else said


def _counts(usage: Usage | None) -> Object:
    counts = {theirs: getattr(usage, ours) for theirs, ours in _COUNTS.items()} if usage else {}
    told: Object = {name: count for name, count in counts.items() if count is not None}
    return {"usageMetadata": told} if told else {}


def _identity(reply: Reply, prompt: Prompt) -> Object:
    return {"modelVersion": reply.model or prompt.model, "responseId": reply.id or "harness"}
