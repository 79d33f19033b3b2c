"""Cohere: `POST /v1/chat` (lines of JSON where streamed), `/v2/chat` (server-sent events) and the older `/v1/generate`.

Wire forms: https://docs.cohere.com/reference/chat, .../chat-stream, and the same under /v1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from harness.dialects import _cohere_prompt as asked
from harness.dialects import _cohere_render as rendering
from harness.dialects._answer import FrameDecoder, frames_of
from harness.dialects._openai_prompt import call_of
from harness.dialects._trouble import failed, kind_of_status, retry_after_s
from harness.dialects._untyped import (
    Object,
    as_count,
    as_list,
    as_object,
    as_text,
    dumped,
    first,
    loaded,
    request_object,
)
from harness.model import (
    Began,
    Delta,
    Finish,
    FinishReason,
    Head,
    Problem,
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

LINES: Final = frozenset({"lines"})
_PATH: Final = re.compile(r"/(?:v1/(chat|generate)|v2/(chat))/?$")
_ASKS: Final = {"cohere.chat": "message", "cohere.chat-v2": "messages", "cohere.generate": "prompt"}
"""The field that each operation has, because others have these paths too."""
FINISH: Final[dict[str, FinishReason]] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "ERROR_LIMIT": "length",
    "TOOL_CALL": "tool",
    "ERROR_TOXIC": "filter",
    "ERROR": "error",
    "TIMEOUT": "error",
    "USER_CANCEL": "error",
}
_BOOKKEEPING: Final = frozenset(
    {"content-end", "tool-call-end", "citation-end", "search-queries-generation", "search-results"}
)


class Cohere:
    """The dialect `cohere`. It reads all three operations, and writes version 2."""

    name = "cohere"
    renders = True

    def operation(self, request: Request) -> Operation | None:
        """`cohere.chat`, `cohere.chat-v2` or `cohere.generate`."""
        place = urlsplit(request.url)
        found = _PATH.search(place.path) if request.method.upper() == "POST" else None
        if not found:
            return None
        name = f"cohere.{found[1]}" if found[1] else "cohere.chat-v2"
        ours = "cohere" in (place.hostname or "") or _ASKS[name] in as_object(loaded(request.body))
        return Operation(self.name, name) if ours else None

    def prompt(self, request: Request) -> Prompt:
        """The decoded request. Raises DialectError where the body is no JSON object."""
        return asked.prompt_of(request_object(request, self.name))

    def frames(self, head: Head, body: bytes) -> tuple[bytes, ...]:
        """One line or SSE event each, or the whole JSON."""
        return frames_of(head, body, LINES)

    def decoder(self, request: Request, head: Head) -> Decoder:
        """A fresh decoder; the answer itself shows which version it is, and whether it is streamed."""
        del request
        return FrameDecoder(head, CohereReader(head).read, LINES)

    def encode(self, prompt: Prompt, base_url: str) -> Request:
        """`prompt` as a request to `/v2/chat`."""
        return asked.request_of(prompt, base_url)

    def render(self, reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
        """`reply` as `/v2/chat` answers, one chunk for each event of a stream."""
        return rendering.rendered(reply, prompt, said)


class CohereReader:
    """Reads all three. It remembers what was told, because the end of a stream of version 1 says everything again."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._texts: set[int] = set()
        self._calls = 0
        self._pieces = False

    def read(self, event: str, value: object) -> list[Delta]:
        """What one frame means."""
        data = as_object(value)
        if failed(self._head):
            return [problem_of(data, self._head)]
        kind = as_text(first(data, "type", "event_type")) or event
        if kind in _BOOKKEEPING:
            return []
        if "event_type" in data:
            return self._older(kind, data)
        if kind:
            return self._newer(kind, data)
        return self._whole(data)

    # --- version 2 ---

    def _newer(self, kind: str, data: Object) -> list[Delta]:
        delta = as_object(data.get("delta"))
        message = as_object(delta.get("message"))
        index = as_count(data.get("index")) or 0
        match kind:
            case "message-start":
                return [Began(as_text(data.get("id")))]
            case "content-start" | "content-delta":
                return _content([message.get("content")])
            case "tool-plan-delta":
                return _thought(message.get("tool_plan"))
            case "tool-call-start" | "tool-call-delta":
                call = call_of(as_object(message.get("tool_calls")))
                return [ToolFragment(index, call.name, call.arguments, call.id)]
            case "message-end":
                return self._end(delta)
        return [Unknown(kind, dumped(data))]

    # --- version 1 and generate ---

    def _older(self, kind: str, data: Object) -> list[Delta]:
        match kind:
            case "stream-start":
                return [Began(as_text(data.get("generation_id")))]
            case "text-generation":
                return self._said(data)
            case "tool-calls-chunk":
                self._pieces = True
                return [*self._said(data), *_piece(as_object(data.get("tool_call_delta")))]
            case "tool-calls-generation":
                return self._called(data)
            case "stream-end":
                whole = as_object(data.get("response"))
                known = {**whole, "finish_reason": first(data, "finish_reason") or whole.get("finish_reason")}
                return [*self._called(whole), *self._end(known)]
        return [Unknown(kind, dumped(data))]

    def _whole(self, data: Object) -> list[Delta]:
        """A whole answer of any version, or a piece of `generate`, which has no types."""
        if "error" in data or not data.keys() & {"text", "message", "generations", "response", "is_finished"}:
            return [problem_of(data, self._head)] if "error" in data else [Unknown("", dumped(data))]
        if isinstance(data.get("generations"), list):
            return self._generations(data)
        if "is_finished" in data:
            return self._piece_of_generate(data)
        message = as_object(data.get("message"))
        began = Began(as_text(first(data, "generation_id", "id", "response_id")))
        planned = _thought(message.get("tool_plan"))
        said = [*planned, *_content(as_list(message.get("content"))), *self._said(data)]
        calls = [call_of(as_object(call)) for call in as_list(message.get("tool_calls"))]
        newer = [ToolFragment(index, call.name, call.arguments, call.id) for index, call in enumerate(calls)]
        return [began, *said, *newer, *self._called(data), *self._end(data)]

    def _generations(self, data: Object) -> list[Delta]:
        deltas: list[Delta] = []
        for place, item in enumerate(map(as_object, as_list(data["generations"]))):
            choice = as_count(item.get("index")) or place
            deltas += [] if choice in self._texts else _text(item.get("text"), choice)
            deltas += _finish(item, choice)
        # Bedrock's Mistral and Llama never come by here; Cohere's own generate counts in `meta`.
        return [*deltas, *_usage(as_object(data.get("meta")))]

    def _piece_of_generate(self, data: Object) -> list[Delta]:
        choice = as_count(data.get("index")) or 0
        said = self._said(data, choice)
        ended = [*_finish(data, choice)] if data.get("is_finished") is True else []
        whole = as_object(data.get("response"))
        return [*said, *ended, *(self._generations(whole) if "generations" in whole else [])]

    def _said(self, data: Object, choice: int = 0) -> list[Delta]:
        told = _text(data.get("text"), choice)
        if told:
            self._texts.add(choice)
        return told

    def _called(self, data: Object) -> list[Delta]:
        calls = [asked.older_call(as_object(call)) for call in as_list(data.get("tool_calls"))]
        if self._calls:
            return []
        self._calls = len(calls)
        return [] if self._pieces else [ToolFragment(i, c.name, c.arguments) for i, c in enumerate(calls)]

    def _end(self, data: Object) -> list[Delta]:
        told = _finish(data, 0)
        if self._calls and told and isinstance(told[0], Finish) and told[0].reason == "stop":
            told = [Finish("tool", told[0].native)]  # version 1 says COMPLETE after a tool call too
        problem = as_text(data.get("error"))
        failure: list[Delta] = [Problem("server-error", problem)] if problem else []
        return [*failure, *told, *_usage(as_object(first(data, "usage", "meta")))]


def _text(text: object, choice: int = 0) -> list[Delta]:
    return [Text(text, choice)] if isinstance(text, str) and text else []


def _thought(text: object) -> list[Delta]:
    return [Thinking(text)] if isinstance(text, str) and text else []


def _content(parts: Sequence[object]) -> list[Delta]:
    deltas: list[Delta] = []
    for part in map(as_object, parts):
        deltas += [*_thought(part.get("thinking")), *_text(part.get("text"))]
        if part and not part.keys() & {"text", "thinking"}:
            deltas.append(Unknown(as_text(part.get("type")) or "content", dumped(part)))
    return deltas


def _piece(delta: Object) -> list[Delta]:
    piece = as_text(delta.get("parameters"))
    index = as_count(delta.get("index")) or 0
    return [ToolFragment(index, as_text(delta.get("name")), piece)] if delta else []


def _finish(data: Object, choice: int) -> list[Delta]:
    native = as_text(data.get("finish_reason"))
    return [Finish(FINISH.get(native), native, choice)] if native else []


def _usage(counts: Object) -> list[Delta]:
    told = as_object(counts.get("tokens")) or as_object(counts.get("billed_units"))
    if not told:
        return []
    cached = as_count(counts.get("cached_tokens"))
    return [Usage(_whole_number(told.get("input_tokens")), _whole_number(told.get("output_tokens")), cached)]


def _whole_number(value: object) -> int | None:
    """Some answers count in floats: `12.0`."""
    return int(value) if isinstance(value, float) and value.is_integer() else as_count(value)


def problem_of(data: Object, head: Head) -> Problem:
    """The problem in an error's body: one sentence, and the status."""
    message = as_text(data.get("message")) or as_text(data.get("error")) or dumped(data)
    status = head.status if failed(head) else None
    kind = kind_of_status(status) if status else "server-error"
    return Problem(kind, message, "", status, retry_after_s(head.headers))
