"""Why a model stopped, in every dialect: another word in its place, and what goes with that word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

from harness.faults._fault import BuiltIn, Effect
from harness.faults._params import Param, Values, text, word
from harness.faults._reading import GONE, changed, items
from harness.faults._unsaid import SILENCES
from harness.faults._where import MEANT
from harness.model import Timeline
from harness.spec import Asked, FaultSite

Word: TypeAlias = Callable[[Any, str], Any]
"""A frame's JSON with another word for why the model stopped."""
_ENDED: Final = frozenset({"completed", "incomplete"})
_GEMINI_FILTERS: Final = (
    "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "MODEL_ARMOR", "IMAGE_SAFETY",
    "OTHER",
)  # fmt: skip
_GEMINI_CALLS: Final = ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS")


def _choices(value: Any, said: str) -> Any:
    for choice in items(value, "choices"):
        if choice.get("finish_reason"):
            choice["finish_reason"] = said
    return value


def _responses(value: Any, said: str) -> Any:
    """`said` is a status, or `incomplete:` and a reason. Only the last event, and the whole answer, have one that
    counts."""
    status, _, reason = said.partition(":")
    for response in (value, *items(value, "response")):
        if response.get("status") in _ENDED and "output" in response:
            response["status"] = status
            response["incomplete_details"] = {"reason": reason} if reason else None
            if status == "incomplete" and "response" in value:
                value["type"] = "response.incomplete"
    return value


def _anthropic(value: Any, said: str) -> Any:
    for item in (value, *items(value, "delta")):
        if item.get("stop_reason"):
            item["stop_reason"] = said
    return value


def _gemini(value: Any, said: str) -> Any:
    for candidate in items(value, "candidates"):
        if candidate.get("finishReason"):
            candidate["finishReason"] = said
    return value


def _ollama(value: Any, said: str) -> Any:
    if value.get("done_reason"):
        value["done_reason"] = said
    return value


def _cohere(value: Any, said: str) -> Any:
    for item in (value, *items(value, "delta")):
        if item.get("finish_reason"):
            item["finish_reason"] = said
    return value


def _converse(value: Any, said: str) -> Any:
    for item in (value, *items(value, "messageStop")):
        if item.get("stopReason"):
            item["stopReason"] = said
    return value


def _invoke(value: Any, said: str) -> Any:
    """The form shows whose it is; `said` is Anthropic's word."""
    if "choices" in value:
        return _choices(value, {"max_tokens": "length", "refusal": "content_filter"}.get(said, said))
    if "messageStop" in value or "stopReason" in value:
        return _converse(value, {"refusal": "content_filtered"}.get(said, said))
    return _anthropic(value, said)


def _native(value: Any, said: str) -> Any:
    return {"finish": said} if "finish" in value else value


SETTERS: Final[Mapping[str, Word]] = {
    "openai-chat": _choices,
    "openai-completions": _choices,
    "openai-responses": _responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "ollama": _ollama,
    "cohere": _cohere,
    "bedrock-converse": _converse,
    "bedrock-invoke": _invoke,
    "native": _native,
}
_LENGTH: Final = {
    "openai-chat": "length",
    "openai-completions": "length",
    "openai-responses": "incomplete:max_output_tokens",
    "anthropic": "max_tokens",
    "gemini": "MAX_TOKENS",
    "ollama": "length",
    "cohere": "MAX_TOKENS",
    "bedrock-converse": "max_tokens",
    "bedrock-invoke": "max_tokens",
    "native": "length",
}
_FILTER: Final = {
    "openai-chat": "content_filter",
    "openai-completions": "content_filter",
    "openai-responses": "incomplete:content_filter",
    "anthropic": "refusal",
    "gemini": "SAFETY",
    "bedrock-converse": "content_filtered",
    "bedrock-invoke": "refusal",
    "native": "filter",
}
_PAUSE: Final = {
    "openai-responses": "in_progress",
    "anthropic": "pause_turn",
    "gemini": "CONTINUATION",
    "native": "pause",
}
_NEW: Final = {
    **dict.fromkeys(SETTERS, "brand_new_reason"),
    "openai-responses": "brand_new_status",
    "gemini": "BRAND_NEW",
}
_NOTHING: Final = "word for why the model stopped"


def finished(words: Mapping[str, str]) -> Effect:
    """The dialect's own word of `words` in place of the one that stands there."""

    def effect(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
        del site
        said = values.get("reason") or words[asked.dialect]
        setter = SETTERS[asked.dialect]
        return changed(timeline, asked, lambda value: setter(value, said), _NOTHING)

    return effect


def _filtered(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """The word, and nothing said."""
    del site
    said = _FILTER[asked.dialect]
    if values["reason"]:
        if asked.dialect != "gemini":
            message = f"finish-content-filter has one reason in {asked.dialect}: {said}; only gemini has several"
            raise ValueError(message)
        said = values["reason"]
    return _silenced(timeline, asked, said)


def _only_loaded(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """The answer to an empty prompt, which loads the model."""
    del site, values
    return _silenced(timeline, asked, "load")


def _call_failed(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del site
    return _silenced(timeline, asked, values["reason"])


def _silenced(timeline: Timeline, asked: Asked, said: str) -> Timeline:
    setter, silence = SETTERS[asked.dialect], SILENCES[asked.dialect]

    def change(value: Any) -> Any:
        quiet = silence(value)
        return quiet if quiet is GONE else setter(quiet, said)

    return changed(timeline, asked, change, _NOTHING)


def finish_faults() -> tuple[BuiltIn, ...]:
    """All of this family."""
    phase: Literal["semantic"] = "semantic"

    def fault(name: str, about: str, words: Mapping[str, str], takes: Mapping[str, Param] | None = None) -> BuiltIn:
        return BuiltIn(
            name=name,
            phase=phase,
            about=about,
            effect=finished(words),
            place=MEANT,
            takes=takes or {},
            dialects=frozenset(words),
        )

    return (
        fault("finish-length", "the model stopped because it had said enough tokens", _LENGTH),
        BuiltIn(
            name="finish-content-filter",
            phase=phase,
            about="a filter kept back what the model said",
            effect=_filtered,
            place=MEANT,
            takes={"reason": word("", "", *_GEMINI_FILTERS, about="which of Gemini's reasons")},
            dialects=frozenset(_FILTER),
        ),
        BuiltIn(
            name="load-only",
            phase=phase,
            about="the model was loaded, and nothing else happened",
            effect=_only_loaded,
            place=MEANT,
            dialects=frozenset({"ollama", "native"}),
        ),
        fault("pause", "the model paused and wants to be asked to go on", _PAUSE),
        BuiltIn(
            name="malformed-function-call",
            phase=phase,
            about="the model tried to call a tool and failed",
            effect=_call_failed,
            place=MEANT,
            takes={"reason": word(_GEMINI_CALLS[0], *_GEMINI_CALLS)},
            dialects=frozenset({"gemini"}),
        ),
        fault(
            "unknown-enum-value",
            "a word for why the model stopped that nobody has heard of",
            _NEW,
            {"reason": text("", "the word; one that says that it is new by default")},
        ),
    )
