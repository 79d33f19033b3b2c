"""The lines of a native answer: each is one Delta, and each Delta has a line that gives it back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Final, cast, get_args

from harness.dialects._untyped import Object, as_count, as_object, as_text, dumped
from harness.model import (
    Began,
    Delta,
    Finish,
    FinishReason,
    Image,
    Json,
    Problem,
    ProblemKind,
    Refusal,
    Status,
    Text,
    Thinking,
    ToolFragment,
    Unknown,
    Usage,
)

_REASONS: Final = frozenset(get_args(FinishReason))
_KINDS: Final = frozenset(get_args(ProblemKind))


def line_of(delta: Delta) -> Object:
    """The JSON object that says `delta`. Defaults are left out, so that most lines are one short field."""
    match delta:
        case Text() | Thinking() | Refusal():
            return {type(delta).__name__.lower(): delta.text, **_choice(delta.choice)}
        case ToolFragment():
            return {"tool": {"index": delta.index, **_told(delta, "index", "choice")}, **_choice(delta.choice)}
        case Image():
            return {"image": _told(delta, "choice"), **_choice(delta.choice)}
        case Finish():
            native: Object = {"native": delta.native} if delta.native else {}
            return {"finish": delta.reason, **native, **_choice(delta.choice)}
        case Problem():
            return {"problem": {"kind": delta.kind, **_told(delta, "kind")}}
        case Status():
            return {"status": delta.text}
        case Unknown():
            return {"unknown": {"event": delta.event, "data": delta.data}}
        case Began() | Usage():
            return {type(delta).__name__.lower(): _told(delta)}


def read(event: str, value: object) -> list[Delta]:
    """What one line means. A line may hold several fields; each one that we do not know is an Unknown."""
    del event
    line = as_object(value)
    if not line:
        return [Unknown("", dumped(value))]
    choice = as_count(line.get("choice")) or 0
    told = [(name, field) for name, field in line.items() if name not in {"choice", "native"}]
    return [_delta(name, field, choice, as_text(line.get("native"))) for name, field in told]


def _delta(name: str, field: Json, choice: int, native: str) -> Delta:
    said = _SAID.get(name)
    if said and isinstance(field, str):
        return said(field, choice)
    if name == "finish":
        if isinstance(field, str) and field in _REASONS:
            return Finish(cast("FinishReason", field), native, choice)
        return Finish(None, native or as_text(field), choice)
    known = _KNOWN.get(name)
    if known and isinstance(field, dict):
        return known(field, choice)
    return Unknown(name, dumped(field))


def _tool(item: Object, choice: int) -> Delta:
    index = as_count(item.get("index")) or 0
    return ToolFragment(
        index, as_text(item.get("name")), as_text(item.get("arguments")), as_text(item.get("id")), choice
    )


def _usage(item: Object, choice: int) -> Delta:
    del choice
    names = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
    return Usage(*(as_count(item.get(name)) for name in names))


def _problem(item: Object, choice: int) -> Delta:
    del choice
    kind = as_text(item.get("kind"))
    wait = item.get("retry_after_s")
    return Problem(
        kind=cast("ProblemKind", kind) if kind in _KINDS else "unknown",
        message=as_text(item.get("message")),
        code=as_text(item.get("code")),
        status=as_count(item.get("status")),
        retry_after_s=wait if isinstance(wait, int | float) and not isinstance(wait, bool) else None,
        extra=as_object(item.get("extra")),
    )


_SAID: Final[dict[str, Callable[[str, int], Delta]]] = {
    "text": Text,
    "thinking": Thinking,
    "refusal": Refusal,
    "status": lambda text, _: Status(text),
}
_KNOWN: Final[dict[str, Callable[[Object, int], Delta]]] = {
    "tool": _tool,
    "image": lambda item, choice: Image(as_text(item.get("media_type")), as_text(item.get("data")), choice),
    "usage": _usage,
    "problem": _problem,
    "began": lambda item, _: Began(as_text(item.get("id")), as_text(item.get("model"))),
    "unknown": lambda item, _: Unknown(as_text(item.get("event")), as_text(item.get("data"))),
}


def _choice(choice: int) -> Object:
    return {"choice": choice} if choice else {}


def _told(delta: Began | Image | ToolFragment | Usage | Problem, *less: str) -> Object:
    """The fields that say something. A count of 0 says something; an empty text does not."""
    told = {field.name: getattr(delta, field.name) for field in fields(delta) if field.name not in less}
    return {name: value for name, value in told.items() if value not in (None, "", {})}
