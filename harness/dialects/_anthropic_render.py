"""What Anthropic would send: a Reply as bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from harness.dialects._asking import arguments_of, assistant_calls
from harness.dialects._saying import (
    EVENT_STREAM,
    JSON,
    error_status,
    native_finish,
    no_form,
    ok,
    problem_headers,
    sse_event,
)
from harness.dialects._untyped import Object, dumped
from harness.model import FinishReason, Head, Json, Problem, ProblemKind, Prompt, Reply

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


def rendered(reply: Reply, prompt: Prompt, pieces: Sequence[str]) -> tuple[Head, tuple[bytes, ...]]:
    """Raises DialectError for a refusal text, a soft failure and finish reasons that this wire does not have."""
    if reply.refusal:
        raise no_form(_NAME, "a refusal apart from the text; write it as `text` with `finish: refusal`")
    if reply.problem and not (prompt.stream and (pieces or reply.thinking)):
        return _failure(reply.problem)
    assistant_calls(_NAME, reply)
    if prompt.stream:
        return ok(EVENT_STREAM), tuple(sse_event(as_type(event), event) for event in _events(reply, prompt, pieces))
    return ok(JSON), (dumped(_message(reply, prompt, list(_blocks(reply)))).encode(),)


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


def _events(reply: Reply, prompt: Prompt, pieces: Sequence[str]) -> Iterator[Object]:
    start = _message(Reply(id=reply.id, model=reply.model, usage=reply.usage), prompt, [])
    yield {"type": "message_start", "message": start}
    for index, (block, deltas) in enumerate(_streamed_blocks(reply, pieces)):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
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


def _streamed_blocks(reply: Reply, pieces: Sequence[str]) -> Iterator[tuple[Object, list[Object]]]:
    if reply.thinking:
        yield (
            {"type": "thinking", "thinking": "", "signature": ""},
            [{"type": "thinking_delta", "thinking": reply.thinking}],
        )
    if pieces:
        yield {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces]
    for call in reply.tool_calls:
        block: Object = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        yield block, [{"type": "input_json_delta", "partial_json": call.arguments}]


def _blocks(reply: Reply) -> Iterator[Json]:
    if reply.thinking:
        yield {"type": "thinking", "thinking": reply.thinking, "signature": ""}
    if reply.text:
        yield {"type": "text", "text": reply.text}
    for call in reply.tool_calls:
        yield {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments_of(call)}


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
