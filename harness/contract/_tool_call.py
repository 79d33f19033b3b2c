"""Taking a tool call out of a model's text: tolerant of fences, never of half a JSON value.

Order of the places looked at, first found wins: a block fenced by `~~~json`, one fenced by three backticks and `json`,
bare blocks of either fence, then the largest JSON object or array anywhere in the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

_LABELLED: Final = tuple(re.compile(rf"{fence}[ \t]*json\b", re.IGNORECASE) for fence in ("~~~", "```"))
_FENCES: Final = tuple(re.compile(rf"{fence}[ \t]*(?P<label>[\w+.-]*)") for fence in ("~~~", "```"))
_ITEM_KEYS: Final = ("stats", "entities", "rules", "lore_book", "scheduled_events")
_OPENING: Final = re.compile(r"[\[{]")
_DECODER: Final = json.JSONDecoder()


class _Block(NamedTuple):
    """A fenced block: where it starts and stops in the text, fences included, and its JSON value (None:
    undecodable)."""

    start: int
    stop: int
    value: Any


def parse_tool_call(raw: str) -> tuple[str, Any]:
    """The narrative and the tool call of `raw`.

    The tool call is a JSON object or array, normalised, or None. Undecodable JSON is None and never an exception; a
    block that says it is JSON is taken out of the narrative all the same. Without a block the narrative is `raw` as
    it is.
    """
    block = _labelled(raw) or _bare(raw) or _largest(raw)
    if block is None:
        return raw, None
    narrative = "\n".join(part for part in (raw[: block.start].strip(), raw[block.stop :].strip()) if part)
    return narrative, _normalised(block.value)


def _labelled(raw: str) -> _Block | None:
    """The first block of the first fence that is marked as JSON, decodable or not."""
    found = next((match for pattern in _LABELLED if (match := pattern.search(raw))), None)
    return _block(raw, found) if found else None


def _bare(raw: str) -> _Block | None:
    """The first unmarked block that holds JSON. Other blocks are prose and code, which stay in the narrative."""
    blocks = (block for pattern in _FENCES for block in _blocks(raw, pattern))
    return next((block for block in blocks if block.value is not None), None)


def _blocks(raw: str, pattern: re.Pattern[str]) -> Iterator[_Block]:
    """The unmarked blocks of one fence. Marked ones are passed over whole, so that their end is taken for no
    beginning."""
    position = 0
    while opening := pattern.search(raw, position):
        block = _block(raw, opening)
        position = block.stop
        if not opening["label"]:
            yield block


def _largest(raw: str) -> _Block | None:
    """The longest JSON object or array in the text."""
    return max(_values(raw), key=lambda block: block.stop - block.start, default=None)


def _block(raw: str, opening: re.Match[str]) -> _Block:
    """The block behind `opening`. Its value is read before its end is sought: JSON strings may hold fences.

    A block that is cut off (no closing fence) reaches to the end of the text.
    """
    fence = re.escape(opening[0][:3])
    decoded = _decoded(raw, _skip_space(raw, opening.end()))
    if decoded and (closing := re.compile(rf"\s*(?:{fence}|\Z)").match(raw, decoded.stop)):
        return _Block(opening.start(), closing.end(), decoded.value)
    closing = re.compile(fence).search(raw, opening.end())
    return _Block(opening.start(), closing.end() if closing else len(raw), None)


def _values(raw: str) -> Iterator[_Block]:
    """Every JSON object and array that lies in the text, outermost ones only.

    A value that the text is too short for ends the search: what lies inside it is a fragment, and a fragment is a
    wrong call.
    """
    position = 0
    while opening := _OPENING.search(raw, position):
        found = _decoded(raw, opening.start())
        if found:
            yield found
        elif _is_cut_off(raw, opening.start()):
            return
        position = found.stop if found else opening.end()


def _decoded(raw: str, start: int) -> _Block | None:
    """The JSON object or array that begins at `start`, or None."""
    if raw[start : start + 1] not in {"{", "["}:
        return None
    try:
        value, stop = _DECODER.raw_decode(raw, start)
    except (ValueError, RecursionError):  # a nesting too deep to read is no tool call either
        return None
    return _Block(start, stop, value)


def _is_cut_off(raw: str, start: int) -> bool:
    """True where the value at `start` is fine as far as it goes, and the text ends before it does."""
    try:
        _DECODER.raw_decode(raw, start)
    except json.JSONDecodeError as error:
        return error.pos >= len(raw.rstrip()) or error.msg.startswith("Unterminated string")
    except RecursionError:  # as long as it is deep: every start inside it would end here too
        return True
    return False


def _skip_space(raw: str, start: int) -> int:
    return len(raw) - len(raw[start:].lstrip())


def _normalised(value: Any) -> Any:
    """`value` with the small deviations that models make put right, in the items where they make them."""
    if isinstance(value, list):
        return [_item(item) for item in value]
    if isinstance(value, dict):
        return {key: _items(key, items) for key, items in value.items()}
    return value


def _items(key: str, items: Any) -> Any:
    return [_item(item) for item in items] if key in _ITEM_KEYS and isinstance(items, list) else items


def _item(item: Any) -> Any:
    """A categorical item whose parameters are a bare list of options, with the options under their name."""
    if not isinstance(item, dict) or item.get("value_type") != "categorical":
        return item
    parameters = item.get("parameters")
    return {**item, "parameters": {"options": parameters}} if isinstance(parameters, list) else item
