"""What a Gemini request asks, both ways. Keys are read in camelCase and in snake_case, because the API takes both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from harness.dialects._asking import arguments_of, assistant_calls, plain_messages, post, refuse, set_parameters
from harness.dialects._untyped import (
    MISSING,
    Object,
    as_list,
    as_object,
    as_text,
    dumped,
    first,
    loaded,
    request_object,
)
from harness.model import Json, Message, Prompt, Request, Tool, ToolCall

_OURS: Final = {
    "temperature": "temperature",
    "topP": "top_p",
    "maxOutputTokens": "max_tokens",
    "stopSequences": "stop_sequences",
    "seed": "seed",
    "candidateCount": "n",
}
_THEIRS: Final = {ours: theirs for theirs, ours in _OURS.items()}
_ELSEWHERE: Final = frozenset({"contents", "systemInstruction", "tools", "generationConfig", "model"})
_TOP_LEVEL: Final = frozenset({"safetySettings", "toolConfig", "cachedContent", "labels"})
_JSON_TYPE: Final = "application/json"


def prompt_of(request: Request, model: str, *, stream: bool) -> Prompt:
    """The decoded request. Raises DialectError where the body is no JSON object."""
    body = _camel(request_object(request, "gemini"))
    contents = body.get("contents")
    return Prompt(
        messages=(*_system(body.get("systemInstruction")), *_messages(contents)),
        model=model,
        parameters=set_parameters({**_config(body.get("generationConfig")), **_others(body)}),
        tools=tuple(_tools(body.get("tools"))),
        stream=stream,
    )


def _camel(item: Object) -> Object:
    """The keys of `item`, not of what it holds: a schema further down has keys of its own."""
    return {re.sub(r"_([a-z])", lambda match: match[1].upper(), key): value for key, value in item.items()}


def _others(body: Object) -> Object:
    return {key: value for key, value in body.items() if key not in _ELSEWHERE}


def _config(value: Json) -> Object:
    config = _camel(as_object(value))
    kind = config.pop("responseMimeType", None)
    shape: Object = {"response_format": "json" if kind == _JSON_TYPE else kind}
    return {**shape, **{_OURS.get(key, key): item for key, item in config.items()}}


def _system(value: Json) -> tuple[Message, ...]:
    parts = _parts(value)
    text = as_text(value) or "".join(as_text(part.get("text")) for part in parts)
    return (Message("system", text),) if text else ()


def _messages(contents: Json) -> Iterator[Message]:
    for content in [contents] if isinstance(contents, dict) else as_list(contents):
        role = as_text(as_object(content).get("role")) or "user"
        parts = _parts(content)
        answers = [part["functionResponse"] for part in parts if "functionResponse" in part]
        yield from map(_answer, answers)
        spoken = [part for part in parts if "functionResponse" not in part]
        if spoken or not answers:
            yield _spoken("assistant" if role == "model" else role, spoken)


def _parts(content: Json) -> list[Object]:
    return [_camel(as_object(part)) for part in as_list(as_object(content).get("parts"))]


def _spoken(role: str, parts: list[Object]) -> Message:
    texts = [part for part in parts if "text" in part and part.get("thought") is not True]
    calls = [as_object(part["functionCall"]) for part in parts if "functionCall" in part]
    other = [_named(part) for part in parts if part not in texts and "functionCall" not in part]
    return Message(
        role,
        content="".join(as_text(part["text"]) for part in texts),
        tool_calls=tuple(
            ToolCall(as_text(call.get("name")), dumped(call.get("args", {})), as_text(call.get("id"))) for call in calls
        ),
        attachments=tuple(other),
    )


def _named(part: Object) -> str:
    return "thought" if part.get("thought") is True else next(iter(part), "part")


def _answer(value: Json) -> Message:
    response = as_object(value)
    return Message(
        "tool",
        content=dumped(response.get("response", {})),
        name=as_text(response.get("name")),
        tool_call_id=as_text(response.get("id")),
    )


def _tools(value: Json) -> Iterator[Tool]:
    for item in as_list(value):
        tool = _camel(as_object(item))
        declared = [as_object(function) for function in as_list(tool.pop("functionDeclarations", None))]
        yield from map(_function, declared)
        yield from (Tool(name) for name in tool)  # codeExecution, googleSearch, ...: what the provider runs itself


def _function(function: Object) -> Tool:
    schema = first(_camel(function), "parametersJsonSchema", "parameters")
    return Tool(as_text(function.get("name")), as_text(function.get("description")), as_object(schema))


def request_of(prompt: Prompt, base_url: str) -> Request:
    """`prompt` as a request. Raises DialectError where this wire has no word for something in it."""
    refuse("gemini", prompt, ())
    verb = "streamGenerateContent?alt=sse" if prompt.stream else "generateContent"
    root = base_url.rstrip("/")
    root = root if re.search(r"/v1[a-z0-9]*(/|$)", root) else f"{root}/v1beta"
    return post(f"{root}/models/{quote(prompt.model)}:{verb}", _body(prompt))


def _body(prompt: Prompt) -> Object:
    body: Object = {"contents": [_content(message) for message in plain_messages(prompt)]}
    if prompt.system:
        body["systemInstruction"] = {"parts": [{"text": prompt.system}]}
    if prompt.tools:
        body["tools"] = [{"functionDeclarations": [_declared(tool) for tool in prompt.tools]}]
    body.update({key: value for key, value in prompt.parameters.items() if key in _TOP_LEVEL})
    config = {_THEIRS.get(k, k): v for k, v in prompt.parameters.items() if k not in _TOP_LEVEL}
    shape = config.pop("response_format", None)
    if shape is not None:
        config["responseMimeType"] = _JSON_TYPE if shape == "json" else shape
    if config:
        body["generationConfig"] = config
    return body


def _declared(tool: Tool) -> Json:
    return {"name": tool.name, "description": tool.description, "parametersJsonSchema": dict(tool.schema)}


def _content(message: Message) -> Json:
    if message.role == "tool":
        return {"role": "user", "parts": [{"functionResponse": _response(message)}]}
    parts: list[Json] = [{"text": message.content}] if message.content or not message.tool_calls else []
    for call in assistant_calls("gemini", message):
        asked: Object = {"name": call.name, "args": arguments_of(call)}
        parts.append({"functionCall": {**asked, "id": call.id} if call.id else asked})
    return {"role": "model" if message.role == "assistant" else "user", "parts": parts}


def _response(message: Message) -> Json:
    value = loaded(message.content)
    # The field takes an object only; a plain text goes where the API's own documentation puts it.
    response: Json = (
        as_object(value) if value is not MISSING and isinstance(value, dict) else {"result": message.content}
    )
    told: Object = {"name": message.name, "response": response}
    return {**told, "id": message.tool_call_id} if message.tool_call_id else told
