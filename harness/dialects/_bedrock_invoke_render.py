"""What InvokeModel would send: what the model's maker would, whole or as base64 in the `chunk` events of a stream.

Whose form it is, the prompt says: by `anthropic_version`, or by the name of the model. A profile's ARN, and a name that
says nothing, is taken for Anthropic's, which most ask for.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from harness.dialects import _anthropic_prompt, _anthropic_render, _bedrock_prompt, _openai_prompt, _openai_render
from harness.dialects import _bedrock_render as converse
from harness.dialects._asking import post
from harness.dialects._bedrock_framing import event_message
from harness.dialects._bedrock_trouble import exception_message, refused
from harness.dialects._framing import SSEParser
from harness.dialects._saying import JSON, in_order, no_form, ok
from harness.dialects._untyped import MISSING, Object, as_object, dumped, loaded
from harness.model import Head, Json, Prompt, Reply, Request, Spoken, Usage

_NAME: Final = "bedrock-invoke"
_VERSION: Final = "bedrock-2023-05-31"
_NOVA: Final = re.compile(r"\bnova\b", re.IGNORECASE)
_OPENAI: Final = re.compile(r"\b(?:openai|qwen|moonshot|minimax|zai|nvidia|google)\.", re.IGNORECASE)
_OTHERS: Final = re.compile(r"\b(?:amazon\.titan|meta\.|mistral\.|cohere\.|ai21\.|deepseek\.)", re.IGNORECASE)


def form_of(prompt: Prompt) -> str:
    """`anthropic`, `nova` or `openai`. Raises DialectError for a model of another maker, whose form is only read."""
    if "anthropic_version" in prompt.parameters:
        return "anthropic"
    if _NOVA.search(prompt.model):
        return "nova"
    if _OTHERS.search(prompt.model):
        what = f"{prompt.model!r}: the forms of Anthropic, Nova and OpenAI are written, and others read; use converse"
        raise no_form(_NAME, what)
    return "openai" if _OPENAI.search(prompt.model) else "anthropic"


def request_of(prompt: Prompt, base_url: str) -> Request:
    """`prompt` as a request, in the form of its model's maker. Raises DialectError as those do."""
    verb = "invoke-with-response-stream" if prompt.stream else "invoke"
    return post(_bedrock_prompt.url_of(base_url, prompt.model, verb), _asked(prompt, base_url))


def _asked(prompt: Prompt, base_url: str) -> Object:
    match form_of(prompt):
        case "nova":
            return {"schemaVersion": "messages-v1", **_bedrock_prompt.body_of(prompt)}
        case "openai":
            made = as_object(loaded(_openai_prompt.request_of(prompt, base_url).body))
        case _:
            made = as_object(loaded(_anthropic_prompt.request_of(prompt, base_url).body))
            made = {"anthropic_version": _VERSION, **made}
    return {name: value for name, value in made.items() if name not in {"model", "stream"}}


def rendered(reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
    """Raises DialectError for what the maker's own form lacks, and for a maker whose form is only read."""
    form, problem = form_of(prompt), reply.problem
    if problem and not (prompt.stream and in_order(reply, said)):
        return refused(_NAME, problem)
    if form == "nova":
        values = list(_nova(reply, prompt, said))
    else:
        values = [value for value in _maker(form, reply, prompt, said) if not _is_error(value)]
    if not prompt.stream:
        return ok(JSON), (dumped(values[0]).encode(),)
    if reply.usage and not problem:
        values[-1] = {**values[-1], "amazon-bedrock-invocationMetrics": _metrics(reply.usage)}
    told = [chunk_message(dumped(value).encode()) for value in values]
    return ok(converse.MESSAGES), (*told, *([exception_message(_NAME, problem)] if problem else ()))


def chunk_message(value: bytes) -> bytes:
    """One message with a piece of what the maker sends."""
    return event_message("chunk", dumped({"bytes": b64encode(value).decode()}).encode())


def _metrics(usage: Usage) -> Json:
    """What Bedrock itself counts, in the last chunk of a stream of any maker."""
    counts = {"inputTokenCount": usage.input_tokens, "outputTokenCount": usage.output_tokens}
    told: Object = {name: count for name, count in counts.items() if count is not None}
    return {**told, "invocationLatency": 0, "firstByteLatency": 0}


def _nova(reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> Iterator[Object]:
    """Converse's own, each event's name around its value."""
    pieces = in_order(reply, said)
    if prompt.stream:
        for name, value in converse.events(reply, pieces):
            yield {name: value}
    else:
        yield converse.whole(reply, pieces)


def _maker(form: str, reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> Iterator[Object]:
    """The JSON values of what the maker's own API would send, whose streams count in a last chunk unasked."""
    if form == "openai":
        counted: Object = {**prompt.parameters, "stream_options": {"include_usage": True}}
        _, chunks = _openai_render.rendered(reply, replace(prompt, parameters=counted), said)
    else:
        _, chunks = _anthropic_render.rendered(reply, prompt, said)
    if not prompt.stream:
        yield as_object(json.loads(chunks[0]))
        return
    for frame in SSEParser().feed(b"".join(chunks)):
        value = loaded(frame.data)
        if value is not MISSING:  # `[DONE]`, which the end of a binary stream says by itself
            yield as_object(value)


def _is_error(value: Object) -> bool:
    """True for the maker's own event for a failure: here it is an exception of the stream."""
    return value.get("type") == "error" or "error" in value
