"""What a Cohere request asks: version 1 has one message and a history, version 2 a list of messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness.dialects._asking import post, refuse, set_parameters
from harness.dialects._openai_prompt import attachments_of, call_of, text_of, tool_of, wire_call, wire_tool
from harness.dialects._untyped import Object, as_list, as_object, as_text, dumped
from harness.model import Json, Message, Prompt, Request, Tool, ToolCall

_OURS: Final = {"p": "top_p"}
_ELSEWHERE: Final = frozenset(
    {"model", "messages", "message", "prompt", "chat_history", "preamble", "stream", "tools", "tool_results"}
)
_ROLES: Final = {"chatbot": "assistant"}
_UNSPEAKABLE: Final = frozenset({"n"})


def prompt_of(body: Object, model: str = "") -> Prompt:
    """The prompt in `body`, of either version or of the older `generate`."""
    others = {_OURS.get(name, name): value for name, value in body.items() if name not in _ELSEWHERE}
    return Prompt(
        messages=tuple(_newer(body) if isinstance(body.get("messages"), list) else _older(body)),
        model=as_text(body.get("model")) or model,
        parameters=set_parameters(others),
        tools=tuple(_tool(as_object(tool)) for tool in as_list(body.get("tools"))),
        stream=body.get("stream") is True,
    )


def _newer(body: Object) -> Iterator[Message]:
    for item in map(as_object, as_list(body.get("messages"))):
        content = item.get("content")
        yield Message(
            as_text(item.get("role")),
            content=text_of(content) or as_text(item.get("tool_plan")),
            tool_calls=tuple(call_of(as_object(call)) for call in as_list(item.get("tool_calls"))),
            tool_call_id=as_text(item.get("tool_call_id")),
            attachments=attachments_of(content),
        )


def _older(body: Object) -> Iterator[Message]:
    if as_text(body.get("preamble")):
        yield Message("system", as_text(body["preamble"]))
    for item in map(as_object, as_list(body.get("chat_history"))):
        role = as_text(item.get("role")).lower()
        calls = tuple(older_call(as_object(call)) for call in as_list(item.get("tool_calls")))
        if calls or "message" in item:
            yield Message(_ROLES.get(role, role), as_text(item.get("message")), tool_calls=calls)
        yield from map(_result, map(as_object, as_list(item.get("tool_results"))))
    asked = as_text(body.get("message")) or as_text(body.get("prompt"))
    if asked:
        yield Message("user", asked)
    yield from map(_result, map(as_object, as_list(body.get("tool_results"))))


def _result(result: Object) -> Message:
    return Message("tool", dumped(result.get("outputs", [])), name=as_text(as_object(result.get("call")).get("name")))


def older_call(call: Object) -> ToolCall:
    """A tool call of version 1, which has no id."""
    return ToolCall(as_text(call.get("name")), dumped(call.get("parameters", {})))


def _tool(tool: Object) -> Tool:
    if "parameter_definitions" not in tool:
        return tool_of(tool)
    properties = as_object(tool["parameter_definitions"])
    return Tool(as_text(tool.get("name")), as_text(tool.get("description")), {"properties": properties})


def request_of(prompt: Prompt, base_url: str) -> Request:
    """`prompt` as a request of version 2. Raises DialectError where this wire has no word for something in it."""
    refuse("cohere", prompt, _UNSPEAKABLE)
    body: Object = {"model": prompt.model, "messages": [_wire_message(message) for message in prompt.messages]}
    if prompt.tools:
        body["tools"] = [wire_tool(tool) for tool in prompt.tools]
    body.update({"p" if name == "top_p" else name: value for name, value in prompt.parameters.items()})
    if body.get("response_format") == "json":
        body["response_format"] = {"type": "json_object"}
    if prompt.stream is not None:
        body["stream"] = prompt.stream
    return post(f"{base_url.rstrip('/').removesuffix('/v2')}/v2/chat", body)


def _wire_message(message: Message) -> Json:
    item: Object = {"role": message.role}
    if message.tool_calls:
        item["tool_calls"] = [wire_call(call) for call in message.tool_calls]
        return {**item, "tool_plan": message.content} if message.content else item
    if message.tool_call_id:
        item["tool_call_id"] = message.tool_call_id
    return {**item, "content": message.content}
