"""Amazon Bedrock's Converse: `POST /model/{model}/converse`, one JSON object, and `/converse-stream`, a binary event
stream.

Wire forms: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and
.../API_runtime_ConverseStream.html. Clients write the colon of a model's version as `:` or `%3A`: it is one model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from harness.dialects import _bedrock_prompt as asked
from harness.dialects import _bedrock_render as rendering
from harness.dialects._answer import FrameDecoder, frames_of
from harness.dialects._bedrock_trouble import is_failure, problem_of
from harness.dialects._trouble import failed
from harness.dialects._untyped import Object, as_count, as_list, as_object, as_text, dumped, request_object
from harness.model import (
    Delta,
    Finish,
    FinishReason,
    Head,
    Prompt,
    Reply,
    Request,
    Spoken,
    Text,
    Thinking,
    ToolFragment,
    Unknown,
    Usage,
)
from harness.spec import Decoder, Operation

MESSAGES: Final = frozenset({"messages"})
_PATH: Final = re.compile(r"/model/(.+)/(converse|converse-stream)$")
_STREAM: Final = "converse-stream"
_NAME: Final = "bedrock-converse"
FINISH: Final[dict[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool",
    "guardrail_intervened": "filter",
    "content_filtered": "filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}
EVENTS: Final = (
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
)


class BedrockConverse:
    """The dialect `bedrock-converse`."""

    name = _NAME
    renders = True

    def operation(self, request: Request) -> Operation | None:
        """`bedrock.converse` or `bedrock.converse-stream`, with the model of the path."""
        found = model_path(_PATH, request)
        return Operation(self.name, f"bedrock.{found[1]}", found[0]) if found else None

    def prompt(self, request: Request) -> Prompt:
        """The decoded request. Raises DialectError where the body is no JSON object."""
        model, verb = model_path(_PATH, request) or ("", "")
        return asked.prompt_of(request_object(request, self.name), model, stream=verb == _STREAM)

    def frames(self, head: Head, body: bytes) -> tuple[bytes, ...]:
        """One message of the event stream each, or the whole JSON."""
        return frames_of(head, body, MESSAGES)

    def decoder(self, request: Request, head: Head) -> Decoder:
        """A fresh decoder; the answer itself shows whether it is streamed."""
        del request
        return FrameDecoder(head, ConverseReader(head).read, MESSAGES)

    def encode(self, prompt: Prompt, base_url: str) -> Request:
        """`prompt` as a request, without the signature that AWS demands."""
        return asked.request_of(prompt, base_url)

    def render(self, reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
        """`reply` in this dialect, one chunk for each message. Counts that it lacks and the wire demands are 0."""
        return rendering.rendered(reply, prompt, said)


def model_path(pattern: re.Pattern[str], request: Request) -> tuple[str, str] | None:
    """The model, as it is called, and the verb of a path; None where `pattern` does not fit."""
    found = pattern.search(urlsplit(request.url).path) if request.method.upper() == "POST" else None
    return (unquote(found[1]), found[2]) if found else None


class ConverseReader:
    """Reads whole answers and events alike. Nova sends both through InvokeModel, the event's name around its value."""

    def __init__(self, head: Head) -> None:
        self._head = head

    def read(self, event: str, value: object) -> list[Delta]:
        """What one frame means."""
        data = as_object(value)
        if failed(self._head) or is_failure(event):
            return [problem_of(data, self._head, event)]
        if "output" in data or ("stopReason" in data and not event):
            return _whole(data)
        return self.event(event, data) if event else [Unknown("", dumped(value))]

    def event(self, name: str, data: Object) -> list[Delta]:
        """What the event called `name` means."""
        index = as_count(data.get("contentBlockIndex")) or 0
        match name:
            case "messageStart" | "contentBlockStop":
                return []
            case "contentBlockStart":
                return _start(index, as_object(data.get("start")))
            case "contentBlockDelta":
                return _delta(index, as_object(data.get("delta")))
            case "messageStop":
                return _finish(data)
            case "metadata":
                return _usage(as_object(data.get("usage")))
        return [Unknown(name, dumped(data))]


def _whole(data: Object) -> list[Delta]:
    content = as_list(as_object(as_object(data.get("output")).get("message")).get("content"))
    blocks = [delta for index, block in enumerate(content) for delta in _block(index, as_object(block))]
    return [*blocks, *_finish(data), *_usage(as_object(data.get("usage")))]


def _block(index: int, block: Object) -> list[Delta]:
    if "toolUse" in block and block.get("type") != "server_tool_use":
        use = as_object(block["toolUse"])
        arguments = dumped(use.get("input", {}))
        return [ToolFragment(index, as_text(use.get("name")), arguments, as_text(use.get("toolUseId")))]
    if "reasoningContent" in block:
        reasoning = as_object(block["reasoningContent"])
        return _reasoning(as_object(reasoning.get("reasoningText")) or reasoning)
    text = as_text(block.get("text"))
    if text:
        return [Text(text)]
    return [] if "text" in block else [Unknown(next(iter(block), "block"), dumped(block))]


def _start(index: int, start: Object) -> list[Delta]:
    use = as_object(start.get("toolUse"))
    if use:
        return [ToolFragment(index, as_text(use.get("name")), id=as_text(use.get("toolUseId")))]
    return [Unknown(next(iter(start)), dumped(start))] if start else []


def _delta(index: int, delta: Object) -> list[Delta]:
    if "toolUse" in delta:
        piece = as_object(delta["toolUse"]).get("input")
        arguments = piece if isinstance(piece, str) else dumped(piece)  # Nova's own form has the object itself
        return [ToolFragment(index, arguments=arguments)] if arguments else []
    if "reasoningContent" in delta:
        return _reasoning(as_object(delta["reasoningContent"]))
    text = as_text(delta.get("text"))
    if text:
        return [Text(text)]
    return [] if "text" in delta else [Unknown("contentBlockDelta", dumped(delta))]


def _reasoning(reasoning: Object) -> list[Delta]:
    thought = as_text(reasoning.get("text"))
    rest = {name: value for name, value in reasoning.items() if name != "text"}
    thinking: list[Delta] = [Thinking(thought)] if thought else []
    return [*thinking, Unknown("reasoningContent", dumped(rest))] if rest else thinking


def _finish(data: Object) -> list[Delta]:
    native = as_text(data.get("stopReason"))
    return [Finish(FINISH.get(native), native)] if native else []


def _usage(usage: Object) -> list[Delta]:
    if not usage:
        return []
    cached = as_count(usage.get("cacheReadInputTokens"))
    return [Usage(as_count(usage.get("inputTokens")), as_count(usage.get("outputTokens")), cached)]
