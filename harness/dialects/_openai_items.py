"""The items of a Responses answer, each piece of them told once however often the stream repeats it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from harness.dialects._openai_prompt import arguments_of
from harness.dialects._untyped import Object, as_count, as_list, as_object, as_text, dumped, first
from harness.model import Delta, FinishReason, Image, Refusal, Text, Thinking, ToolFragment, Unknown

Place: TypeAlias = tuple[int, str, int]
"""A piece: the number of its item, what it is, and the number of the part."""

_SPOKEN: Final = {
    "output_text": "text",
    "text": "text",
    "refusal": "refusal",
    "reasoning_text": "reasoning",
    "reasoning_summary_text": "summary",
    "summary_text": "summary",
}
_CALLS: Final = frozenset({"function_call", "custom_tool_call"})
_CALLED: Final = frozenset({"function_call_arguments", "custom_tool_call_input"})


class Told:
    """What has been told already."""

    def __init__(self) -> None:
        self._items: dict[str | int, int] = {}
        self._count = 0
        self._said: dict[Place, list[str]] = {}
        self._calls: dict[int, int] = {}
        self._named: set[int] = set()
        self._others: set[int] = set()

    def why(self) -> FinishReason:
        """Why a completed answer ended: this wire says `completed` for all of these."""
        if self._calls:
            return "tool"
        return "refusal" if any(kind == "refusal" for _, kind, _ in self._said) else "stop"

    def event(self, kind: str, data: Object) -> list[Delta] | None:
        """What a `response.<piece>.delta` or `.done` adds; None where it is neither."""
        piece, _, stage = kind.removeprefix("response.").rpartition(".")
        if stage not in {"delta", "done"}:
            return None
        item = self._item(as_text(data.get("item_id")), as_count(data.get("output_index")))
        if piece in _CALLED:
            text = as_text(data.get("delta")) if stage == "delta" else arguments_of(data)
            return list(self._arguments(item, text, whole=stage == "done"))
        sort = _SPOKEN.get(piece)
        if sort is None:
            return None
        place = (item, sort, as_count(data.get("summary_index" if sort == "summary" else "content_index")) or 0)
        text = as_text(data.get("delta")) or as_text(data.get("text")) or as_text(data.get("refusal"))
        return list(self._speak(place, text, whole=stage == "done"))

    def part(self, data: Object) -> Iterator[Delta]:
        """What a finished part adds."""
        item = self._item(as_text(data.get("item_id")), as_count(data.get("output_index")))
        yield from self._part(item, as_object(data.get("part")), as_count(data.get("content_index")) or 0)

    def item(self, item: Object, index: int | None, *, done: bool) -> Iterator[Delta]:
        """What an item adds, when it begins or when it is whole."""
        number = self._item(as_text(item.get("id")), index)
        kind = as_text(item.get("type"))
        if kind in _CALLS:
            yield from self._call(number, item, done=done)
        elif kind in {"message", "reasoning"}:
            for field in ("summary", "content"):
                for position, part in enumerate(as_list(item.get(field))):
                    yield from self._part(number, as_object(part), position)
        elif done and number not in self._others:
            self._others.add(number)
            drawn = as_text(item.get("result")) if kind == "image_generation_call" else ""
            media_type = f"image/{as_text(item.get('output_format')) or 'png'}"
            yield Image(media_type, drawn) if drawn else Unknown(kind, dumped(item))

    def _item(self, name: str, index: int | None) -> int:
        """The number of an item, known by its id or by its place; some servers send only one of them."""
        names = [name_ for name_ in (name or None, index) if name_ is not None]
        known = next((self._items[name_] for name_ in names if name_ in self._items), None)
        if known is None:
            known = self._count
            self._count += 1
        for name_ in names:
            self._items.setdefault(name_, known)
        return known

    def _part(self, item: int, part: Object, position: int) -> Iterator[Delta]:
        kind = as_text(part.get("type"))
        sort = _SPOKEN.get(kind)
        text = as_text(part.get("text")) or as_text(part.get("refusal"))
        if sort:
            yield from self._speak((item, sort, position), text, whole=True)
        elif kind:
            yield Unknown(kind, dumped(part))

    def _speak(self, place: Place, text: str, *, whole: bool) -> Iterator[Delta]:
        fresh = self._fresh(place, text, whole=whole)
        if not fresh:
            return
        match place[1]:
            case "text":
                yield Text(fresh)
            case "refusal":
                yield Refusal(fresh)
            case _:
                yield Thinking(fresh)

    def _call(self, item: int, call: Object, *, done: bool) -> Iterator[Delta]:
        number = self._calls.setdefault(item, len(self._calls))
        if item not in self._named:
            self._named.add(item)
            known = as_text(first(call, "call_id", "id"))  # an empty one is one
            yield ToolFragment(number, as_text(call.get("name")), id=known)
        if done:
            yield from self._arguments(item, arguments_of(call), whole=True)

    def _arguments(self, item: int, text: str, *, whole: bool) -> Iterator[Delta]:
        fresh = self._fresh((item, "arguments", 0), text, whole=whole)
        if fresh:
            yield ToolFragment(self._calls.setdefault(item, len(self._calls)), arguments=fresh)

    def _fresh(self, place: Place, text: str, *, whole: bool) -> str:
        """`text` less what was said at this place; nothing where the whole contradicts what was said."""
        said = self._said.setdefault(place, [])
        if whole:
            before = "".join(said)
            text = text[len(before) :] if text.startswith(before) else ""
        if text:
            said.append(text)
        return text
