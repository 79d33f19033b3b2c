"""What a Converse request asks, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final
from urllib.parse import quote

from harness.dialects._asking import (
    arguments_of,
    assistant_calls,
    plain_messages,
    post,
    refuse,
    set_parameters,
    system_text,
)
from harness.dialects._untyped import Object, as_list, as_object, as_text, dumped, first
from harness.model import Json, Message, Prompt, Request, Tool, ToolCall

_OURS: Final = {
    "maxTokens": "max_tokens",
    "max_new_tokens": "max_tokens",
    "topP": "top_p",
    "stopSequences": "stop_sequences",
}
_SETTINGS: Final = {
    "max_tokens": "maxTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "stop_sequences": "stopSequences",
}
"""Our names, and what stands for them in `inferenceConfig`."""
_UNSPEAKABLE: Final = frozenset({"n", "seed", "response_format", "presence_penalty", "frequency_penalty"})
_ELSEWHERE: Final = frozenset({"messages", "system", "inferenceConfig", "toolConfig", "modelId", "schemaVersion"})
_SAID: Final = frozenset({"text", "toolUse", "toolResult", "cachePoint"})


def prompt_of(body: Object, model: str, *, stream: bool) -> Prompt:
    """The prompt in `body`. Amazon's Nova takes the same form through InvokeModel."""
    settings = as_object(body.get("inferenceConfig"))
    tools = as_object(body.get("toolConfig"))
    parameters: Object = {
        **{_OURS.get(name, name): value for name, value in settings.items()},
        **{name: value for name, value in body.items() if name not in _ELSEWHERE},
        "toolChoice": tools.get("toolChoice"),
    }
    return Prompt(
        messages=(*_system(body.get("system")), *_messages(body.get("messages"))),
        model=model,
        parameters=set_parameters(parameters),
        tools=tuple(_tool(as_object(tool)) for tool in as_list(tools.get("tools"))),
        stream=stream,
    )


def _system(blocks: Json) -> Iterator[Message]:
    text = _joined(as_list(blocks))
    if text:
        yield Message("system", text)


def _messages(items: Json) -> Iterator[Message]:
    for item in map(as_object, as_list(items)):
        role = as_text(item.get("role"))
        content = item.get("content")
        blocks = [as_object(block) for block in as_list(content)]
        if not blocks:
            yield Message(role, as_text(content))
        for is_result, group in groupby(blocks, lambda block: "toolResult" in block):
            run = list(group)
            yield from map(_result, run) if is_result else [_spoken(role, run)]


def _spoken(role: str, blocks: list[Object]) -> Message:
    return Message(
        role,
        content=_joined(blocks),
        tool_calls=tuple(_call(as_object(block["toolUse"])) for block in blocks if "toolUse" in block),
        attachments=tuple(_kind(block) for block in blocks if not _SAID & block.keys()),
    )


def _result(block: Object) -> Message:
    result = as_object(block.get("toolResult"))
    parts = [as_object(part) for part in as_list(result.get("content"))]
    return Message(
        "tool",
        content="".join(as_text(part.get("text")) if "text" in part else _json(part) for part in parts),
        tool_call_id=as_text(result.get("toolUseId")),
        attachments=tuple(_kind(part) for part in parts if not {"text", "json"} & part.keys()),
    )


def _json(part: Object) -> str:
    return dumped(part["json"]) if "json" in part else ""


def _kind(block: Object) -> str:
    return next(iter(block), "part")


def _call(use: Object) -> ToolCall:
    return ToolCall(as_text(use.get("name")), dumped(use.get("input", {})), as_text(use.get("toolUseId")))


def _tool(tool: Object) -> Tool:
    named = as_object(first(tool, "toolSpec", "systemTool"))
    schema = as_object(as_object(named.get("inputSchema")).get("json"))
    name = as_text(named.get("name")) or next(iter(tool), "")
    return Tool(name, as_text(named.get("description")), schema)


def _joined(blocks: list[Json] | list[Object]) -> str:
    return "".join(as_text(as_object(block).get("text")) for block in blocks)


def request_of(prompt: Prompt, base_url: str) -> Request:
    """`prompt` as a request to Converse. Raises DialectError where this wire has no word for something in it."""
    return post(url_of(base_url, prompt.model, "converse-stream" if prompt.stream else "converse"), body_of(prompt))


def url_of(base_url: str, model: str, verb: str) -> str:
    """Where `model` is asked."""
    return f"{base_url.rstrip('/')}/model/{quote(model, safe='')}/{verb}"


def body_of(prompt: Prompt) -> Object:
    """The body that asks `prompt`. Raises DialectError where this wire has no word for something in it."""
    refuse("bedrock-converse", prompt, _UNSPEAKABLE)
    body: Object = {"messages": list(_wire_messages(plain_messages(prompt)))}
    system = system_text(prompt)
    if system:
        body["system"] = [{"text": system}]
    others = {name: value for name, value in prompt.parameters.items() if name not in _SETTINGS}
    choice = others.pop("toolChoice", None)
    settings: Object = {_SETTINGS[name]: value for name, value in prompt.parameters.items() if name in _SETTINGS}
    if settings:
        body["inferenceConfig"] = settings
    if prompt.tools:
        chosen: Object = {"toolChoice": choice} if choice else {}
        body["toolConfig"] = {"tools": [_wire_tool(tool) for tool in prompt.tools], **chosen}
    return {**body, **others}


def _wire_messages(messages: tuple[Message, ...]) -> Iterator[Json]:
    for is_result, group in groupby(messages, lambda message: message.role == "tool"):
        run = list(group)
        if is_result:
            # All answers to one turn stand in one message, or the API refuses them.
            yield {"role": "user", "content": [_wire_result(message) for message in run]}
        else:
            yield from ({"role": message.role, "content": _wire_content(message)} for message in run)


def _wire_result(message: Message) -> Json:
    return {"toolResult": {"toolUseId": message.tool_call_id, "content": [{"text": message.content}]}}


def _wire_content(message: Message) -> Json:
    calls: list[Json] = [
        {"toolUse": {"toolUseId": call.id, "name": call.name, "input": arguments_of(call)}}
        for call in assistant_calls("bedrock-converse", message)
    ]
    text: list[Json] = [{"text": message.content}] if message.content or not calls else []
    return [*text, *calls]


def _wire_tool(tool: Tool) -> Json:
    about: Object = {"description": tool.description} if tool.description else {}  # the API refuses an empty one
    return {"toolSpec": {"name": tool.name, **about, "inputSchema": {"json": dict(tool.schema)}}}
