"""What an Anthropic request asks, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from harness.dialects._asking import (
    arguments_of,
    assistant_calls,
    plain_messages,
    post,
    refuse,
    set_parameters,
    system_text,
)
from harness.dialects._untyped import Object, as_list, as_object, as_text, dumped, request_object
from harness.model import Json, Message, Prompt, Request, Tool, ToolCall

MAX_TOKENS: Final = 4096
"""What is sent where the caller set nothing: the field is mandatory on this wire."""

_ELSEWHERE: Final = frozenset({"model", "messages", "prompt", "system", "tools", "stream", "max_tokens_to_sample"})
_UNSPEAKABLE: Final = frozenset({"n", "seed", "response_format", "presence_penalty", "frequency_penalty"})


def prompt_of(request: Request, model: str = "") -> Prompt:
    """The decoded request, `model` being that of its path. Raises DialectError where the body is no JSON object."""
    body = request_object(request, "anthropic")
    return Prompt(
        messages=(*_system(body.get("system")), *_messages(body), *_completed(body.get("prompt"))),
        model=as_text(body.get("model")) or model,
        parameters=set_parameters(
            {"max_tokens": body.get("max_tokens_to_sample")} | {k: v for k, v in body.items() if k not in _ELSEWHERE}
        ),
        tools=tuple(_tool(as_object(tool)) for tool in as_list(body.get("tools"))),
        stream=body.get("stream") is True,
    )


def _system(value: Json) -> tuple[Message, ...]:
    text = _joined(value)
    return (Message("system", text),) if text else ()


def _completed(prompt: Json) -> tuple[Message, ...]:
    """The one text of the older operation, whose turns stand in it in words."""
    return (Message("user", prompt),) if isinstance(prompt, str) else ()


def _messages(body: Object) -> Iterator[Message]:
    for item in as_list(body.get("messages")):
        message = as_object(item)
        role = as_text(message.get("role"))
        content = message.get("content")
        blocks = [as_object(block) for block in as_list(content)]
        if not blocks:
            yield Message(role, as_text(content))
        for is_result, group in groupby(blocks, lambda block: block.get("type") == "tool_result"):
            run = list(group)
            # One message of the wire may answer several tools and go on talking: for us each answer is a message.
            yield from map(_result, run) if is_result else [_spoken(role, run)]


def _spoken(role: str, blocks: list[Object]) -> Message:
    other = (as_text(block.get("type")) for block in blocks if block.get("type") not in {"text", "tool_use"})
    return Message(
        role,
        content="".join(as_text(block.get("text")) for block in blocks if block.get("type") == "text"),
        tool_calls=tuple(_call(block) for block in blocks if block.get("type") == "tool_use"),
        attachments=tuple(other),
    )


def _call(block: Object) -> ToolCall:
    return ToolCall(as_text(block.get("name")), dumped(block.get("input", {})), as_text(block.get("id")))


def _result(block: Object) -> Message:
    content = block.get("content")
    kinds = [as_text(as_object(part).get("type")) for part in as_list(content)]
    return Message(
        "tool",
        content=_joined(content),
        tool_call_id=as_text(block.get("tool_use_id")),
        attachments=tuple(kind for kind in kinds if kind != "text"),
    )


def _joined(content: Json) -> str:
    return as_text(content) or "".join(as_text(as_object(part).get("text")) for part in as_list(content))


def _tool(tool: Object) -> Tool:
    return Tool(
        as_text(tool.get("name")) or as_text(tool.get("type")),
        as_text(tool.get("description")),
        as_object(tool.get("input_schema")),
    )


def request_of(prompt: Prompt, base_url: str) -> Request:
    """`prompt` as a request. Raises DialectError where this wire has no word for something in it."""
    refuse("anthropic", prompt, _UNSPEAKABLE)
    body: Object = {"model": prompt.model, "max_tokens": MAX_TOKENS, **prompt.parameters}
    system = system_text(prompt)
    if system:
        body["system"] = system
    body["messages"] = list(_wire_messages(plain_messages(prompt)))
    if prompt.tools:
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": dict(tool.schema)}
            for tool in prompt.tools
        ]
    if prompt.stream:
        body["stream"] = True
    root = base_url.rstrip("/").removesuffix("/v1")
    return post(f"{root}/v1/messages", body, ("anthropic-version", "2023-06-01"))


def _wire_messages(messages: tuple[Message, ...]) -> Iterator[Json]:
    for is_result, group in groupby(messages, lambda message: message.role == "tool"):
        run = list(group)
        if is_result:
            # All answers to one turn stand in one message, or the API refuses them.
            yield {"role": "user", "content": [_wire_result(message) for message in run]}
        else:
            yield from ({"role": m.role, "content": _wire_content(m)} for m in run)


def _wire_result(message: Message) -> Json:
    return {"type": "tool_result", "tool_use_id": message.tool_call_id, "content": message.content}


def _wire_content(message: Message) -> Json:
    if not message.tool_calls:
        return message.content
    text: list[Json] = [{"type": "text", "text": message.content}] if message.content else []
    calls: list[Json] = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments_of(call)}
        for call in assistant_calls("anthropic", message)
    ]
    return [*text, *calls]
