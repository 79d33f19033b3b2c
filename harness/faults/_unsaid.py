"""An answer without what the model said, in every dialect: what is left is that it stopped, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from harness.faults._reading import GONE, items


def _silent_choices(value: Any) -> Any:
    """Without what was said; of a stream the pieces of text go."""
    for choice in items(value, "choices"):
        if choice.get("delta", {}).get("content") or choice.get("delta", {}).get("tool_calls"):
            return GONE
        if "message" in choice:
            choice["message"] = {"role": "assistant", "content": None, "refusal": None}
        if "text" in choice:
            choice["text"] = ""
    return value


def _silent_responses(value: Any) -> Any:
    if value.get("type", "").startswith(("response.output_", "response.content_part", "response.function_call")):
        return GONE
    for response in (value, *items(value, "response")):
        if "output" in response:
            response["output"] = []
    return value


def _silent_anthropic(value: Any) -> Any:
    if str(value.get("type", "")).startswith("content_block"):
        return GONE
    if "content" in value:
        value["content"] = []
    return value


def _silent_gemini(value: Any) -> Any:
    ends = any(candidate.get("finishReason") for candidate in items(value, "candidates"))
    for candidate in items(value, "candidates"):
        candidate.pop("content", None)
    return value if ends else GONE


def _silent_native(value: Any) -> Any:
    return GONE if {"text", "tool", "thinking"} & value.keys() else value


def _silent_ollama(value: Any) -> Any:
    if value.get("done") is not True:
        return GONE
    for message in items(value, "message"):
        message["content"] = ""
        message.pop("tool_calls", None)
    return {**value, "response": ""} if "response" in value else value


def _silent_cohere(value: Any) -> Any:
    kind = str(value.get("type") or value.get("event_type") or "")
    if kind.startswith(("content-", "tool-", "text-generation", "citation-")):
        return GONE
    for message in items(value, "message"):
        message["content"] = []
        message.pop("tool_calls", None)
    return {**value, "text": ""} if "text" in value else value


def _silent_converse(value: Any) -> Any:
    if "contentBlockIndex" in value or any(name.startswith("contentBlock") for name in value):
        return GONE
    for message in items(value, "output", "message"):
        message["content"] = []
    return value


def _silent_invoke(value: Any) -> Any:
    """The form shows whose it is."""
    for silent in (_silent_choices, _silent_converse):
        value = silent(value)
        if value is GONE:
            return GONE
    return _silent_anthropic(value)


SILENCES: Final[Mapping[str, Callable[[Any], Any]]] = {
    "openai-chat": _silent_choices,
    "openai-completions": _silent_choices,
    "openai-responses": _silent_responses,
    "anthropic": _silent_anthropic,
    "gemini": _silent_gemini,
    "ollama": _silent_ollama,
    "cohere": _silent_cohere,
    "bedrock-converse": _silent_converse,
    "bedrock-invoke": _silent_invoke,
    "native": _silent_native,
}
"""A frame's JSON without what the model said, or that it is to go."""
