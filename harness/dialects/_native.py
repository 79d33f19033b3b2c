"""Our own dialect, for backends with no wire: what a driver asks of its backend, and what it is told, as bytes.

    POST native://backend/<call>      {"call": ..., "model": ..., "messages": [...], "temperature": ..., ...}
    200 application/x-ndjson          {"text": "..."} and so on, one line for each Delta

Only what was set stands in the request. An answer carries every Delta there is, so that nothing is lost
of what a backend said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from harness.dialects import _native_lines as lines
from harness.dialects._answer import FrameDecoder, frames_of
from harness.dialects._saying import NDJSON, Piece, in_order, ok
from harness.dialects._untyped import Object, as_list, as_object, as_text, dumped, loaded, request_object
from harness.errors import DialectError
from harness.model import (
    Began,
    Delta,
    Finish,
    Head,
    Headers,
    Json,
    Message,
    Prompt,
    Reply,
    Request,
    Spoken,
    Status,
    Tool,
    ToolCall,
    Unknown,
)
from harness.spec import Decoder, Operation

_URL: Final = re.compile(r"^native://backend/(?P<call>\w+)$")
_ELSEWHERE: Final = frozenset({"call", "model", "messages", "tools", "stream"})
_BYTES_KEPT_MAX: Final = 4096
_NAME: Final = "native"
_JSON: Final = Headers((("content-type", "application/json"),))
_SHAPES: Final = frozenset({"lines"})


class Native:
    """The dialect `native`."""

    name = _NAME
    renders = True
    draws = True

    def operation(self, request: Request) -> Operation | None:
        """`native.<call>`."""
        return _operation(request.url) if request.method.upper() == "POST" else None

    def prompt(self, request: Request) -> Prompt:
        """The decoded request, without the call it came by. Raises DialectError where it is no JSON object."""
        body = request_object(request, self.name)
        return Prompt(
            messages=tuple(_message(as_object(item)) for item in as_list(body.get("messages"))),
            model=as_text(body.get("model")),
            parameters={name: value for name, value in body.items() if name not in _ELSEWHERE},
            tools=tuple(_tool(as_object(item)) for item in as_list(body.get("tools"))),
            stream=body["stream"] is True if "stream" in body else None,
        )

    def frames(self, head: Head, body: bytes) -> tuple[bytes, ...]:
        """One line each."""
        return frames_of(head, body, _SHAPES)

    def decoder(self, request: Request, head: Head) -> Decoder:
        """A fresh decoder."""
        del request
        return _LineDecoder(head, lines.read, _SHAPES)

    def encode(self, prompt: Prompt, base_url: str = "") -> Request:
        """`prompt` as the call `complete`. There is no base URL to honour."""
        del base_url
        return native_request("complete", prompt)

    def render(self, reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
        """`reply` as lines, streamed or not: this wire knows no difference. Nothing is beyond it."""
        del prompt
        return ok(NDJSON), tuple(native_line(delta) for delta in _deltas(reply, in_order(reply, said)))


@lru_cache(maxsize=64)
def _operation(url: str) -> Operation | None:
    found = _URL.match(url)
    return Operation(_NAME, f"native.{found['call']}") if found else None


class _LineDecoder(FrameDecoder):
    """Reads a chunk that is whole lines without looking for frames, and a short one that was read before not at all.

    A backend is asked thousands of times in a run, and its answers come a line a word.
    """

    _in_lines = True

    def feed(self, data: bytes) -> list[Delta]:
        """What `data` completes."""
        said = None
        if self._in_lines and data.endswith(b"\n"):
            said = _few_lines_said(data) if len(data) <= _BYTES_KEPT_MAX else _lines_said(data)
        if said is None:
            self._in_lines = False
            return super().feed(data)
        self._heard(said)
        return list(said)

    def close(self) -> list[Delta]:
        """What only the end completes: nothing, where all of it came in whole lines."""
        return [] if self._in_lines and self.is_told else super().close()


def _lines_said(data: bytes) -> tuple[Delta, ...] | None:
    """What whole lines mean; None where one of them is no JSON object."""
    said: list[Delta] = []
    for line in data.splitlines(keepends=True):
        value = loaded(line.decode("utf-8", "replace"))
        if not isinstance(value, dict):
            return None
        said += lines.read("", value)
    return tuple(said)


_few_lines_said = lru_cache(maxsize=4096)(_lines_said)


def native_request(call: str, prompt: Prompt, *, unsaid: str = "") -> Request:
    """What a backend was asked, as a request: `call` is `generate`, `complete`, `stream_tokens`, ... The model `unsaid`
    is what a backend calls one that nobody chose, and is left out.

    Raises DialectError where a parameter has the name of a field that is something else.
    """
    taken = sorted(_ELSEWHERE & prompt.parameters.keys())
    if taken:
        message = f"native has fields of these names, so they can be no parameters: {', '.join(taken)}"
        raise DialectError(message)
    body: Object = {"call": call}
    if prompt.model and prompt.model != unsaid:
        body["model"] = prompt.model
    body["messages"] = [_wire_message(message) for message in prompt.messages]
    if prompt.tools:
        body["tools"] = [_wire_tool(tool) for tool in prompt.tools]
    if prompt.stream is not None:
        body["stream"] = prompt.stream
    body.update(prompt.parameters)
    return Request("POST", f"native://backend/{call}", _JSON, dumped(body).encode())


def native_line(delta: Delta) -> bytes:
    """`delta` as one line of an answer: for whoever listens to a backend and writes down what it says."""
    return f"{dumped(lines.line_of(delta))}\n".encode()


def _deltas(reply: Reply, pieces: Sequence[Piece]) -> Iterator[Delta]:
    """What a Reply has apart from its sum (progress, unknown things) stands in its deltas only."""
    if reply.id or reply.model:
        yield Began(reply.id, reply.model)
    yield from (delta for delta in reply.deltas if isinstance(delta, Status | Unknown))
    yield from pieces
    if reply.finish is not None or reply.native_finish:
        yield Finish(reply.finish, reply.native_finish)
    yield from (told for told in (reply.usage, reply.problem) if told)


def _message(item: Object) -> Message:
    return Message(
        role=as_text(item.get("role")),
        content=as_text(item.get("content")),
        name=as_text(item.get("name")),
        tool_calls=tuple(_call(as_object(call)) for call in as_list(item.get("tool_calls"))),
        tool_call_id=as_text(item.get("tool_call_id")),
        attachments=tuple(as_text(what) for what in as_list(item.get("attachments"))),
    )


def _call(item: Object) -> ToolCall:
    return ToolCall(as_text(item.get("name")), as_text(item.get("arguments")), as_text(item.get("id")))


def _tool(item: Object) -> Tool:
    return Tool(as_text(item.get("name")), as_text(item.get("description")), as_object(item.get("schema")))


def _wire_message(message: Message) -> Json:
    wire: Object = {"role": message.role, "content": message.content}
    if message.name:
        wire["name"] = message.name
    if message.tool_calls:
        wire["tool_calls"] = [_set(name=c.name, arguments=c.arguments, id=c.id) for c in message.tool_calls]
    if message.tool_call_id:
        wire["tool_call_id"] = message.tool_call_id
    if message.attachments:
        wire["attachments"] = list(message.attachments)
    return wire


def _wire_tool(tool: Tool) -> Json:
    return _set(name=tool.name, description=tool.description, schema=dict(tool.schema))


def _set(**fields: Json) -> Object:
    return {name: value for name, value in fields.items() if value}
