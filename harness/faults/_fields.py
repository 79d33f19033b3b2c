"""The field family: what a dialect promises to be there is empty, null, zero or missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from harness.faults._cutting import edited, framed
from harness.faults._events import STREAMS
from harness.faults._fault import BuiltIn, Effect, NoPlaceError
from harness.faults._params import Values
from harness.faults._reading import GONE, changed, items
from harness.faults._spelling import manner_of
from harness.faults._unsaid import SILENCES
from harness.faults._where import MEANT
from harness.model import Timeline
from harness.spec import Asked, FaultSite

Dialectal = Mapping[str, Callable[[Any], Any]]


def _emptied(value: Any) -> Any:
    """Without choices, which Gemini calls candidates."""
    for name in ("choices", "candidates"):
        if value.get(name):
            value[name] = []
    return value


_EMPTY: Final[Dialectal] = {
    "openai-chat": _emptied,
    "openai-completions": _emptied,
    "gemini": _emptied,
    "openai-responses": SILENCES["openai-responses"],
    **{name: SILENCES[name] for name in ("anthropic", "cohere", "bedrock-converse", "native")},
    "bedrock-invoke": lambda value: SILENCES["bedrock-invoke"](_emptied(value)),
}


def _null_choices(value: Any) -> Any:
    for choice in items(value, "choices"):
        for said in (*items(choice, "message"), *items(choice, "delta")):
            if "content" in said:
                said["content"] = None
        if "text" in choice:
            choice["text"] = None
    return value


def _null_responses(value: Any) -> Any:
    for response in (value, *items(value, "response")):
        if "output" in response:
            response["output"] = None
    return value


def _null_anthropic(value: Any) -> Any:
    for message in (value, *items(value, "message")):
        if "content" in message:
            message["content"] = None
    return value


def _null_gemini(value: Any) -> Any:
    for content in items(value, "candidates", "content"):
        content.pop("parts", None)
    return value


def _null_ollama(value: Any) -> Any:
    for message in items(value, "message"):
        message["content"] = None
    return {**value, "response": None} if "response" in value else value


def _null_cohere(value: Any) -> Any:
    for message in items(value, "message"):
        message["content"] = None
    for content in items(value, "delta", "message", "content"):
        content.update(dict.fromkeys({"text", "thinking"} & content.keys()))
    return {**value, "text": None} if "text" in value else value


def _null_converse(value: Any) -> Any:
    blocks = ("delta",), ("contentBlockDelta", "delta"), ("output", "message", "content")
    for block in (block for path in blocks for block in items(value, *path)):
        if "text" in block:
            block["text"] = None
    return value


def _null_invoke(value: Any) -> Any:
    """The form shows whose it is."""
    return _null_anthropic(_null_choices(_null_converse(value)))


def _null_native(value: Any) -> Any:
    return {**value, "text": None} if "text" in value else value


_NULL: Final[Dialectal] = {
    "openai-chat": _null_choices,
    "openai-completions": _null_choices,
    "openai-responses": _null_responses,
    "anthropic": _null_anthropic,
    "gemini": _null_gemini,
    "ollama": _null_ollama,
    "cohere": _null_cohere,
    "bedrock-converse": _null_converse,
    "bedrock-invoke": _null_invoke,
    "native": _null_native,
}
_USAGE: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(STREAMS, frozenset({"usage"})),
    "gemini": frozenset({"usageMetadata"}),
    "bedrock-invoke": frozenset({"usage", "amazon-bedrock-invocationMetrics"}),
    "ollama": frozenset({"prompt_eval_count", "eval_count"}),
}


def _counted(value: Any, dialect: str) -> list[tuple[dict[str, Any], str]]:
    """Every place in a frame where tokens are counted: an object and the name of its field."""
    inside = ("response", "message", "delta", "metadata")
    holders = (value, *(item for name in inside for item in items(value, name)))
    return [(holder, name) for holder in holders for name in _USAGE[dialect] if holder.get(name) is not None]


def _uncounted(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """No tokens are counted. A frame that did nothing else goes."""
    del site, values

    def change(value: Any) -> Any:
        found = _counted(value, asked.dialect)
        for holder, name in found:
            del holder[name]
        is_bare = found and (not value or value.get("choices") == [])
        return GONE if is_bare else value

    return changed(timeline, asked, change, "count of tokens")


def _zeroed(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del site, values

    def change(value: Any) -> Any:
        for holder, name in _counted(value, asked.dialect):
            holder[name] = _zero(holder[name])
        return value

    return changed(timeline, asked, change, "count of tokens above zero")


def _zero(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _zero(inner) for name, inner in value.items()}
    return 0 if isinstance(value, int) and not isinstance(value, bool) else value


def _usage_last(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """Tokens are counted in a last chunk without choices, which a client that takes the first of them falls over."""
    del site, values
    manner, frames = manner_of(timeline), framed(timeline, asked)
    opening = next((value for frame in frames if isinstance(value := manner.value(frame.raw), dict)), None)
    done = next((frame for frame in frames if manner.read(frame.raw).data == "[DONE]"), None)
    if opening is None or done is None:
        message = "this answer is no stream that ends in [DONE]"
        raise NoPlaceError(message)
    identity: dict[str, Any] = {name: opening.get(name) for name in ("id", "object", "created", "model")}
    last = {**identity, "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16}}
    return edited(timeline, [(done.start, done.start, manner.written(last))])


def _by_dialect(changes: Dialectal, what: str) -> Effect:
    def effect(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
        del site, values
        return changed(timeline, asked, changes[asked.dialect], what)

    return effect


def field_faults() -> tuple[BuiltIn, ...]:
    """All of this family."""
    phase: Literal["semantic"] = "semantic"

    def fault(name: str, about: str, effect: Effect, dialects: frozenset[str] = STREAMS) -> BuiltIn:
        return BuiltIn(name=name, phase=phase, about=about, effect=effect, place=MEANT, dialects=dialects)

    return (
        fault("empty-choices", "the list of what was said is empty", _by_dialect(_EMPTY, "text"), frozenset(_EMPTY)),
        fault("null-content", "null stands where text should", _by_dialect(_NULL, "content")),
        fault("usage-missing", "no tokens are counted", _uncounted),
        fault("usage-zero", "all counts of tokens are zero", _zeroed),
        fault(
            "usage-only-last-chunk",
            "tokens are counted in a last chunk without choices",
            _usage_last,
            frozenset({"openai-chat", "openai-completions"}),
        ),
    )
