"""Answers of every dialect, streamed and whole, with text and with tool calls: what faults are tried on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness import dialects
from harness.model import (
    Interaction,
    Json,
    Message,
    Nanos,
    Prompt,
    Reply,
    Tool,
    ToolCall,
    Usage,
    milliseconds,
)
from harness.model import Timeline as Answer

DIALECTS: Final = (
    "native", "openai-chat", "openai-responses", "anthropic", "gemini", "ollama", "cohere", "bedrock-converse",
    "bedrock-invoke",
)  # fmt: skip
PIECES: Final = ("Grüße ", "aus ", "Köln ", "🌍!")
TEXT: Final = "".join(PIECES)
BLOCK: Final = 'Done.\n~~~json\n{"items": [1, 2, 3]}\n~~~\nAnything else?'
SCHEMA: Final[dict[str, Json]] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}
TOOL: Final = Tool("get_weather", "The weather", SCHEMA)
CALL: Final = ToolCall("get_weather", '{"city": "Paris", "days": 2}', "call_1")


def asked(dialect: str, *, stream: bool, tools: bool = False) -> Prompt:
    """A prompt as this dialect sends it."""
    parameters: dict[str, Json] = {"max_tokens": 64}
    if stream and dialect == "openai-chat":
        parameters["stream_options"] = {"include_usage": True}
    return Prompt((Message("user", "hi"),), "m", parameters, (TOOL,) if tools else (), stream)


def answer(dialect: str, reply: Reply, *, stream: bool, tools: bool = False) -> Interaction:
    """`reply` to that prompt, its chunks ten milliseconds apart."""
    known = dialects.get(dialect)
    prompt = asked(dialect, stream=stream, tools=tools)
    request = known.encode(prompt, "https://api.example")
    pieces = PIECES if reply.text == TEXT else tuple(piece for piece in (reply.text,) if piece)
    head, chunks = known.render(reply, known.prompt(request), pieces)
    return Interaction(request, Answer.of(head, chunks, at=milliseconds(100), every=milliseconds(10)), "a")


def spoken(dialect: str, *, stream: bool) -> Interaction:
    """An answer with text."""
    return answer(dialect, Reply(text=TEXT, finish="stop", usage=Usage(9, 7)), stream=stream)


def called(dialect: str, *, stream: bool, calls: tuple[ToolCall, ...] = (CALL,)) -> Interaction:
    """An answer with tool calls."""
    return answer(dialect, Reply(tool_calls=calls, finish="tool", usage=Usage(9, 7)), stream=stream, tools=True)


def every() -> Iterator[tuple[str, Interaction]]:
    """(dialect, answer) of all kinds."""
    for dialect in DIALECTS:
        for stream in (True, False):
            yield dialect, spoken(dialect, stream=stream)
            yield dialect, called(dialect, stream=stream)
            yield dialect, answer(dialect, Reply(text=BLOCK, finish="stop"), stream=stream)
            yield dialect, answer(dialect, Reply(text='{"city": "Paris", "days": 2}', finish="stop"), stream=stream)


def meaning(interaction: Interaction) -> Reply:
    """What it says, less what no reader is told."""
    reply = dialects.decode(interaction.request, interaction.timeline)
    assert reply is not None
    return Reply.of(delta for delta in reply.deltas if type(delta).__name__ not in {"Unknown", "Began"})


def times(timeline: Answer) -> list[Nanos]:
    """When each event comes."""
    return [at for at, _ in timeline.events]
