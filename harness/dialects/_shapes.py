"""Which dialect a request speaks, by its body alone: for gateways with paths of their own, and for recordings whose
URLs were redacted."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from harness.dialects._untyped import Object, as_list, as_object, as_text, loaded
from harness.model import Request
from harness.spec import Operation

_NOT_A_GENERATION: Final = re.compile(
    r"(?:count|input)[-_]?tokens|token(?:ize|s/)|embed|rerank|moderation|/images|/audio|/files|/batch|/threads|/assistants"
    r"|/models/?$|/conversations|/converse|/predict|with-response-stream|/v\d/chat/?$|/telemetry|/traces",
    re.IGNORECASE,
)
"""Words of paths whose bodies look like ours and whose answers do not; `/v2/chat` is Cohere's."""


def name_by_shape(request: Request) -> Operation | None:
    """The operation that the JSON body of `request` looks like; None where it looks like none, or the path says no."""
    if request.method.upper() != "POST" or _NOT_A_GENERATION.search(urlsplit(request.url).path):
        return None
    body = loaded(request.body) if request.body.lstrip()[:1] == b"{" else None
    name = _shape(as_object(body))
    return Operation(*name) if name else None


def _shape(body: Object) -> tuple[str, str] | None:
    if isinstance(body.get("contents"), list):
        return "gemini", "gemini.generateContent"
    if isinstance(body.get("messages"), list):
        return _chat(body)
    model = as_text(body.get("model"))
    if not model or "embed" in model or "encoding_format" in body:
        return None
    if _is_responses_input(body):
        return "openai-responses", "openai.responses"
    if isinstance(body.get("prompt"), str) and "max_tokens_to_sample" not in body and "size" not in body:
        return ("ollama", "ollama.generate") if _is_ollama(body) else ("openai-completions", "openai.completions")
    return None


def _is_responses_input(body: Object) -> bool:
    items = body.get("input")
    listed = as_list(items)
    return isinstance(items, str) or (bool(listed) and all(isinstance(item, dict) for item in listed))


def _chat(body: Object) -> tuple[str, str] | None:
    model = as_text(body.get("model"))
    if "anthropic_version" in body or (model.startswith("claude") and "max_tokens" in body):
        return "anthropic", "anthropic.messages"
    if _is_ollama(body):
        return "ollama", "ollama.chat"
    spoken = all(as_text(as_object(message).get("role")) for message in as_list(body["messages"]))
    return ("openai-chat", "openai.chat") if model and spoken else None


def _is_ollama(body: Object) -> bool:
    return bool({"options", "keep_alive"} & body.keys())
