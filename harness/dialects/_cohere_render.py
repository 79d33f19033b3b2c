"""What Cohere would send: a Reply in the form of `/v2/chat`, as one object or as the events of a stream.

The order of the events is that of https://docs.cohere.com/reference/chat-stream; a stream ends with `data: [DONE]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

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
from harness.model import FinishReason, Head, Json, Prompt, Reply, Spoken, Thinking, ToolFragment, Usage

_NAME: Final = "cohere"
_FINISH: Final[dict[FinishReason, str]] = {
    "stop": "COMPLETE",
    "length": "MAX_TOKENS",
    "tool": "TOOL_CALL",
    "error": "ERROR",
}
_OVERLOADED: Final = 503
_DONE: Final = b"data: [DONE]\n\n"


def rendered(reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
    """Raises DialectError for a refusal text, a soft failure, finish reasons that this wire lacks, and an error after
    text that is not streamed."""
    if reply.refusal:
        raise no_form(_NAME, "a refusal apart from the text; write it as `text`")
    pieces, problem = in_order(reply, said), reply.problem
    if problem and not (prompt.stream and pieces):
        status = error_status(_NAME, problem, overloaded=_OVERLOADED)
        body: Object = {"id": _id(reply), "message": problem.message}
        return Head(status, problem_headers(problem, JSON)), (dumped(body).encode(),)
    if prompt.stream:
        told = tuple(sse_event(str(event["type"]), event) for event in _events(reply, pieces))
        return ok(EVENT_STREAM), (*told, _DONE)
    return ok(JSON), (dumped(_whole(reply, pieces)).encode(),)


def _events(reply: Reply, pieces: Sequence[Piece]) -> Iterator[Object]:
    empty: Object = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    yield {"type": "message-start", "id": _id(reply), "delta": {"message": empty}}
    counted = {True: 0, False: 0}  # calls and contents are numbered apart
    for block in blocks(pieces):
        is_call = isinstance(block[0], ToolFragment)
        yield from _call_events(counted[is_call], block) if is_call else _content_events(counted[is_call], block)
        counted[is_call] += 1
    if reply.problem:
        why = "TIMEOUT" if reply.problem.kind == "timeout" else "ERROR"
        yield {"type": "message-end", "delta": {"error": reply.problem.message, "finish_reason": why}}
        return
    yield {"type": "message-end", "delta": _closing(reply)}


def _content_events(index: int, block: Sequence[Piece]) -> Iterator[Object]:
    sort = "thinking" if isinstance(block[0], Thinking) else "text"
    yield _event("content-start", index, content={"type": sort, sort: ""})
    for piece in block:
        yield _event("content-delta", index, content={sort: joined([piece])})
    yield {"type": "content-end", "index": index}


def _call_events(index: int, block: Sequence[Piece]) -> Iterator[Object]:
    call = called(block)
    opening: Object = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
    yield _event("tool-call-start", index, tool_calls=opening)
    for piece in block:
        if isinstance(piece, ToolFragment) and piece.arguments:
            yield _event("tool-call-delta", index, tool_calls={"function": {"arguments": piece.arguments}})
    yield {"type": "tool-call-end", "index": index}


def _event(kind: str, index: int, **message: Json) -> Object:
    return {"type": kind, "index": index, "delta": {"message": message}}


def _whole(reply: Reply, pieces: Sequence[Piece]) -> Object:
    message: Object = {"role": "assistant"}
    if reply.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in reply.tool_calls
        ]
    message["content"] = [_content(block) for block in blocks(pieces) if not isinstance(block[0], ToolFragment)]
    return {"id": _id(reply), "message": message, **_closing(reply)}


def _content(block: Sequence[Piece]) -> Json:
    sort = "thinking" if isinstance(block[0], Thinking) else "text"
    return {"type": sort, sort: joined(block)}


def _closing(reply: Reply) -> Object:
    word = native_finish(_NAME, reply, _FINISH)
    ended: Object = {"finish_reason": word} if word else {}
    return {**ended, "usage": _usage(reply.usage)} if reply.usage else ended


def _usage(usage: Usage) -> Object:
    told = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
    counts: Json = {name: count for name, count in told.items() if count is not None}
    cached: Object = {} if usage.cached_tokens is None else {"cached_tokens": usage.cached_tokens}
    return {"billed_units": counts, "tokens": counts, **cached}


def _id(reply: Reply) -> str:
    return reply.id or "cohere_harness"
