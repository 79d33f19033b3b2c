"""OpenAI Responses: typed events, or one object.

Wire forms: https://platform.openai.com/docs/api-reference/responses and .../responses-streaming.
The stream says everything up to four times: in deltas, when the part is done, when the item is done, and in the
completed response. `Told` counts each once, whichever comes first, so that a stream without deltas still has its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from harness.dialects import _openai_input as asked
from harness.dialects import _openai_items_render as rendering
from harness.dialects._answer import FrameDecoder, frames_of
from harness.dialects._openai_items import Told
from harness.dialects._openai_trouble import has_error, problem_of
from harness.dialects._trouble import failed
from harness.dialects._untyped import Object, as_count, as_list, as_object, as_text, dumped
from harness.model import Began, Delta, Finish, FinishReason, Head, Prompt, Reply, Request, Spoken, Unknown, Usage
from harness.spec import Decoder, Operation

_PATH: Final = re.compile(r"(?:/deployments/(?P<model>[^/]+))?/responses/?$")
_POLL: Final = re.compile(r"/responses/(resp_[^/]+)/?$")
_INCOMPLETE: Final[dict[str, FinishReason]] = {"max_output_tokens": "length", "content_filter": "filter"}
_PAUSED: Final = frozenset({"queued", "in_progress"})
_BOOKKEEPING: Final = frozenset(
    {
        "response.queued",
        "response.in_progress",
        "response.content_part.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_part.done",
        "response.image_generation_call.in_progress",
        "response.image_generation_call.generating",
        "response.image_generation_call.partial_image",
        "response.image_generation_call.completed",
        "keepalive",
    }
)
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed", "response.done"})


class OpenAIResponses:
    """The dialect `openai-responses`."""

    name = "openai-responses"
    renders = True
    draws = True

    def operation(self, request: Request) -> Operation | None:
        """`openai.responses`, at whatever host and prefix; a poll of one that runs in the background has its id and its
        query in its name, because these say all that it asks."""
        place = urlsplit(request.url)
        if request.method.upper() == "GET":
            polled = _POLL.search(place.path)
            return Operation(self.name, f"openai.responses/{polled[1]}?{place.query}") if polled else None
        found = _PATH.search(place.path) if request.method.upper() == "POST" else None
        return Operation(self.name, "openai.responses", unquote(found["model"] or "")) if found else None

    def prompt(self, request: Request) -> Prompt:
        """The decoded request. Raises DialectError where it is no JSON object, or its input neither text nor list; a
        poll is none either, because it asks nothing of a model."""
        return asked.prompt_of(request)

    def frames(self, head: Head, body: bytes) -> tuple[bytes, ...]:
        """One SSE event each, or the whole JSON."""
        return frames_of(head, body)

    def decoder(self, request: Request, head: Head) -> Decoder:
        """A fresh decoder; the answer itself shows whether it is streamed."""
        del request
        return FrameDecoder(head, _Reader(head).read)

    def encode(self, prompt: Prompt, base_url: str) -> Request:
        """`prompt` as a request to `base_url`, which ends in `/v1`. Raises DialectError for what cannot be said."""
        return asked.request_of(prompt, base_url)

    def render(self, reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
        """`reply` as events or as one object. Raises DialectError for what this wire cannot carry."""
        return rendering.rendered(reply, prompt, said)


class _Reader:
    def __init__(self, head: Head) -> None:
        self._head = head
        self._told = Told()
        self._began = Began()

    def read(self, event: str, value: object) -> list[Delta]:
        data = as_object(value)
        kind = as_text(data.get("type")) or event
        if as_text(data.get("object")) == "response" and not failed(self._head):
            return list(self._response(data, final=True))
        if kind == "error" or has_error(data) or failed(self._head):
            return [problem_of({k: v for k, v in data.items() if v != "error" and k != "sequence_number"}, self._head)]
        return list(self._event(kind, data))

    def _event(self, kind: str, data: Object) -> Iterator[Delta]:
        if kind == "response.created" or kind in _ENDS:
            yield from self._response(as_object(data.get("response")), final=kind in _ENDS)
        elif kind.startswith("response.output_item."):
            done = kind.endswith(".done")
            yield from self._told.item(as_object(data.get("item")), as_count(data.get("output_index")), done=done)
        elif kind.startswith("response.content_part.done"):
            yield from self._told.part(data)
        elif kind not in _BOOKKEEPING:
            known = self._told.event(kind, data)
            yield from [Unknown(kind, dumped(data))] if known is None else known

    def _response(self, response: Object, *, final: bool) -> Iterator[Delta]:
        began = Began(as_text(response.get("id")), as_text(response.get("model")))
        if began != self._began:
            self._began = began
            yield began
        if final:
            for index, item in enumerate(as_list(response.get("output"))):
                yield from self._told.item(as_object(item), index, done=True)
            yield from _usage(as_object(response.get("usage")))
            yield from self._finish(response)

    def _finish(self, response: Object) -> Iterator[Delta]:
        status = as_text(response.get("status"))
        if response.get("error"):
            yield problem_of({"error": response["error"]}, self._head)
        if status == "completed":
            yield Finish(self._told.why(), status)
        elif status == "incomplete":
            reason = as_text(as_object(response.get("incomplete_details")).get("reason"))
            yield Finish(_INCOMPLETE.get(reason), reason or status)
        elif status:
            yield Finish("pause" if status in _PAUSED else "error" if status == "failed" else None, status)


def _usage(usage: Object) -> Iterator[Delta]:
    if usage:
        yield Usage(
            input_tokens=as_count(usage.get("input_tokens")),
            output_tokens=as_count(usage.get("output_tokens")),
            cached_tokens=as_count(as_object(usage.get("input_tokens_details")).get("cached_tokens")),
            reasoning_tokens=as_count(as_object(usage.get("output_tokens_details")).get("reasoning_tokens")),
        )
