"""What Anthropic would send: a Reply as bytes."""

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
    Json,
    Problem,
    ProblemKind,
    Prompt,
    Reply,
    Spoken,
    Thinking,
    ToolFragment,
)

_NAME: Final = "anthropic"
_FINISH: Final[dict[FinishReason, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool": "tool_use",
    "pause": "pause_turn",
    "refusal": "refusal",
}
_ERROR_TYPES: Final[dict[ProblemKind, str]] = {
    "rate-limit": "rate_limit_error",
    "quota": "billing_error",
    "overloaded": "overloaded_error",
    "server-error": "api_error",
    "timeout": "timeout_error",
    "auth": "authentication_error",
    "permission": "permission_error",
    "not-found": "not_found_error",
    "invalid-request": "invalid_request_error",
    "context-length": "invalid_request_error",
}
_OVERLOADED: Final = 529


def rendered(reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
    """Raises DialectError for a refusal text, a soft failure and finish reasons that this wire does not have."""
    if reply.refusal:
        raise no_form(_NAME, "a refusal apart from the text; write it as `text` with `finish: refusal`")
    pieces = in_order(reply, said)
    if reply.problem and not (prompt.stream and pieces):
        return _failure(reply.problem)
    if prompt.stream:  # whose arguments are text, and may be cut anywhere
        return ok(EVENT_STREAM), tuple(sse_event(as_type(event), event) for event in _events(reply, prompt, pieces))
    assistant_calls(_NAME, reply)
    return ok(JSON), (dumped(_message(reply, prompt, [_block(block) for block in blocks(pieces)])).encode(),)


def as_type(event: Object) -> str:
    """The SSE event name, which this wire repeats in the data."""
    return str(event["type"])


def _failure(problem: Problem) -> tuple[Head, tuple[bytes, ...]]:
    status = error_status(_NAME, problem, overloaded=_OVERLOADED)
    return Head(status, problem_headers(problem, JSON)), (dumped(_error(problem)).encode(),)


def _error(problem: Problem) -> Object:
    kind = problem.code or _ERROR_TYPES.get(problem.kind)
    if kind is None:
        raise no_form(_NAME, f"a problem of the kind {problem.kind!r}")
    error: Object = {"type": kind, "message": problem.message}
    if "details" in problem.extra:
        error["details"] = problem.extra["details"]
    return {"type": "error", "error": error, "request_id": "req_harness"}


def _events(reply: Reply, prompt: Prompt, pieces: Sequence[Piece]) -> Iterator[Object]:
    start = _message(Reply(id=reply.id, model=reply.model, usage=reply.usage), prompt, [])
    yield {"type": "message_start", "message": start}
    for index, block in enumerate(blocks(pieces)):
        yield {"type": "content_block_start", "index": index, "content_block": _opening(block)}
        for piece in block:
            yield {"type": "content_block_delta", "index": index, "delta": _delta(piece)}
        yield {"type": "content_block_stop", "index": index}
    if reply.problem:
        yield _error(reply.problem)
        return
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": _stop_reason(reply), "stop_sequence": None},
        "usage": _usage(reply),
    }
    yield {"type": "message_stop"}


def _opening(block: Sequence[Piece]) -> Object:
    match block[0]:
        case ToolFragment():
            call = called(block)
            return {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        case Thinking():
            return {"type": "thinking", "thinking": "", "signature": ""}
        case _:
            return {"type": "text", "text": ""}


def _delta(piece: Piece) -> Object:
    match piece:
        case ToolFragment(arguments=arguments):
            return {"type": "input_json_delta", "partial_json": arguments}
        case Thinking(text=text):
            return {"type": "thinking_delta", "thinking": text}
        case _:
            return {"type": "text_delta", "text": joined([piece])}


def _block(block: Sequence[Piece]) -> Json:
    match block[0]:
        case ToolFragment():
            call = called(block)
            return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments_of(call)}
        case Thinking():
            return {"type": "thinking", "thinking": joined(block), "signature": ""}
        case _:
            return {"type": "text", "text": joined(block)}


def _message(reply: Reply, prompt: Prompt, content: list[Json]) -> Object:
    return {
        "id": reply.id or "msg_harness",
        "type": "message",
        "role": "assistant",
        "model": reply.model or prompt.model,
        "content": content,
        "stop_reason": _stop_reason(reply),
        "stop_sequence": None,
        "usage": _usage(reply),
    }


def _stop_reason(reply: Reply) -> str | None:
    return native_finish(_NAME, reply, _FINISH)


def _usage(reply: Reply) -> Object:
    usage = reply.usage
    counts: Object = {
        "input_tokens": (usage and usage.input_tokens) or 0,
        "output_tokens": (usage and usage.output_tokens) or 0,
    }
    if usage and usage.cached_tokens is not None:
        counts["cache_read_input_tokens"] = usage.cached_tokens
    if usage and usage.reasoning_tokens is not None:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return counts
