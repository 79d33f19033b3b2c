"""What a Converse request asks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from harness.dialects._asking import set_parameters
from harness.dialects._untyped import Object, as_list, as_object, as_text, dumped, first
from harness.model import Json, Message, Prompt, Tool, ToolCall

_OURS: Final = {
    "maxTokens": "max_tokens",
    "max_new_tokens": "max_tokens",
    "topP": "top_p",
    "stopSequences": "stop_sequences",
}
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
