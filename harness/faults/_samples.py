"""Answers to try a fault on: each dialect that can be rendered, streamed and whole, with text and with calls."""

from __future__ import annotations

from functools import cache
from typing import Final

from harness.dialects import BUILT_IN, get
from harness.errors import DialectError
from harness.model import Interaction, Json, Message, Prompt, Reply, Timeline, Tool, ToolCall, Usage, milliseconds

_PIECES: Final = ("Grüße ", "aus ", "Köln ", "🌍!")
_BLOCK: Final = ("Done.\n", '~~~json\n{"items": [1, 2, 3]}\n~~~\n', "Anything else?")
_JSON: Final = ('{"city": ', '"Paris", "days": 2}')
_SCHEMA: Final[dict[str, Json]] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}
_CALL: Final = ToolCall("get_weather", '{"city": "Paris", "days": 2}', "call_1")


@cache
def samples() -> tuple[tuple[str, Interaction], ...]:
    """(dialect, answer) of each. They are values, so everybody gets the same ones."""
    made = []
    for dialect in BUILT_IN:
        for stream in (True, False) if dialect.renders else ():
            for pieces in (_PIECES, _BLOCK, _JSON, ()):
                try:
                    made.append((dialect.name, _answer(dialect.name, pieces, stream=stream)))
                except DialectError:  # this dialect has no calls, or none that are whole
                    continue
    return tuple(made)


def _answer(dialect: str, pieces: tuple[str, ...], *, stream: bool) -> Interaction:
    known = get(dialect)
    asked = Prompt((Message("user", "hi"),), "m", {"max_tokens": 64}, () if pieces else (_tool(),), stream)
    request = known.encode(asked, "https://api.example")
    calls = () if pieces else (_CALL,)
    reply = Reply("".join(pieces), tool_calls=calls, finish="tool" if calls else "stop", usage=Usage(9, 7))
    head, chunks = known.render(reply, known.prompt(request), pieces)
    return Interaction(request, Timeline.of(head, chunks, at=milliseconds(100), every=milliseconds(10)), "sample")


def _tool() -> Tool:
    return Tool("get_weather", "The weather", _SCHEMA)
