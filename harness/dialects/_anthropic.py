"""Anthropic Messages: `POST /v1/messages`, one JSON object or server-sent events.

Wire forms: https://docs.anthropic.com/en/api/messages and .../messages-streaming; the SDK's own types were read beside
them (anthropic 2.12). Vertex has the model in its path; Bedrock's own URLs are bedrock-invoke's.
The older `POST /v1/complete` (one text in, one text out) is read as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from harness.dialects import _anthropic_prompt as asked
from harness.dialects import _anthropic_render as rendering
from harness.dialects._answer import FrameDecoder, frames_of
from harness.dialects._trouble import failed, kind_of_status, retry_after_s
from harness.dialects._untyped import Object, as_count, as_list, as_object, as_text, dumped
from harness.model import (
    Began,
    Delta,
    Finish,
    FinishReason,
    Head,
    Problem,
    ProblemKind,
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

FINISH: Final[dict[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool",
    "pause_turn": "pause",
    "refusal": "refusal",
}
_KINDS: Final[dict[str, ProblemKind]] = {
    "rate_limit_error": "rate-limit",
    "overloaded_error": "overloaded",
    "api_error": "server-error",
    "server_error": "server-error",
    "timeout_error": "timeout",
    "authentication_error": "auth",
    "permission_error": "permission",
    "not_found_error": "not-found",
    "invalid_request_error": "invalid-request",
    "request_too_large": "invalid-request",
    "billing_error": "quota",
}
_PATH: Final = re.compile(r"/v1/(messages|complete)/?$")
_VERTEX: Final = re.compile(r"/publishers/anthropic/models/([^/:]+):(?:rawPredict|streamRawPredict)$")
_TOO_LONG: Final = re.compile(r"prompt is too long|context (window|length|size)|exceeds? .*context", re.IGNORECASE)


class Anthropic:
    """The dialect `anthropic`."""

    name = "anthropic"
    renders = True

    def operation(self, request: Request) -> Operation | None:
        """`anthropic.messages` or `anthropic.complete`, whatever the query: SDKs add and drop `?beta=true`."""
        path = unquote(urlsplit(request.url).path) if request.method.upper() == "POST" else ""
        found = _PATH.search(path)
        if found:
            return Operation(self.name, f"anthropic.{found[1]}")
        vertex = _VERTEX.search(path)
        return Operation(self.name, "anthropic.messages", vertex[1]) if vertex else None

    def prompt(self, request: Request) -> Prompt:
        """The decoded request. Raises DialectError where the body is no JSON object."""
        known = self.operation(request)
        return asked.prompt_of(request, known.model if known else "")

    def frames(self, head: Head, body: bytes) -> tuple[bytes, ...]:
        """One SSE event each, or the whole JSON."""
        return frames_of(head, body)

    def decoder(self, request: Request, head: Head) -> Decoder:
        """A fresh decoder; the answer itself shows whether it is streamed."""
        del request
        return FrameDecoder(head, MessageReader(head).read)

    def encode(self, prompt: Prompt, base_url: str) -> Request:
        """`prompt` as a request. Where it sets no `max_tokens`, which this wire demands, 4096 is sent."""
        return asked.request_of(prompt, base_url)

    def render(self, reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
        """`reply` in this dialect, one chunk for each SSE event. Counts that it lacks and the wire demands are 0."""
        return rendering.rendered(reply, prompt, said)


class MessageReader:
    """Remembers the tools that were begun: their input comes in pieces, or whole with the start, or not at all."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._inputs: dict[int, str] = {}

    def read(self, event: str, value: object) -> list[Delta]:  # noqa: PLR0911 - one for each event of the wire
        data = as_object(value)
        kind = as_text(data.get("type")) or event
        if kind == "error" or failed(self._head) or "error" in data:
            return [problem_of(data, self._head)]
        match kind:
            case "message":
                return self._whole(data)
            case "message_start":
                return self._start(as_object(data.get("message")))
            case "content_block_start":
                return self._block(_index(data), as_object(data.get("content_block")))
            case "content_block_delta":
                return self._delta(_index(data), as_object(data.get("delta")))
            case "content_block_stop":
                return self._stop(_index(data))
            case "message_delta":
                return [*_finish(as_object(data.get("delta"))), *_usage(data)]
            case "completion":
                return _completed(data)
            case "message_stop" | "ping":
                return []
        return [Unknown(kind, dumped(value))]

    def _start(self, message: Object) -> list[Delta]:
        return [Began(as_text(message.get("id")), as_text(message.get("model"))), *_usage(message)]

    def _whole(self, message: Object) -> list[Delta]:
        blocks: list[Delta] = []
        for index, block in enumerate(as_list(message.get("content"))):
            blocks += [*self._block(index, as_object(block)), *self._stop(index)]
        began, *usage = self._start(message)
        return [began, *blocks, *_finish(message), *usage]

    def _block(self, index: int, block: Object) -> list[Delta]:
        match as_text(block.get("type")):
            case "text":
                said = as_text(block.get("text"))
                quotes: list[Delta] = [Unknown("citations_delta", dumped(c)) for c in as_list(block.get("citations"))]
                return [Text(said), *quotes] if said else quotes
            case "thinking":
                thought = as_text(block.get("thinking"))
                signature = as_text(block.get("signature"))
                signed: list[Delta] = [Unknown("signature_delta", signature)] if signature else []
                return [Thinking(thought), *signed] if thought else signed
            case "tool_use":
                # Input of another type than object happens in the wild, so it is kept as whatever JSON it is.
                self._inputs[index] = dumped(block.get("input", {}))
                return [ToolFragment(index, as_text(block.get("name")), id=as_text(block.get("id")))]
            case other:
                # A server_tool_use too: the provider runs that tool, and a caller who saw a call would run it again.
                return [Unknown(other or "content_block_start", dumped(block))]

    def _delta(self, index: int, delta: Object) -> list[Delta]:
        match as_text(delta.get("type")):
            case "text_delta":
                text = as_text(delta.get("text"))
                return [Text(text)] if text else []
            case "thinking_delta":
                thought = as_text(delta.get("thinking"))
                return [Thinking(thought)] if thought else []
            case "signature_delta":
                return [Unknown("signature_delta", as_text(delta.get("signature")))]
            case "citations_delta":
                return [Unknown("citations_delta", dumped(delta.get("citation")))]
            case "input_json_delta" if index in self._inputs:
                piece = as_text(delta.get("partial_json"))
                if piece:
                    self._inputs[index] = ""
                return [ToolFragment(index, arguments=piece)] if piece else []
            case other:
                return [Unknown(other or "content_block_delta", dumped(delta))]

    def _stop(self, index: int) -> list[Delta]:
        whole = self._inputs.pop(index, "")
        return [ToolFragment(index, arguments=whole)] if whole else []


def _completed(data: Object) -> list[Delta]:
    text = as_text(data.get("completion"))
    said: list[Delta] = [Text(text)] if text else []
    return [*said, *_finish(data)]


def problem_of(data: Object, head: Head) -> Problem:
    """The problem in an error envelope; `{"error": "text"}` and other people's envelopes are read as far as they go."""
    error = as_object(data.get("error"))
    code = as_text(error.get("type"))
    message = as_text(error.get("message")) or as_text(data.get("error"))
    details = as_object(error.get("details"))
    status = head.status if failed(head) else None
    return Problem(
        kind=_kind(code, message, as_text(details.get("error_code")), status),
        message=message or dumped(data),
        code=code,
        status=status,
        retry_after_s=retry_after_s(head.headers),
        extra={"details": details} if details else {},
    )


def _kind(code: str, message: str, detail: str, status: int | None) -> ProblemKind:
    if detail == "enforced_spend_limit_reached":
        return "quota"
    kind = _KINDS.get(code) or (kind_of_status(status) if status else "unknown")
    return "context-length" if kind == "invalid-request" and _TOO_LONG.search(message) else kind


def _index(data: Object) -> int:
    return as_count(data.get("index")) or 0


def _finish(holder: Object) -> list[Delta]:
    native = as_text(holder.get("stop_reason"))
    details = as_object(holder.get("stop_details"))
    why: list[Delta] = [Unknown("stop_details", dumped(details))] if details else []
    return [*why, Finish(FINISH.get(native), native)] if native else why


def _usage(holder: Object) -> list[Delta]:
    usage = as_object(holder.get("usage"))
    if not usage:
        return []
    thought = as_object(usage.get("output_tokens_details")).get("thinking_tokens")
    return [
        Usage(
            input_tokens=as_count(usage.get("input_tokens")),
            output_tokens=as_count(usage.get("output_tokens")),
            cached_tokens=as_count(usage.get("cache_read_input_tokens")),
            reasoning_tokens=as_count(thought),
        )
    ]
