"""What an Ollama request asks, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness.dialects._asking import arguments_of, assistant_calls, post, refuse, set_parameters
from harness.dialects._untyped import Object, as_list, as_object, as_text, dumped, request_object
from harness.model import Json, Message, Prompt, Request, Tool, ToolCall

_OURS: Final = {"num_predict": "max_tokens", "stop": "stop_sequences"}
_THEIRS: Final = {ours: theirs for theirs, ours in _OURS.items()}
_ELSEWHERE: Final = frozenset(
    {"model", "messages", "prompt", "system", "images", "tools", "stream", "options", "format", "raw"}
)
_TOP_LEVEL: Final = frozenset(
    {"think", "keep_alive", "template", "suffix", "context", "raw", "logprobs", "top_logprobs", "truncate", "shift"}
)


def prompt_of(request: Request) -> Prompt:
    """The decoded request. Raises DialectError where the body is no JSON object."""
    body = request_object(request, "ollama")
    options = {_OURS.get(key, key): value for key, value in as_object(body.get("options")).items()}
    other = {key: value for key, value in body.items() if key not in _ELSEWHERE}
    raw: Object = {"raw": True} if body.get("raw") is True else {}
    return Prompt(
        messages=tuple(_messages(body)),
        model=as_text(body.get("model")),
        parameters=set_parameters({**options, "response_format": body.get("format"), **raw, **other}),
        tools=tuple(_tool(as_object(as_object(tool).get("function"))) for tool in as_list(body.get("tools"))),
        stream=body.get("stream") is not False,
    )


def _messages(body: Object) -> Iterator[Message]:
    if as_text(body.get("system")):
        yield Message("system", as_text(body["system"]))
    if as_text(body.get("prompt")) or as_list(body.get("images")):
        yield Message("user", as_text(body.get("prompt")), attachments=_images(body))
    yield from (_message(as_object(item)) for item in as_list(body.get("messages")))


def _message(item: Object) -> Message:
    calls = [as_object(call) for call in as_list(item.get("tool_calls"))]
    return Message(
        as_text(item.get("role")),
        as_text(item.get("content")),
        name=as_text(item.get("tool_name")) or as_text(item.get("name")),
        tool_calls=tuple(_call(call) for call in calls),
        tool_call_id=as_text(item.get("tool_call_id")),
        attachments=_images(item),
    )


def _images(item: Object) -> tuple[str, ...]:
    return ("image",) * len(as_list(item.get("images")))


def _call(call: Object) -> ToolCall:
    function = as_object(call.get("function"))
    return ToolCall(as_text(function.get("name")), dumped(function.get("arguments", {})), as_text(call.get("id")))


def _tool(function: Object) -> Tool:
    schema = as_object(function.get("parameters"))
    return Tool(as_text(function.get("name")), as_text(function.get("description")), schema)


def request_of(prompt: Prompt, base_url: str) -> Request:
    """`prompt` as a request to `/api/chat`. Raises DialectError where this wire has no word for something in it."""
    refuse("ollama", prompt, ("n",))
    body: Object = {"model": prompt.model, "messages": [_wire_message(message) for message in prompt.messages]}
    if prompt.tools:
        body["tools"] = [{"type": "function", "function": _wire_tool(tool)} for tool in prompt.tools]
    body["stream"] = prompt.stream is not False
    body.update({key: value for key, value in prompt.parameters.items() if key in _TOP_LEVEL})
    options = {_THEIRS.get(k, k): v for k, v in prompt.parameters.items() if k not in _TOP_LEVEL}
    shape = options.pop("response_format", None)
    if shape is not None:
        body["format"] = shape
    if options:
        body["options"] = options
    return post(f"{base_url.rstrip('/').removesuffix('/api')}/api/chat", body)


def _wire_tool(tool: Tool) -> Json:
    return {"name": tool.name, "description": tool.description, "parameters": dict(tool.schema)}


def _wire_message(message: Message) -> Json:
    wire: Object = {"role": message.role, "content": message.content}
    if message.name:
        wire["tool_name"] = message.name
    if message.tool_call_id:
        wire["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        wire["tool_calls"] = [_wire_call(call) for call in assistant_calls("ollama", message)]
    return wire


def _wire_call(call: ToolCall) -> Json:
    function: Object = {"function": {"name": call.name, "arguments": arguments_of(call)}}
    return {"id": call.id, **function} if call.id else function
