"""OpenAI's legacy completions: a prompt that is one text, and an answer in `choices[].text`.

Chunks and whole answers are read as those of chat completions are, whose reader knows `text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from harness.dialects._answer import FrameDecoder, frames_of
from harness.dialects._asking import post, refuse
from harness.dialects._openai_chat import ChunkReader
from harness.dialects._openai_prompt import parameters_of
from harness.dialects._openai_render import DONE, usage_of
from harness.dialects._openai_trouble import envelope, refused
from harness.dialects._saying import EVENT_STREAM, JSON, Piece, in_order, joined, native_finish, no_form, ok, sse_event
from harness.dialects._untyped import Object, as_list, as_text, dumped, request_object
from harness.errors import DialectError
from harness.model import FinishReason, Head, Json, Message, Prompt, Reply, Request, Spoken, Text
from harness.spec import Decoder, Operation

_PATH: Final = re.compile(r"(?:/deployments/(?P<model>[^/]+))?(?<!/chat)/completions/?$")
_ELSEWHERE: Final = frozenset({"model", "prompt", "stream", "max_completion_tokens", "stop"})
_NAME: Final = "openai-completions"
_FINISH: Final[dict[FinishReason, str]] = {
    "stop": "stop",
    "length": "length",
    "filter": "content_filter",
    "error": "error",
}


class OpenAICompletions:
    """The dialect `openai-completions`."""

    name = _NAME
    renders = True

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
        """`prompt` as a request to `base_url`, which ends in `/v1`. Raises DialectError for what is no text of a
        user."""
        refuse(self.name, prompt, ())
        if prompt.tools or any(message.role != "user" or message.tool_calls for message in prompt.messages):
            raise no_form(self.name, "anything but texts of a user; ask in openai-chat")
        texts: list[Json] = [message.content for message in prompt.messages]
        body: Object = {"model": prompt.model, "prompt": texts[0] if len(texts) == 1 else texts}
        body.update({"stop" if name == "stop_sequences" else name: it for name, it in prompt.parameters.items()})
        if prompt.stream is not None:
            body["stream"] = prompt.stream
        return post(f"{base_url.rstrip('/')}/completions", body)

    def render(self, reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
        """`reply` as chunks or as one object. Raises DialectError for what is no text, and as chat completions do."""
        pieces = in_order(reply, said)
        if not all(isinstance(piece, Text) for piece in pieces):
            raise no_form(self.name, "thinking, refusals and tool calls; answer in openai-chat")
        problem = reply.problem
        if problem and not pieces and (problem.status is not None or not prompt.stream):
            return refused(self.name, problem)
        if problem and not prompt.stream:
            raise no_form(self.name, "an error after the text, where the answer is not streamed")
        if prompt.stream:
            return ok(EVENT_STREAM), tuple(_events(reply, prompt, pieces))
        whole = _completion(reply, prompt, joined(pieces), native_finish(self.name, reply, _FINISH))
        return ok(JSON), (dumped({**whole, **_counted(reply)}).encode(),)


def _events(reply: Reply, prompt: Prompt, pieces: Sequence[Piece]) -> Iterator[bytes]:
    for piece in pieces:
        yield sse_event("", _completion(reply, prompt, joined([piece]), None))
    if reply.problem:
        yield sse_event("", envelope(_NAME, reply.problem))
        return
    word = native_finish(_NAME, reply, _FINISH)
    if word:
        yield sse_event("", _completion(reply, prompt, "", word))
    if reply.usage:
        yield sse_event("", {**_completion(reply, prompt, "", None), "choices": [], **_counted(reply)})
    yield DONE


def _completion(reply: Reply, prompt: Prompt, text: str, finish: str | None) -> Object:
    choice: Object = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}
    named: Object = {"id": reply.id or "cmpl-harness", "object": "text_completion", "created": 0}
    return {**named, "model": reply.model or prompt.model, "choices": [choice]}


def _counted(reply: Reply) -> Object:
    return {"usage": usage_of(reply.usage)} if reply.usage else {}
