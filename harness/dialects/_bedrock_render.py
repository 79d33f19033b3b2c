"""What Converse would send: a Reply as one object, or as the binary messages of a stream.

The order of the events is that of
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html.
Only the block of a tool has a start.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from harness.dialects._asking import arguments_of, assistant_calls
from harness.dialects._bedrock_framing import event_message
from harness.dialects._bedrock_trouble import exception_message, refused
from harness.dialects._saying import JSON, Piece, blocks, called, in_order, joined, native_finish, no_form, ok
from harness.dialects._untyped import Object, dumped
from harness.model import FinishReason, Head, Json, Prompt, Reply, Spoken, Thinking, ToolFragment

_NAME: Final = "bedrock-converse"
_FINISH: Final[dict[FinishReason, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool": "tool_use",
    "filter": "content_filtered",
    "error": "malformed_model_output",
}
MESSAGES: Final = "application/vnd.amazon.eventstream"
Event: TypeAlias = "tuple[str, Object]"
"""The name of an event, and its value."""


def rendered(reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
    """Raises DialectError for a refusal text, a soft failure and finish reasons that this wire does not have."""
    pieces, problem = in_order(reply, said), reply.problem
    if problem and not (prompt.stream and pieces):
        return refused(_NAME, problem)
    if not prompt.stream:
        return ok(JSON), (dumped(whole(reply, pieces)).encode(),)
    told = [event_message(name, dumped(value).encode()) for name, value in events(reply, pieces)]
    return ok(MESSAGES), (*told, *([exception_message(_NAME, problem)] if problem else ()))


def events(reply: Reply, pieces: Sequence[Piece]) -> Iterator[Event]:
    """The events that tell of `reply`, those of its end only where it has no problem. Raises DialectError as
    `rendered` does."""
    _has_form(reply)
    yield "messageStart", {"role": "assistant"}
    for index, block in enumerate(blocks(pieces)):
        yield from _block_events(index, block)
    if reply.problem:
        return
    yield "messageStop", _stopped(reply)
    yield "metadata", _counted(reply)


def whole(reply: Reply, pieces: Sequence[Piece]) -> Object:
    """`reply` as one object. Raises DialectError as `rendered` does, and for tool arguments that are no JSON."""
    _has_form(reply)
    assistant_calls(_NAME, reply)
    content = [_block(block) for block in blocks(pieces)]
    return {"output": {"message": {"role": "assistant", "content": content}}, **_stopped(reply), **_counted(reply)}


def _has_form(reply: Reply) -> None:
    if reply.refusal:
        raise no_form(_NAME, "a refusal apart from the text; write it as `text` with `finish: filter`")


def _block_events(index: int, block: Sequence[Piece]) -> Iterator[Event]:
    place: Object = {"contentBlockIndex": index}
    if isinstance(block[0], ToolFragment):
        call = called(block)
        yield "contentBlockStart", {**place, "start": {"toolUse": {"toolUseId": call.id, "name": call.name}}}
    for piece in block:
        delta = _delta(piece)
        if delta:
            yield "contentBlockDelta", {**place, "delta": delta}
    yield "contentBlockStop", place


def _delta(piece: Piece) -> Object:
    match piece:
        case ToolFragment(arguments=arguments):
            return {"toolUse": {"input": arguments}} if arguments else {}
        case Thinking(text=text):
            return {"reasoningContent": {"text": text}}
        case _:
            return {"text": joined([piece])}


def _block(block: Sequence[Piece]) -> Json:
    match block[0]:
        case ToolFragment():
            call = called(block)
            return {"toolUse": {"toolUseId": call.id, "name": call.name, "input": arguments_of(call)}}
        case Thinking():
            return {"reasoningContent": {"reasoningText": {"text": joined(block)}}}
        case _:
            return {"text": joined(block)}


def _stopped(reply: Reply) -> Object:
    word = native_finish(_NAME, reply, _FINISH)
    return {"stopReason": word} if word else {}


def _counted(reply: Reply) -> Object:
    usage = reply.usage
    read, written = (usage and usage.input_tokens) or 0, (usage and usage.output_tokens) or 0
    cached: Object = {}
    if usage and usage.cached_tokens is not None:
        cached["cacheReadInputTokens"] = usage.cached_tokens
    counts: Object = {"inputTokens": read, "outputTokens": written, "totalTokens": read + written, **cached}
    return {"usage": counts, "metrics": {"latencyMs": 0}}
