"""What a driver returned, as text: results of the contracts by their text, everything else as it prints."""

from __future__ import annotations

from typing import Any

_TEXTS = ("text", "narrative_text", "content", "output")


def said(value: Any) -> str:
    """The text of `value`: of a result that has one (`LLMResult.text`, `LLMResponse.narrative_text`) just that."""
    if isinstance(value, str):
        return value
    for name in _TEXTS:
        found = getattr(value, name, None)
        if isinstance(found, str):
            return found
    return "" if value is None else str(value)


def failed_well(value: Any) -> bool:
    """True for a result that says itself that it is none: `success=False`, or `finish_reason="error"`."""
    return getattr(value, "success", None) is False or getattr(value, "finish_reason", None) == "error"


def same(one: Any, other: Any) -> bool:
    """Equal, or the same in words: what a driver returns may be no value."""
    return bool(one == other) or (type(one) is type(other) and said(one) == said(other))
