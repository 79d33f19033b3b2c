"""What a chat completions request asks, both ways."""

from __future__ import annotations

import re
from typing import Final

from harness.dialects._asking import post, refuse, set_parameters
from harness.dialects._untyped import Object, as_list, as_object, as_text, dumped, first, request_object
from harness.errors import DialectError
from harness.model import Json, Message, Prompt, Request, Tool, ToolCall

_ELSEWHERE: Final = frozenset({"model", "messages", "tools", "functions", "stream", "max_completion_tokens", "stop"})
_TEXT_PARTS: Final = frozenset({"text", "input_text", "output_text", "refusal"})
_NEW_LIMIT: Final = re.compile(r"^(?:[\w.-]+/)?(?:o\d|gpt-5)")
"""Models that refuse `max_tokens`; every other server knows that name, and many know no other."""


def prompt_of(request: Request) -> Prompt:
    """The decoded request. Raises DialectError where the body is no JSON object with a list of messages."""
    body = request_object(request, "openai-chat")
    if not isinstance(body.get("messages"), list):
        message = f"{request.method} {request.url}: openai-chat wants a list at $.messages"
        raise DialectError(message)
    return Prompt(
        messages=tuple(_message(as_object(item)) for item in as_list(body["messages"])),
        model=as_text(body.get("model")),
        parameters=parameters_of(body, _ELSEWHERE),
        tools=tuple(
            tool_of(as_object(tool)) for tool in [*as_list(body.get("tools")), *as_list(body.get("functions"))]
        ),
        stream=body.get("stream") is True,
    )


def parameters_of(body: Object, elsewhere: frozenset[str]) -> dict[str, Json]:
    """The parameters that were set, under our names; `elsewhere` are the fields that are none."""
    others = {name: value for name, value in body.items() if name not in elsewhere}
    ours: dict[str, Json] = {"max_tokens": body.get("max_completion_tokens") or body.get("max_tokens")}
    stop = body.get("stop")
    ours["stop_sequences"] = [stop] if isinstance(stop, str) and stop else stop
    return set_parameters({**others, **ours})


def text_of(content: Json) -> str:
    """The text parts of `content`, joined; a string is its own only part."""
    return as_text(content) or "".join(_part_text(as_object(part)) for part in as_list(content))


def attachments_of(content: Json) -> tuple[str, ...]:
    """The types of the parts that are no text."""
    kinds = (as_text(as_object(part).get("type")) for part in as_list(content))
    return tuple(kind for kind in kinds if kind not in _TEXT_PARTS)


def tool_of(tool: Object) -> Tool:
    """A tool in any of its three forms: nested under `function` or `custom`, flat, or built in with only a type."""
    inner = as_object(tool.get("function")) or as_object(tool.get("custom")) or tool
    name = as_text(inner.get("name")) or as_text(tool.get("type"))
    return Tool(name, as_text(inner.get("description")), as_object(inner.get("parameters")))


def call_of(call: Object) -> ToolCall:
    """A tool call, of a function or of a custom tool, whose input is free text."""
    inner = as_object(call.get("function")) or as_object(call.get("custom"))
    return ToolCall(as_text(inner.get("name")), arguments_of(inner), as_text(call.get("id")))


def arguments_of(inner: Object) -> str:
    """The arguments as text; some servers send them as the object itself."""
    value = first(inner, "arguments", "input")
    return value if isinstance(value, str) else dumped(value) if value is not None else ""


def _part_text(part: Object) -> str:
    return as_text(first(part, "text", "refusal")) if part.get("type") in _TEXT_PARTS else ""


def _message(item: Object) -> Message:
    content = item.get("content")
    legacy = as_object(item.get("function_call"))
    calls = [call_of(as_object(call)) for call in as_list(item.get("tool_calls"))]
    if legacy:
        calls.append(ToolCall(as_text(legacy.get("name")), arguments_of(legacy)))
    return Message(
        role=as_text(item.get("role")),
        content=text_of(content) or as_text(item.get("refusal")),
        name=as_text(item.get("name")),
        tool_calls=tuple(calls),
        tool_call_id=as_text(item.get("tool_call_id")),
        attachments=attachments_of(content),
    )


def request_of(prompt: Prompt, base_url: str) -> Request:
    """`prompt` as a request. Raises DialectError where it has attachments, of which only the name is known."""
    refuse("openai-chat", prompt, ())
    body: Object = {"model": prompt.model, "messages": [_wire_message(message) for message in prompt.messages]}
    if prompt.tools:
        body["tools"] = [wire_tool(tool) for tool in prompt.tools]
    limit = "max_completion_tokens" if _NEW_LIMIT.search(prompt.model) else "max_tokens"
    spelled = {"max_tokens": limit, "stop_sequences": "stop"}
    body.update({spelled.get(name, name): value for name, value in prompt.parameters.items()})
    if body.get("response_format") == "json":
        body["response_format"] = {"type": "json_object"}
    if prompt.stream is not None:
        body["stream"] = prompt.stream
    return post(f"{base_url.rstrip('/')}/chat/completions", body)


def _wire_message(message: Message) -> Object:
    item: Object = {"role": message.role, "content": message.content}
    if message.name:
        item["name"] = message.name
    if message.tool_calls:
        item["content"] = message.content or None
        item["tool_calls"] = [wire_call(call) for call in message.tool_calls]
    if message.tool_call_id:
        item["tool_call_id"] = message.tool_call_id
    return item


def wire_call(call: ToolCall) -> Object:
    """`call` as this wire says it, whole."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def wire_tool(tool: Tool) -> Object:
    """`tool` as this wire offers it."""
    function: Object = {"name": tool.name, "parameters": dict(tool.schema)}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": function}
