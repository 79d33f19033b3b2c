"""The end family: streams that say all they have to say, and end in another way than their dialect promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from harness.faults._cutting import Span, edited, framed
from harness.faults._events import FRAMED, STREAMS
from harness.faults._fault import BuiltIn, Effect, NoPlaceError
from harness.faults._params import Values
from harness.faults._spelling import Manner, manner_of
from harness.faults._where import STREAMED_END
from harness.model import Timeline
from harness.spec import Asked, FaultSite

_LAST: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})


def _of(value: Any, *path: str) -> Any:
    """What stands at `path` in JSON; None where nothing does. The first item stands for a list."""
    for step in path:
        value = value[0] if isinstance(value, list) and value else value
        value = value.get(step) if isinstance(value, dict) else None
    return value


_TERMINATES: Final[Mapping[str, Callable[[str, Any], bool]]] = {
    "openai-chat": lambda text, _: text == "[DONE]",
    "openai-completions": lambda text, _: text == "[DONE]",
    "openai-responses": lambda _, value: _of(value, "type") in _LAST,
    "anthropic": lambda _, value: _of(value, "type") == "message_stop",
    "gemini": lambda _, value: bool(_of(value, "candidates", "finishReason")),
    "ollama": lambda _, value: _of(value, "done") is True,
    "cohere": lambda text, value: text == "[DONE]" or _of(value, "event_type") == "stream-end",
    "bedrock-converse": lambda _, value: _of(value, "metrics") is not None,
    "bedrock-invoke": lambda _, value: (
        _of(value, "type") == "message_stop"
        or any(_of(value, name) is not None for name in ("metadata", "amazon-bedrock-invocationMetrics"))
    ),
    "native": lambda _, value: bool(_of(value, "finish")),
}
"""The event after which nothing follows, by its text and its JSON."""
_FINISHES: Final[Mapping[str, Callable[[str, Any], bool]]] = {
    **_TERMINATES,
    "openai-chat": lambda _, value: bool(_of(value, "choices", "finish_reason")),
    "openai-completions": lambda _, value: bool(_of(value, "choices", "finish_reason")),
    "anthropic": lambda _, value: bool(_of(value, "delta", "stop_reason")),
    "cohere": lambda _, value: bool(_of(value, "delta", "finish_reason") or _of(value, "finish_reason")),
    "bedrock-converse": lambda _, value: bool(_of(value, "stopReason")),
    "bedrock-invoke": lambda _, value: any(
        _of(value, *path)
        for path in (("delta", "stop_reason"), ("messageStop", "stopReason"), ("choices", "finish_reason"))
    ),
}
"""The event that says why the model stopped."""
_SPEAKS: Final[Mapping[str, Callable[[str, Any], bool]]] = {
    "openai-chat": lambda _, value: bool(_of(value, "choices", "delta", "content")),
    "openai-completions": lambda _, value: bool(_of(value, "choices", "text")),
    "openai-responses": lambda _, value: _of(value, "type") == "response.output_text.delta",
    "anthropic": lambda _, value: _of(value, "type") == "content_block_delta",
    "gemini": lambda _, value: bool(_of(value, "candidates", "content", "parts", "text")),
    "ollama": lambda _, value: bool(_of(value, "message", "content") or _of(value, "response")),
    "cohere": lambda _, value: bool(_of(value, "delta", "message", "content", "text") or _of(value, "text")),
    "bedrock-converse": lambda _, value: bool(_of(value, "delta", "text")),
    "bedrock-invoke": lambda _, value: any(
        _of(value, *path)
        for path in (("delta", "text"), ("contentBlockDelta", "delta", "text"), ("choices", "delta", "content"))
    ),
    "native": lambda _, value: bool(_of(value, "text")),
}
"""The events that carry text."""


def _without(which: Mapping[str, Callable[[str, Any], bool]], what: str) -> Effect:
    """The stream without the events that `which` knows."""

    def effect(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
        del site, values
        gone = [(span.start, span.stop, b"") for span in _such(timeline, asked, which[asked.dialect])]
        if not gone:
            message = f"this answer has no {what}"
            raise NoPlaceError(message)
        return edited(timeline, gone)

    return effect


def _such(timeline: Timeline, asked: Asked, is_one: Callable[[str, Any], bool]) -> list[Span]:
    manner = manner_of(timeline)
    return [span for span in framed(timeline, asked) if is_one(*_read(manner, span))]


def _read(manner: Manner, span: Span) -> tuple[str, Any]:
    return manner.read(span.raw).data, manner.value(span.raw)


def _no_blank_line(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """The last event without the line end that completes it."""
    del site, values
    last = framed(timeline, asked)[-1]
    bare = last.raw.rstrip(b"\r\n")
    ends = last.raw[len(bare) :]
    kept = bare + ends[: len(ends) // 2] if manner_of(timeline).kind == "sse" else bare
    if not ends:
        message = "the last event has no line end to lose"
        raise NoPlaceError(message)
    return edited(timeline, [(last.start, last.stop, kept)])


def _more(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """The first text once more, after everything."""
    del site, values
    said = _such(timeline, asked, _SPEAKS[asked.dialect])
    if not said:
        message = "this answer has no text to be said once more"
        raise NoPlaceError(message)
    length = len(timeline.body)
    return edited(timeline, [(length, length, said[0].raw)])


def end_faults() -> tuple[BuiltIn, ...]:
    """All of this family."""

    def fault(name: str, about: str, effect: Effect, dialects: frozenset[str] = STREAMS) -> BuiltIn:
        return BuiltIn(name=name, phase="end", about=about, effect=effect, place=STREAMED_END, dialects=dialects)

    return (
        fault(
            "missing-terminator",
            "everything but the event that says that this was all",
            _without(_TERMINATES, "event that ends it"),
        ),
        fault(
            "missing-finish-reason",
            "everything but the event that says why the model stopped",
            _without(_FINISHES, "event that says why the model stopped"),
        ),
        fault(
            "last-event-no-blank-line", "the last event without the line end that completes it", _no_blank_line, FRAMED
        ),
        fault("data-after-terminator", "another piece of text after the end", _more),
    )
