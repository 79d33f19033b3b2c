"""OpenAI chat completions, and everyone who speaks it: Azure, Groq, Mistral, OpenRouter, DeepSeek, vLLM, llama.cpp, ...

Wire forms: https://platform.openai.com/docs/api-reference/chat and .../chat-streaming.
Fields beside `delta` and `message` (log probabilities, filter results, timings) stand in the bytes only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from harness.dialects import _openai_prompt as asked
from harness.dialects import _openai_render as rendering
from harness.dialects._answer import FrameDecoder, frames_of
from harness.dialects._openai_trouble import has_error, problem_of
from harness.dialects._trouble import failed
from harness.dialects._untyped import Object, as_count, as_list, as_object, as_text, dumped, first
from harness.model import (
    Began,
    Delta,
    Finish,
    FinishReason,
    Head,
    Prompt,
    Refusal,
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
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "model_length": "length",
    "max_tokens": "length",
    "tool_calls": "tool",
    "function_call": "tool",
    "content_filter": "filter",
    "error": "error",
    "insufficient_system_resource": "error",
}
"""OpenAI's words, then those of Hugging Face, Mistral, DeepSeek and OpenRouter."""
_PATH: Final = re.compile(r"(?:/deployments/(?P<model>[^/]+))?/chat/completions/?$")
_KNOWN: Final = frozenset(
    {
        "role",
        "content",
        "reasoning_content",
        "reasoning",
        "refusal",
        "tool_calls",
        "function_call",
        "name",
        "tool_call_id",
    }
)


class OpenAIChat:
    """The dialect `openai-chat`."""

    name = "openai-chat"
    renders = True

    def operation(self, request: Request) -> Operation | None:
        """`openai.chat`, at whatever host and prefix; the model where it is an Azure deployment."""
        found = _PATH.search(urlsplit(request.url).path) if request.method.upper() == "POST" else None
        return Operation(self.name, "openai.chat", unquote(found["model"] or "")) if found else None

    def prompt(self, request: Request) -> Prompt:
        """The decoded request. Raises DialectError where the body is no JSON object with a list of messages."""
        return asked.prompt_of(request)

    def frames(self, head: Head, body: bytes) -> tuple[bytes, ...]:
        """One SSE event each, or the whole JSON."""
        return frames_of(head, body)

    def decoder(self, request: Request, head: Head) -> Decoder:
        """A fresh decoder; the answer itself shows whether it is streamed."""
        del request
        return FrameDecoder(head, ChunkReader(head).read)

    def encode(self, prompt: Prompt, base_url: str) -> Request:
        """`prompt` as a request to `base_url` (which ends in `/v1` at most servers)."""
        return asked.request_of(prompt, base_url)

    def render(self, reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
        """`reply`, one chunk for each SSE event; streamed usage only where `stream_options` asks for it."""
        return rendering.rendered(reply, prompt, said)


class ChunkReader:
    """Reads chunks and whole completions alike: they differ in whether a choice has a `delta` or a `message`."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._began = Began()
        self._called: dict[int, int] = {}  # how many tools each choice has called, where the wire does not number them
        self._refused: set[int] = set()

    def read(self, event: str, value: object) -> list[Delta]:
        """What one frame means."""
        values = value if isinstance(value, list) else [value]  # Gemini's compatible endpoint wraps errors in a list
        return [delta for item in values for delta in self._read(event, item)]

    def _read(self, event: str, value: object) -> Iterator[Delta]:
        data = as_object(value)
        if has_error(data) or failed(self._head):
            yield problem_of(data, self._head)
        elif not data.keys() & {"choices", "usage"} or data.get("type") == "message":  # Anthropic's, with a usage too
            yield Unknown(event or as_text(data.get("object")), dumped(value))
            return
        yield from self._identity(data)
        choices = [as_object(item) for item in as_list(data.get("choices"))]
        for position, choice in enumerate(choices):
            index = as_count(choice.get("index"))
            yield from self._choice(choice, position if index is None else index)
        if not choices and data.get("prompt_filter_results"):
            yield Unknown("prompt_filter_results", dumped(data["prompt_filter_results"]))
        yield from usage_of(as_object(data.get("usage")) or as_object(as_object(data.get("x_groq")).get("usage")))

    def _identity(self, data: Object) -> Iterator[Delta]:
        known = self._began
        self._began = Began(known.id or as_text(data.get("id")), known.model or as_text(data.get("model")))
        if self._began != known:
            yield self._began

    def _choice(self, choice: Object, index: int) -> Iterator[Delta]:
        message = as_object(first(choice, "delta", "message"))
        thought = as_text(message.get("reasoning_content")) or as_text(message.get("reasoning"))
        if thought:
            yield Thinking(thought, index)
        yield from _content(first(message, "content") or choice.get("text"), index)
        refusal = as_text(message.get("refusal"))
        if refusal:
            self._refused.add(index)
            yield Refusal(refusal, index)
        for call in as_list(message.get("tool_calls")):
            yield self._fragment(as_object(call), index)
        legacy = as_object(message.get("function_call"))
        if legacy:
            yield ToolFragment(0, as_text(legacy.get("name")), asked.arguments_of(legacy), choice=index)
        yield from (Unknown(f"delta.{k}", dumped(v)) for k, v in message.items() if k not in _KNOWN and v)
        yield from self._finish(as_text(choice.get("finish_reason")), index)
        yield from usage_of(as_object(choice.get("usage")))

    def _fragment(self, call: Object, choice: int) -> ToolFragment:
        whole = asked.call_of(call)
        number = as_count(call.get("index"))
        count = self._called.get(choice, 0)
        if number is None:
            number = count if whole.name or not count else count - 1
        self._called[choice] = max(count, number + 1)
        return ToolFragment(number, whole.name, whole.arguments, whole.id, choice)

    def _finish(self, native: str, index: int) -> Iterator[Delta]:
        if native:
            reason = FINISH.get(native)
            # The wire says `stop` for a refusal, whose text it keeps apart.
            yield Finish("refusal" if reason == "stop" and index in self._refused else reason, native, index)


def _content(content: object, index: int) -> Iterator[Delta]:
    """Text, or the parts that Mistral sends: text, and thinking that has parts of its own."""
    if isinstance(content, str) and content:
        yield Text(content, index)
    for part in map(as_object, as_list(content)):
        if part.get("type") == "text":
            yield Text(as_text(part.get("text")), index)
        elif part.get("type") == "thinking":
            yield Thinking(asked.text_of(part.get("thinking")), index)
        else:
            yield Unknown(f"content.{as_text(part.get('type'))}", dumped(part))


def usage_of(usage: Object) -> Iterator[Delta]:
    """Token counts; DeepSeek counts its cache beside the details."""
    if not usage:
        return
    read = as_object(usage.get("prompt_tokens_details"))
    written = as_object(usage.get("completion_tokens_details"))
    yield Usage(
        input_tokens=as_count(usage.get("prompt_tokens")),
        output_tokens=as_count(usage.get("completion_tokens")),
        cached_tokens=as_count(first({**usage, **read}, "cached_tokens", "prompt_cache_hit_tokens")),
        reasoning_tokens=as_count(first({**usage, **written}, "reasoning_tokens")),
    )
