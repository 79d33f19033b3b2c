"""Gemini: `POST .../models/{model}:generateContent` and `:streamGenerateContent`, at Google AI and at Vertex.

Streams are server-sent events that end in CRLF (`alt=sse`), or one JSON array that arrives element by element.
Wire forms: https://ai.google.dev/api/generate-content; finish and block reasons from the SDK (google-genai 3.4).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from harness.dialects import _gemini_prompt as asked
from harness.dialects import _gemini_render as rendering
from harness.dialects._answer import FrameDecoder, frames_of
from harness.dialects._gemini_trouble import blocked, problem_of
from harness.dialects._trouble import failed
from harness.dialects._untyped import Object, as_count, as_list, as_object, as_text, dumped, first
from harness.model import (
    Began,
    Delta,
    Finish,
    FinishReason,
    Head,
    Image,
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

_PATH: Final = re.compile(r"/(?:models|tunedModels|endpoints)/([^/:]+):(generateContent|streamGenerateContent)$")
_STREAM: Final = "streamGenerateContent"
_SHAPES: Final = frozenset({"array"})
FINISH: Final[dict[str, FinishReason]] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "pause",
    **dict.fromkeys(
        ("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "ESCALATION",
         "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "PUP_LIMITED_DISABLED"), "filter",
    ),
    **dict.fromkeys(
        ("OTHER", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE",
         "MISSING_THOUGHT_SIGNATURE", "NO_IMAGE", "IMAGE_OTHER"), "error",
    ),
}  # fmt: skip
_NUMBERED: Final = {1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY", 4: "RECITATION", 5: "OTHER"}
"""What `$alt=json;enum-encoding=int` sends; past 5 the two services number differently."""


class Gemini:
    """The dialect `gemini`."""

    name = "gemini"
    renders = True
    draws = True

    def operation(self, request: Request) -> Operation | None:
        """`gemini.generateContent` or `gemini.streamGenerateContent`, with the model of the path."""
        found = _path(request)
        return Operation(self.name, f"gemini.{found[2]}", model=found[1]) if found else None

    def prompt(self, request: Request) -> Prompt:
        """The decoded request. Raises DialectError where the body is no JSON object."""
        found = _path(request)
        model, verb = (found[1], found[2]) if found else ("", "")
        return asked.prompt_of(request, model, stream=verb == _STREAM)

    def frames(self, head: Head, body: bytes) -> tuple[bytes, ...]:
        """One SSE event or array element each, or the whole JSON."""
        return frames_of(head, body, _SHAPES)

    def decoder(self, request: Request, head: Head) -> Decoder:
        """A fresh decoder; the answer itself shows whether it is streamed, and how."""
        del request
        return FrameDecoder(head, _Reader(head).read, _SHAPES)

    def encode(self, prompt: Prompt, base_url: str) -> Request:
        """`prompt` as a request, streamed with `alt=sse` where it says so."""
        return asked.request_of(prompt, base_url)

    def render(self, reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
        """`reply` in this dialect: one SSE event a piece, or one JSON object."""
        return rendering.rendered(reply, prompt, said)


def _path(request: Request) -> re.Match[str] | None:
    if request.method.upper() != "POST":
        return None
    return _PATH.search(unquote(urlsplit(request.url).path))


class _Reader:
    """Remembers what was said: every frame repeats the identity and the counts, and no tool call has a number."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._began = Began()
        self._usage: Usage | None = None
        self._calls: dict[int, int] = {}

    def read(self, event: str, value: object) -> list[Delta]:
        del event
        if isinstance(value, list):
            return [delta for item in value for delta in self._frame(as_object(item))]
        return self._frame(as_object(value))

    def _frame(self, data: Object) -> list[Delta]:
        if "error" in data or failed(self._head):
            return [problem_of(data, self._head)]
        if not data.keys() & {"candidates", "promptFeedback", "usageMetadata", "modelVersion", "responseId"}:
            return [Unknown("", dumped(data))]
        spoken = [delta for item in as_list(data.get("candidates")) for delta in self._candidate(as_object(item))]
        return [*self._identity(data), *blocked(data), *spoken, *self._counts(as_object(data.get("usageMetadata")))]

    def _identity(self, data: Object) -> list[Delta]:
        began = Began(
            as_text(data.get("responseId")) or self._began.id, as_text(data.get("modelVersion")) or self._began.model
        )
        if began == self._began:
            return []
        self._began = began
        return [began]

    def _candidate(self, candidate: Object) -> list[Delta]:
        choice = as_count(candidate.get("index")) or 0
        parts = as_list(as_object(candidate.get("content")).get("parts"))
        said = [delta for part in parts for delta in self._part(as_object(part), choice)]
        return [*said, *self._finish(candidate, choice)]

    def _part(self, part: Object, choice: int) -> list[Delta]:
        call = first(part, "functionCall", "function_call")
        if isinstance(call, dict):
            return [self._call(call, choice)]
        text = part.get("text")
        if isinstance(text, str):
            spoken: Delta = Thinking(text, choice) if part.get("thought") is True else Text(text, choice)
            return [spoken] if text else []
        data = as_object(first(part, "inlineData", "inline_data"))
        media_type = as_text(first(data, "mimeType", "mime_type"))
        if media_type.startswith("image/"):
            return [Image(media_type, as_text(data.get("data")), choice)]
        return [Unknown(next(iter(part), "part"), dumped(part))]

    def _call(self, call: Object, choice: int) -> Delta:
        index = self._calls.get(choice, 0)
        self._calls[choice] = index + 1
        arguments = dumped(call.get("args", {}))
        return ToolFragment(index, as_text(call.get("name")), arguments, as_text(call.get("id")), choice)

    def _finish(self, candidate: Object, choice: int) -> list[Delta]:
        given = candidate.get("finishReason")
        native = as_text(given) if not isinstance(given, int) else _NUMBERED.get(given, str(given))
        if not native:
            return []
        reason = FINISH.get(native)
        # This wire says STOP after a function call too; in our one vocabulary that is a stop for a tool.
        return [Finish("tool" if reason == "stop" and self._calls.get(choice) else reason, native, choice)]

    def _counts(self, counts: Object) -> list[Delta]:
        if not counts:
            return []
        usage = Usage(
            input_tokens=as_count(counts.get("promptTokenCount")),
            output_tokens=as_count(counts.get("candidatesTokenCount")),
            cached_tokens=as_count(counts.get("cachedContentTokenCount")),
            reasoning_tokens=as_count(counts.get("thoughtsTokenCount")),
        )
        if usage == self._usage:
            return []
        self._usage = usage
        return [usage]
