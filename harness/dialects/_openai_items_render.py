"""What the Responses API would send: a Reply as the items of an answer, and as the events that tell of them.

The order of the events is that of https://platform.openai.com/docs/api-reference/responses-streaming: an item is added,
its part is added, the part's deltas come, the part is done, the item is done, and the completed response has it all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from harness.dialects._openai_trouble import envelope, refused
from harness.dialects._saying import (
    EVENT_STREAM,
    JSON,
    Piece,
    blocks,
    called,
    in_order,
    joined,
    native_finish,
    no_form,
    ok,
    sse_event,
)
from harness.dialects._untyped import Object, as_object, dumped
from harness.model import (
    FinishReason,
    Head,
    Image,
    Json,
    Problem,
    Prompt,
    Refusal,
    Reply,
    Spoken,
    Thinking,
    ToolFragment,
    Usage,
)

_NAME: Final = "openai-responses"
_STATUS: Final[dict[FinishReason, str]] = {
    "stop": "completed",
    "tool": "completed",
    "refusal": "completed",
    "length": "max_output_tokens",
    "filter": "content_filter",
    "pause": "in_progress",
    "error": "failed",
}
_INCOMPLETE: Final = frozenset({"max_output_tokens", "content_filter"})
_STATUSES: Final = frozenset({"completed", "failed", "in_progress", "queued", "cancelled", "incomplete"})
_SETTINGS: Final[Object] = {
    "instructions": None,
    "max_output_tokens": None,
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
    "metadata": {},
}
"""What an answer repeats of its request where the request said nothing."""


def rendered(reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
    """Raises DialectError for a soft failure, a finish reason that this wire lacks, and an error after text that is not
    streamed."""
    pieces, problem = in_order(reply, said), reply.problem
    if problem and not pieces and (problem.status is not None or not prompt.stream):
        return refused(_NAME, problem)
    if problem and not prompt.stream:
        raise no_form(_NAME, "an error after the text, where the answer is not streamed")
    if reply.finish == "refusal" and not any(isinstance(piece, Refusal) for piece in pieces):
        raise no_form(_NAME, "a refusal without its text; give `refusal`, or finish with `filter`")
    if not prompt.stream:
        return ok(JSON), (dumped(_response(reply, prompt, _items(pieces))).encode(),)
    events = enumerate(_events(reply, prompt, pieces))
    return ok(EVENT_STREAM), tuple(sse_event(str(e["type"]), {**e, "sequence_number": n}) for n, e in events)


def _events(reply: Reply, prompt: Prompt, pieces: Sequence[Piece]) -> Iterator[Object]:
    begun = _response(Reply(id=_id(reply), model=reply.model, native_finish="in_progress"), prompt, [])
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, block in enumerate(blocks(pieces)):
        yield from _told(index, block)
    if reply.problem:
        yield error_event(reply.problem)
        return
    ended = _response(reply, prompt, _items(pieces))
    status = str(ended["status"])
    yield {"type": f"response.{status if status in {'incomplete', 'failed'} else 'completed'}", "response": ended}


def error_event(problem: Problem) -> Object:
    """The event that tells of `problem` in the middle of a stream. Raises DialectError for what is no error of a
    wire."""
    error = as_object(envelope(_NAME, problem)["error"])
    code = error.get("code") or error.get("type")
    return {"type": "error", "code": code, "message": problem.message, "param": None}


def _told(index: int, block: Sequence[Piece]) -> Iterator[Object]:
    """The events of one item."""
    item = _item(index, block)
    place: Object = {"item_id": item["id"], "output_index": index}
    yield {"type": "response.output_item.added", "output_index": index, "item": _empty(item)}
    match block[0]:
        case ToolFragment():
            yield from _arguments(place, block, item)
        case Thinking():
            yield from _spoken("reasoning_summary", "summary", {**place, "summary_index": 0}, block)
        case Image():
            for stage in ("in_progress", "generating", "completed"):
                yield {"type": f"response.image_generation_call.{stage}", **place}
        case Refusal():
            yield from _spoken("content", "refusal", {**place, "content_index": 0}, block)
        case _:
            yield from _spoken("content", "text", {**place, "content_index": 0}, block)
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _arguments(place: Object, block: Sequence[Piece], item: Object) -> Iterator[Object]:
    kind = "response.function_call_arguments"
    for piece in block:
        if isinstance(piece, ToolFragment) and piece.arguments:
            yield {"type": f"{kind}.delta", **place, "delta": piece.arguments}
    yield {"type": f"{kind}.done", **place, "name": item["name"], "arguments": item["arguments"]}


def _spoken(part: str, sort: str, place: Object, block: Sequence[Piece]) -> Iterator[Object]:
    """The events of one part: `sort` is what it holds."""
    piece_name = {"text": "output_text", "refusal": "refusal", "summary": "reasoning_summary_text"}[sort]
    more: Object = {"logprobs": []} if sort == "text" else {}
    yield {"type": f"response.{part}_part.added", **place, "part": _part(sort, "")}
    for piece in block:
        yield {"type": f"response.{piece_name}.delta", **place, "delta": joined([piece]), **more}
    whole = joined(block)
    named: Object = {"refusal" if sort == "refusal" else "text": whole}
    yield {"type": f"response.{piece_name}.done", **place, **named, **more}
    yield {"type": f"response.{part}_part.done", **place, "part": _part(sort, whole)}


def _items(pieces: Sequence[Piece]) -> list[Json]:
    return [_item(index, block) for index, block in enumerate(blocks(pieces))]


def _item(index: int, block: Sequence[Piece]) -> Object:
    match block[0]:
        case ToolFragment():
            call = called(block)
            named: Object = {"call_id": call.id, "name": call.name, "arguments": call.arguments}
            return {"id": f"fc_harness_{index}", "type": "function_call", "status": "completed", **named}
        case Thinking():
            return {"id": f"rs_harness_{index}", "type": "reasoning", "summary": [_part("summary", joined(block))]}
        case Image(media_type=media_type, data=data):
            drawn: Object = {"output_format": media_type.removeprefix("image/"), "result": data}
            return {"id": f"ig_harness_{index}", "type": "image_generation_call", "status": "completed", **drawn}
        case piece:
            sort = "refusal" if isinstance(piece, Refusal) else "text"
            spoken: Object = {"status": "completed", "role": "assistant", "content": [_part(sort, joined(block))]}
            return {"id": f"msg_harness_{index}", "type": "message", **spoken}


def _empty(item: Object) -> Object:
    """`item` as it is added: nothing of it was said yet."""
    begun: Object = {"status": "in_progress"} if "status" in item else {}
    fields: Object = {"content": [], "summary": [], "arguments": "", "result": None}
    return {**item, **begun, **{name: empty for name, empty in fields.items() if name in item}}


def _part(sort: str, text: str) -> Object:
    match sort:
        case "refusal":
            return {"type": "refusal", "refusal": text}
        case "summary":
            return {"type": "summary_text", "text": text}
        case _:
            return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _response(reply: Reply, prompt: Prompt, items: list[Json]) -> Object:
    word = native_finish(_NAME, reply, _STATUS)
    cut = word if word in _INCOMPLETE or (word is not None and word not in _STATUSES) else None
    why: Json = {"reason": cut} if cut else None
    return {
        "id": _id(reply),
        "object": "response",
        "created_at": 0,
        "status": "incomplete" if cut else word,
        "error": None,
        "incomplete_details": why,
        "model": reply.model or prompt.model,
        "output": items,
        "usage": _usage(reply.usage) if reply.usage else None,
        **_SETTINGS,
    }


def _id(reply: Reply) -> str:
    told: list[Json] = [reply.text, reply.thinking, reply.refusal, *(call.arguments for call in reply.tool_calls)]
    digest = hashlib.sha256(dumped(told).encode("utf-8", "replace")).hexdigest()
    return reply.id or f"resp_harness_{digest[:12]}"


def _usage(usage: Usage) -> Json:
    read, written = usage.input_tokens or 0, usage.output_tokens or 0
    cached: Object = {} if usage.cached_tokens is None else {"cached_tokens": usage.cached_tokens}
    thought: Object = {} if usage.reasoning_tokens is None else {"reasoning_tokens": usage.reasoning_tokens}
    return {
        "input_tokens": read,
        "input_tokens_details": cached,
        "output_tokens": written,
        "output_tokens_details": thought,
        "total_tokens": read + written,
    }
