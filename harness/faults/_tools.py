"""The tool family: calls that the model makes wrongly, and calls that the wire carries wrongly."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from harness.faults._again import RENDERED, Said, again
from harness.faults._behaviour import without_required
from harness.faults._cutting import framed
from harness.faults._events import STREAMS
from harness.faults._fault import BuiltIn, Effect, NoPlaceError
from harness.faults._finishes import SETTERS
from harness.faults._params import Param, Values, text
from harness.faults._reading import changed, items
from harness.faults._spelling import manner_of
from harness.faults._where import MEANT
from harness.model import Timeline, ToolCall
from harness.spec import Asked, FaultSite

_WITH_TEXT: Final = frozenset(
    {"openai-chat", "openai-responses", "anthropic", "cohere", "bedrock-converse", "bedrock-invoke", "native"}
)
"""The dialects whose arguments are a text that can be cut, in a stream at least; elsewhere they are an object."""
_CALLING: Final = STREAMS - {"openai-completions"}
_INDEXED: Final = frozenset({"openai-chat", "anthropic", "native"})


def _calls(change: Callable[[tuple[ToolCall, ...], Said, Values], tuple[ToolCall, ...]]) -> Effect:
    """The answer with other tool calls. Raises NoPlaceError where it has none."""

    def edit(said: Said, values: Values) -> Said:
        calls = said.reply.tool_calls
        if not calls:
            message = "this answer calls no tool"
            raise NoPlaceError(message)
        return replace(said, reply=replace(said.reply, tool_calls=change(calls, said, values)))

    def effect(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
        del site
        return again(timeline, asked, lambda said: edit(said, values))

    return effect


def _cut_arguments(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """The last call's arguments up to their middle, because there were no more tokens."""
    del site, values
    if asked.dialect == "anthropic":
        return _cut_pieces(timeline, asked)

    def cut(said: Said) -> Said:
        *before, last = said.reply.tool_calls or (ToolCall(""),)
        if not last.arguments:
            message = "this answer calls no tool with arguments"
            raise NoPlaceError(message)
        half = replace(last, arguments=last.arguments[: (len(last.arguments) + 1) // 2])
        return replace(said, reply=replace(said.reply, tool_calls=(*before, half), finish="length", native_finish=""))

    return again(timeline, asked, cut)


def _cut_pieces(timeline: Timeline, asked: Asked) -> Timeline:
    """The same where arguments come in pieces and are no text otherwise: the pieces of the second half do not come."""
    left = (sum(len(delta.get("partial_json", "")) for delta in _deltas(timeline, asked)) + 1) // 2

    def change(value: Any) -> Any:
        nonlocal left
        for delta in items(value, "delta"):
            if delta.get("partial_json"):
                kept = delta["partial_json"][:left]
                left -= len(kept)
                delta["partial_json"] = kept
        return SETTERS["anthropic"](value, "max_tokens") if left == 0 else value

    if not left:
        message = "this answer calls no tool with arguments that come in pieces"
        raise NoPlaceError(message)
    return changed(timeline, asked, change, "tool call")


def _deltas(timeline: Timeline, asked: Asked) -> list[dict[str, Any]]:
    manner = manner_of(timeline)
    return [delta for span in framed(timeline, asked) for delta in items(manner.value(span.raw), "delta")]


def _unknown(calls: tuple[ToolCall, ...], said: Said, values: Values) -> tuple[ToolCall, ...]:
    del said
    return tuple(replace(call, name=values["name"]) for call in calls)


def _parallel(calls: tuple[ToolCall, ...], said: Said, values: Values) -> tuple[ToolCall, ...]:
    del said, values
    return (*calls, replace(calls[-1], id=f"{calls[-1].id}_2" if calls[-1].id else ""))


def _same_id(calls: tuple[ToolCall, ...], said: Said, values: Values) -> tuple[ToolCall, ...]:
    del said, values
    if not calls[0].id:
        message = "the tool calls of this answer have no ids"
        raise NoPlaceError(message)
    several = calls if len(calls) > 1 else (*calls, calls[0])
    return tuple(replace(call, id=calls[0].id) for call in several)


def _violating(calls: tuple[ToolCall, ...], said: Said, values: Values) -> tuple[ToolCall, ...]:
    """Arguments without one that the tool requires."""
    del values
    schemas = {tool.name: tool.schema for tool in said.prompt.tools}
    return tuple(replace(call, arguments=_lacking(call, schemas.get(call.name, {}))) for call in calls)


def _lacking(call: ToolCall, schema: Mapping[str, Any]) -> str:
    try:
        told = json.loads(call.arguments)
    except ValueError:
        told = None
    if not isinstance(told, dict) or not told:
        message = f"the arguments of {call.name} are no JSON object with something in it"
        raise NoPlaceError(message)
    return json.dumps(without_required(told, schema), ensure_ascii=False)


def _wire_calls(value: Any, dialect: str) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Every tool call in a frame: the object that holds it, and the names of its arguments and its id there."""
    match dialect:
        case "openai-chat" | "ollama" | "cohere":
            paths = ("choices", "message"), ("choices", "delta"), ("message",), ("delta", "message")
            for said in (said for path in paths for said in items(value, *path)):
                yield from ((call, "arguments", "id") for call in items(said, "tool_calls"))
        case "openai-responses":
            found = (*items(value, "item"), *items(value, "output"), *items(value, "response", "output"))
            yield from ((item, "arguments", "call_id") for item in found if item.get("type") == "function_call")
        case "anthropic":
            found = (*items(value, "content"), *items(value, "content_block"))
            yield from ((item, "input", "id") for item in found if item.get("type") == "tool_use")
        case "gemini":
            parts = items(value, "candidates", "content", "parts")
            yield from ((part["functionCall"], "args", "id") for part in parts if "functionCall" in part)
        case "bedrock-converse":
            yield from _converse_calls(value)
        case "bedrock-invoke":  # the form shows whose it is
            for inner in (value, *items(value, "contentBlockStart"), *items(value, "contentBlockDelta")):
                yield from _converse_calls(inner)
            yield from (*_wire_calls(value, "anthropic"), *_wire_calls(value, "openai-chat"))
        case "native":
            yield from ((call, "arguments", "id") for call in items(value, "tool"))


def _converse_calls(value: Any) -> Iterator[tuple[dict[str, Any], str, str]]:
    paths = ("output", "message", "content"), ("start",), ("delta",)
    blocks = (block for path in paths for block in items(value, *path))
    yield from ((block["toolUse"], "input", "toolUseId") for block in blocks if "toolUse" in block)


def _wrong_type(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """An object where a text belongs, a text where an object does."""
    del site, values

    def change(value: Any) -> Any:
        for call, name, _ in _wire_calls(value, asked.dialect):
            holder = call["function"] if isinstance(call.get("function"), dict) else call
            if holder.get(name):
                holder[name] = _other_type(holder[name])
            elif holder.get(name) == {}:  # the start of a block, whose input comes in pieces
                holder[name] = "{}"
        return value

    return changed(timeline, asked, change, "tool call with arguments")


def _other_type(arguments: Any) -> Any:
    if not isinstance(arguments, str):
        return json.dumps(arguments, ensure_ascii=False)
    try:
        told = json.loads(arguments)
    except ValueError:  # a piece of a text
        told = None
    return told if isinstance(told, dict) else {"piece": arguments}


def _no_id(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del site, values

    def change(value: Any) -> Any:
        for call, _, name in _wire_calls(value, asked.dialect):
            call.pop(name, None)
        return value

    return changed(timeline, asked, change, "tool call with an id")


def _gap(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """The numbers of the calls in a stream leave one out: 0 and 2, or 1 where there is only one."""
    del site, values
    seen = _indexes(timeline, asked)

    def change(value: Any) -> Any:
        for holder in _numbered(value, asked.dialect):
            number = holder["index"]
            holder["index"] = number * 2 if max(seen, default=0) > 0 else number + 1
        return value

    return changed(timeline, asked, change, "tool call with a number")


def _indexes(timeline: Timeline, asked: Asked) -> set[int]:
    manner = manner_of(timeline)
    values = (manner.value(span.raw) for span in framed(timeline, asked))
    return {holder["index"] for value in values for holder in _numbered(value, asked.dialect)}


def _numbered(value: Any, dialect: str) -> list[dict[str, Any]]:
    """The objects of a frame that carry the number of a tool call, or of a block where blocks have numbers."""
    if not isinstance(value, dict):
        return []
    if dialect == "anthropic":
        return [value] if str(value.get("type", "")).startswith("content_block") else []
    return [call for call, *_ in _wire_calls(value, dialect) if isinstance(call.get("index"), int)]


def tool_faults() -> tuple[BuiltIn, ...]:
    """All of this family."""

    def fault(
        name: str, about: str, effect: Effect, dialects: frozenset[str], takes: Mapping[str, Param] | None = None
    ) -> BuiltIn:
        return BuiltIn(
            name=name,
            phase="semantic",
            about=about,
            effect=effect,
            place=MEANT,
            takes=takes or {},
            dialects=dialects,
        )

    named = {"name": text("no_such_tool", "the name that is called")}
    with_calls = _CALLING & RENDERED
    return (
        fault("tool-args-truncated", "the tokens run out in the arguments", _cut_arguments, _WITH_TEXT & RENDERED),
        fault("tool-args-wrong-type", "an object where a text belongs, or a text for an object", _wrong_type, _CALLING),
        fault("tool-args-schema-violation", "a required argument is missing", _calls(_violating), with_calls),
        fault("tool-id-missing", "a tool call without its id", _no_id, _CALLING),
        fault("tool-id-duplicate", "two tool calls with one id", _calls(_same_id), with_calls),
        fault("tool-unknown-name", "a tool is called that was never offered", _calls(_unknown), with_calls, named),
        fault("tool-parallel-unexpected", "one more call than was made", _calls(_parallel), with_calls),
        fault("tool-index-gap", "the numbers of the calls in a stream leave one out", _gap, _INDEXED),
    )
