"""What a Responses request asks, both ways. One message of other wires is several items here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from harness.dialects._asking import post, refuse
from harness.dialects._openai_prompt import arguments_of, attachments_of, parameters_of, text_of, tool_of
from harness.dialects._saying import no_form
from harness.dialects._untyped import Object, as_list, as_object, as_text, request_object
from harness.errors import DialectError
from harness.model import Json, Message, Prompt, Request, Tool, ToolCall

_NAME: Final = "openai-responses"
_ELSEWHERE: Final = frozenset(
    {"model", "input", "instructions", "tools", "stream", "max_output_tokens", "text", "stop"}
)
_CALLS: Final = frozenset({"function_call", "custom_tool_call"})
_RESULTS: Final = frozenset({"function_call_output", "custom_tool_call_output"})


def prompt_of(request: Request) -> Prompt:
    """The decoded request. Raises DialectError where the body is no JSON object, or its input no text and no list."""
    body = request_object(request, "openai-responses")
    said = body.get("input")
    if not isinstance(said, str | list | None):
        message = f"{request.method} {request.url}: openai-responses wants a text or a list at $.input"
        raise DialectError(message)
    instructions = as_text(body.get("instructions"))
    system = (Message("system", instructions),) if instructions else ()
    items = (Message("user", said),) if isinstance(said, str) else _messages(map(as_object, as_list(said)))
    return Prompt(
        messages=(*system, *items),
        model=as_text(body.get("model")),
        parameters=_parameters(body),
        tools=tuple(tool_of(as_object(tool)) for tool in as_list(body.get("tools"))),
        stream=body.get("stream") is True,
    )


def _parameters(body: Object) -> dict[str, Json]:
    text = as_object(body.get("text"))
    rest: Object = {name: value for name, value in text.items() if name != "format"}
    ours: Object = {"max_tokens": body.get("max_output_tokens"), "response_format": text.get("format"), "text": rest}
    return parameters_of({**body, **ours}, _ELSEWHERE - {"text"})


def _messages(items: Iterable[Object]) -> tuple[Message, ...]:
    messages: list[Message] = []
    for item in items:
        kind = as_text(item.get("type"))
        last = messages[-1] if messages else Message("")
        if kind in _CALLS:
            # Calls follow the text of the same turn as items of their own: elsewhere they are one message.
            call = ToolCall(as_text(item.get("name")), arguments_of(item), as_text(item.get("call_id")))
            turn = messages.pop() if last.role == "assistant" else Message("assistant")
            messages.append(replace(turn, tool_calls=(*turn.tool_calls, call)))
        elif kind != "reasoning":  # what the model thought in an earlier turn is no part of what is asked now
            messages.append(_message(kind, item))
    return tuple(messages)


def _message(kind: str, item: Object) -> Message:
    if kind in _RESULTS:
        said = item.get("output")
        return Message(
            "tool", text_of(said), tool_call_id=as_text(item.get("call_id")), attachments=attachments_of(said)
        )
    role = as_text(item.get("role"))
    if not role:
        return Message("tool" if kind.endswith("_output") else "assistant", attachments=(kind,))
    content = item.get("content")
    return Message(role, text_of(content), attachments=attachments_of(content))


def request_of(prompt: Prompt, base_url: str) -> Request:
    """`prompt` as a request. Raises DialectError for what this wire cannot say: attachments, of which only the name is
    known, and stop sequences."""
    refuse(_NAME, prompt, ("stop_sequences", "n"))
    if any(message.name for message in prompt.messages):
        raise no_form(_NAME, "the name of who speaks; ask in openai-chat")
    body: Object = {"model": prompt.model, "input": [item for message in prompt.messages for item in _items(message)]}
    if prompt.tools:
        body["tools"] = [_wire_tool(tool) for tool in prompt.tools]
    text = as_object(prompt.parameters.get("text"))
    form = prompt.parameters.get("response_format")
    if form is not None:
        text = {**text, "format": {"type": "json_object"} if form == "json" else form}
    if text:
        body["text"] = text
    elsewhere = {"max_tokens": "max_output_tokens"}
    rest = {name: value for name, value in prompt.parameters.items() if name not in {"text", "response_format"}}
    body.update({elsewhere.get(name, name): value for name, value in rest.items()})
    if prompt.stream is not None:
        body["stream"] = prompt.stream
    return post(f"{base_url.rstrip('/')}/responses", body)


def _items(message: Message) -> Iterator[Json]:
    if message.role == "tool":
        yield {"type": "function_call_output", "call_id": message.tool_call_id, "output": message.content}
        return
    if message.content or not message.tool_calls:
        yield {"role": message.role, "content": message.content}
    for call in message.tool_calls:
        yield {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}


def _wire_tool(tool: Tool) -> Json:
    function: Object = {"type": "function", "name": tool.name, "parameters": dict(tool.schema), "strict": False}
    return {**function, "description": tool.description} if tool.description else function
