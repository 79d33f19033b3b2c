"""Ollama: `POST /api/chat` and `POST /api/generate`, NDJSON unless the request says `"stream": false`.

Wire forms: https://github.com/ollama/ollama/blob/main/docs/api.md and the types of the SDK (ollama 0.6.3).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from harness.dialects import _ollama_prompt as asked
from harness.dialects import _ollama_render as rendering
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

_SHAPES: Final = frozenset({"lines"})
_PATH: Final = re.compile(r"/api/(chat|generate)/?$")
_FINISH: Final[dict[str, FinishReason]] = {"stop": "stop", "length": "length", "load": "load"}
_SENTENCES: Final[tuple[tuple[re.Pattern[str], ProblemKind], ...]] = (
    (re.compile(r"not found"), "not-found"),
    (re.compile(r"server busy|overloaded"), "overloaded"),
    (re.compile(r"too many requests|rate limit"), "rate-limit"),
    (re.compile(r"unauthorized"), "auth"),
)
"""This wire has no codes, only sentences."""


class Ollama:
    """The dialect `ollama`."""

    name = "ollama"
    renders = True

    def operation(self, request: Request) -> Operation | None:
        """`ollama.chat` or `ollama.generate`."""
        found = _PATH.search(urlsplit(request.url).path) if request.method.upper() == "POST" else None
        return Operation(self.name, f"ollama.{found[1]}") if found else None

    def prompt(self, request: Request) -> Prompt:
        """The decoded request. Raises DialectError where the body is no JSON object."""
        return asked.prompt_of(request)

    def frames(self, head: Head, body: bytes) -> tuple[bytes, ...]:
        """One line each, or the whole JSON."""
        return frames_of(head, body, _SHAPES)

    def decoder(self, request: Request, head: Head) -> Decoder:
        """A fresh decoder; the answer itself shows whether it is streamed."""
        del request
        return FrameDecoder(head, _Reader(head).read, _SHAPES)

    def encode(self, prompt: Prompt, base_url: str) -> Request:
        """`prompt` as a request to `/api/chat`, which takes every prompt."""
        return asked.request_of(prompt, base_url)

    def render(self, reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
        """`reply` in this dialect, one line a piece.

        A prompt does not know which of the two operations it came by, so this is the form of `/api/chat` with the text
        under `response` as well: clients of `/api/generate` read that, and clients of `/api/chat` ignore it.
        """
        return rendering.rendered(reply, prompt, said)


class _Reader:
    """Remembers the model and how many tools were called, because no call has a number of its own."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._model = ""
        self._calls = 0

    def read(self, event: str, value: object) -> list[Delta]:
        del event
        data = as_object(value)
        if "error" in data or failed(self._head):
            return [problem_of(data, self._head)]
        if not data.keys() & {"message", "response", "done"}:
            return [Unknown("", dumped(value))]
        message = as_object(data.get("message"))
        return [*self._began(data), *_spoken(message, data), *self._called(message), *self._done(data)]

    def _began(self, data: Object) -> list[Delta]:
        model = as_text(data.get("model"))
        if not model or model == self._model:
            return []
        self._model = model
        return [Began(model=model)]

    def _called(self, message: Object) -> list[Delta]:
        calls = [as_object(call) for call in as_list(message.get("tool_calls"))]
        fragments: list[Delta] = []
        for call in calls:
            function = as_object(call.get("function"))
            arguments = dumped(function.get("arguments", {}))
            fragments.append(
                ToolFragment(self._calls, as_text(function.get("name")), arguments, as_text(call.get("id")))
            )
            self._calls += 1
        return fragments

    def _done(self, data: Object) -> list[Delta]:
        if data.get("done") is not True:
            return []
        native = as_text(data.get("done_reason"))
        reason = _FINISH.get(native or "stop")  # versions before 0.1.33 say only `done`
        # This wire says stop after a tool call too; in our one vocabulary that is a stop for a tool.
        finish = Finish("tool" if reason == "stop" and self._calls else reason, native)
        usage = Usage(as_count(data.get("prompt_eval_count")), as_count(data.get("eval_count")))
        return [finish, usage] if usage != Usage() else [finish]


def _spoken(message: Object, data: Object) -> list[Delta]:
    thought = as_text(message.get("thinking")) or as_text(data.get("thinking"))
    text = as_text(message.get("content")) or as_text(data.get("response"))
    thinking: list[Delta] = [Thinking(thought)] if thought else []
    return [*thinking, Text(text)] if text else thinking


def problem_of(data: Object, head: Head) -> Problem:
    """The problem of `{"error": "text"}`; a gateway's `{"error": {"message": ...}}` is read too."""
    error = data.get("error")
    message = as_text(error) or as_text(as_object(error).get("message")) or dumped(data)
    status = head.status if failed(head) else None
    said_kind = next((kind for sentence, kind in _SENTENCES if sentence.search(message)), None)
    by_status = kind_of_status(status) if status else "server-error"
    known = {key: value for key, value in data.items() if key != "error"}
    # Ollama itself names no wait; proxies in front of it do.
    return Problem(said_kind or by_status, message, "", status, retry_after_s(head.headers), known)
