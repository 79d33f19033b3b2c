"""What a chat completions server would send: a Reply as bytes. The same reply is the same bytes: no clock, no dice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from harness.dialects._openai_prompt import wire_call
from harness.dialects._openai_trouble import envelope, refused
from harness.dialects._saying import EVENT_STREAM, JSON, Piece, in_order, native_finish, no_form, ok, sse_event
from harness.dialects._untyped import Object, as_object, dumped
from harness.model import (
    FinishReason,
    Head,
    Json,
    Prompt,
    Refusal,
    Reply,
    Spoken,
    Text,
    Thinking,
    ToolCall,
    ToolFragment,
    Usage,
)

_NAME: Final = "openai-chat"
_FINISH: Final[dict[FinishReason, str]] = {
    "stop": "stop",
    "length": "length",
    "tool": "tool_calls",
    "filter": "content_filter",
    "refusal": "stop",
    "error": "error",
}
DONE: Final = b"data: [DONE]\n\n"
"""The last frame of a stream."""


def rendered(reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
    """Raises DialectError for a soft failure, finish reasons that this wire lacks, and an error after text that is not
    streamed. A refusal without its text would be an ordinary stop, so it raises too."""
    problem = reply.problem
    spoken = bool(reply.text or reply.thinking or reply.refusal or reply.tool_calls)
    if problem and not spoken and (problem.status is not None or not prompt.stream):
        return refused(_NAME, problem)
    if problem and not prompt.stream:
        raise no_form(_NAME, "an error after the text, where the answer is not streamed")
    if reply.finish == "refusal" and not reply.refusal:
        raise no_form(_NAME, "a refusal without its text; give `refusal`, or finish with `filter`")
    if prompt.stream:
        return ok(EVENT_STREAM), tuple(_events(reply, prompt, in_order(reply, said)))
    return ok(JSON), (dumped(_completion(reply, prompt)).encode(),)


def _events(reply: Reply, prompt: Prompt, pieces: Sequence[Piece]) -> Iterator[bytes]:
    opening = _opening(reply, prompt, "chat.completion.chunk")
    for delta in _deltas(pieces):
        yield sse_event("", {**opening, "choices": [_choice("delta", delta, None)]})
    if reply.problem:
        yield sse_event("", envelope(_NAME, reply.problem))
        return
    word = native_finish(_NAME, reply, _FINISH)
    if word:
        yield sse_event("", {**opening, "choices": [_choice("delta", {}, word)]})
    if reply.usage and as_object(prompt.parameters.get("stream_options")).get("include_usage"):
        yield sse_event("", {**opening, "choices": [], "usage": usage_of(reply.usage)})
    yield DONE


def _deltas(pieces: Sequence[Piece]) -> Iterator[Object]:
    yield {"role": "assistant", "content": ""}
    for piece in pieces:
        match piece:
            case Thinking(text=text):
                yield {"reasoning_content": text}
            case Text(text=text):
                yield {"content": text}
            case Refusal(text=text):
                yield {"refusal": text}
            case ToolFragment(index=index, name=name, arguments=arguments, id=known):
                if name or known:
                    yield {"tool_calls": [{"index": index, **wire_call(ToolCall(name, "", known))}]}
                if arguments:
                    yield {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}


def _completion(reply: Reply, prompt: Prompt) -> Object:
    message: Object = {"role": "assistant", "content": reply.text or None, "refusal": reply.refusal or None}
    if not (reply.refusal or reply.tool_calls):
        message["content"] = reply.text
    if reply.thinking:
        message["reasoning_content"] = reply.thinking
    if reply.tool_calls:
        message["tool_calls"] = [wire_call(call) for call in reply.tool_calls]
    choice = _choice("message", message, native_finish(_NAME, reply, _FINISH))
    usage: Object = {"usage": usage_of(reply.usage)} if reply.usage else {}
    return {**_opening(reply, prompt, "chat.completion"), "choices": [choice], **usage}


def _choice(field: str, message: Object, finish: str | None) -> Json:
    return {"index": 0, field: message, "logprobs": None, "finish_reason": finish}


def _opening(reply: Reply, prompt: Prompt, kind: str) -> Object:
    return {"id": reply.id or _id(reply), "object": kind, "created": 0, "model": reply.model or prompt.model}


def _id(reply: Reply) -> str:
    told: list[Json] = [reply.text, reply.thinking, reply.refusal, *(call.arguments for call in reply.tool_calls)]
    digest = hashlib.sha256(dumped(told).encode("utf-8", "replace")).hexdigest()
    return f"chatcmpl-harness-{digest[:12]}"


def usage_of(usage: Usage) -> Json:
    """The counts, as this family says them."""
    read, written = usage.input_tokens or 0, usage.output_tokens or 0
    counts: Object = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    if usage.cached_tokens is not None:
        counts["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    if usage.reasoning_tokens is not None:
        counts["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return counts
