"""OpenAI's legacy completions: a prompt that is one text, and an answer in `choices[].text`.

Chunks and whole answers are read as those of chat completions are, whose reader knows `text`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from harness.dialects._answer import FrameDecoder, frames_of
from harness.dialects._openai_chat import ChunkReader
from harness.dialects._openai_prompt import parameters_of
from harness.dialects._saying import no_form
from harness.dialects._untyped import as_list, as_text, request_object
from harness.errors import DialectError
from harness.model import Head, Message, Prompt, Reply, Request
from harness.spec import Decoder, Operation

_PATH: Final = re.compile(r"(?:/deployments/(?P<model>[^/]+))?(?<!/chat)/completions/?$")
_ELSEWHERE: Final = frozenset({"model", "prompt", "stream", "max_completion_tokens", "stop"})
_NAME: Final = "openai-completions"


class OpenAICompletions:
    """The dialect `openai-completions`. It only reads."""

    name = _NAME
    renders = False

    def operation(self, request: Request) -> Operation | None:
        """`openai.completions`; the model where it is an Azure deployment."""
        found = _PATH.search(urlsplit(request.url).path) if request.method.upper() == "POST" else None
        return Operation(self.name, "openai.completions", unquote(found["model"] or "")) if found else None

    def prompt(self, request: Request) -> Prompt:
        """The prompt as a user message; each of several is one. Token ids, which are no text, are an attachment.

        Raises DialectError where the body is no JSON object with a prompt.
        """
        body = request_object(request, self.name)
        if "prompt" not in body:
            message = f"{request.method} {request.url}: {self.name} wants a prompt at $.prompt"
            raise DialectError(message)
        asked = body["prompt"]
        texts = as_list(asked) if isinstance(asked, list) else [asked]
        return Prompt(
            messages=tuple(
                Message("user", as_text(text), attachments=() if isinstance(text, str) else ("tokens",))
                for text in texts
            ),
            model=as_text(body.get("model")),
            parameters=parameters_of(body, _ELSEWHERE),
            stream=body.get("stream") is True,
        )

    def frames(self, head: Head, body: bytes) -> tuple[bytes, ...]:
        """One SSE event each, or the whole JSON."""
        return frames_of(head, body)

    def decoder(self, request: Request, head: Head) -> Decoder:
        """A fresh decoder; the answer itself shows whether it is streamed."""
        del request
        return FrameDecoder(head, ChunkReader(head).read)

    def encode(self, prompt: Prompt, base_url: str) -> Request:
        """Raises DialectError: this dialect only reads."""
        del prompt, base_url
        raise no_form(self.name, "a request of its own making; ask in openai-chat")

    def render(self, reply: Reply, prompt: Prompt, pieces: Sequence[str]) -> tuple[Head, tuple[bytes, ...]]:
        """Raises DialectError: this dialect only reads."""
        del reply, prompt, pieces
        raise no_form(self.name, "an answer of its own making; openai-chat, anthropic, gemini, ollama and native have")
