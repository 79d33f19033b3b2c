"""Thinking, text and tool calls come in the order in which they are said, and tool arguments in the pieces given."""

import json

import pytest

from harness import dialects
from harness.model import Prompt, Reply, Request, Spoken, Text, Thinking, Timeline, ToolCall, ToolFragment

SAID: list[Spoken] = [
    Thinking("First "),
    "Let me ",
    "check. ",
    ToolFragment(0, "get_weather", "", "call_1"),
    ToolFragment(0, arguments='{"ci'),
    ToolFragment(0, arguments='ty": "Par'),
    ToolFragment(0, arguments='is"}'),
    Text("And "),
    "more.",
]
REPLY = Reply(
    text="Let me check. And more.",
    thinking="First ",
    tool_calls=(ToolCall("get_weather", '{"city": "Paris"}', "call_1"),),
    finish="tool",
)
URLS = {
    "openai-chat": "https://x.example/v1/chat/completions",
    "openai-responses": "https://x.example/v1/responses",
    "anthropic": "https://x.example/v1/messages",
    "gemini": "https://x.example/v1beta/models/m:streamGenerateContent?alt=sse",
    "ollama": "https://x.example/api/chat",
    "cohere": "https://x.example/v2/chat",
    "bedrock-converse": "https://bedrock-runtime.x.amazonaws.com/model/m/converse-stream",
    "bedrock-invoke": "https://bedrock-runtime.x.amazonaws.com/model/m/invoke-with-response-stream",
    "native": "native://backend/complete",
}


def said_by(name: str, *, stream: bool) -> Reply:
    dialect = dialects.get(name)
    head, chunks = dialect.render(REPLY, Prompt(model="m", stream=stream), SAID)
    found = dialects.decode(Request("POST", URLS[name], body=b'{"messages": []}'), Timeline.of(head, chunks))
    assert found is not None
    return found


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", URLS)
def test_what_is_said_in_pieces_is_the_reply(name: str, stream: bool) -> None:
    found = said_by(name, stream=stream)
    assert (found.text, found.thinking) == (REPLY.text, REPLY.thinking)
    calls = [(call.name, json.loads(call.arguments), call.id) for call in found.tool_calls]
    assert calls == [("get_weather", {"city": "Paris"}, "call_1")]


def kinds(found: Reply) -> list[str]:
    """The kinds of delta, each run of one kind once."""
    names = [type(delta).__name__ for delta in found.deltas if isinstance(delta, Text | Thinking | ToolFragment)]
    return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]


@pytest.mark.parametrize("name", URLS)
def test_a_stream_keeps_the_order(name: str) -> None:
    assert kinds(said_by(name, stream=True)) == ["Thinking", "Text", "ToolFragment", "Text"]


@pytest.mark.parametrize(
    "name", ["openai-responses", "anthropic", "gemini", "bedrock-converse", "bedrock-invoke", "native"]
)
def test_a_whole_answer_keeps_the_order_where_its_wire_has_blocks(name: str) -> None:
    assert kinds(said_by(name, stream=False)) == ["Thinking", "Text", "ToolFragment", "Text"]


CUT = ["openai-chat", "openai-responses", "anthropic", "cohere", "bedrock-converse", "bedrock-invoke"]
"""Those whose arguments are a text in a stream."""


@pytest.mark.parametrize("name", [*CUT, "native"])
def test_arguments_come_in_the_pieces_given(name: str) -> None:
    found = said_by(name, stream=True)
    pieces = [delta.arguments for delta in found.deltas if isinstance(delta, ToolFragment) and delta.arguments]
    assert pieces == ['{"ci', 'ty": "Par', 'is"}']


def test_arguments_that_are_cut_short_can_be_streamed_where_they_are_text() -> None:
    cut = Reply(tool_calls=(ToolCall("f", '{"city": "Par', "call_1"),), finish="length")
    for name in CUT:
        dialect = dialects.get(name)
        timeline = Timeline.of(*dialect.render(cut, Prompt(model="m", stream=True), []))
        found = dialects.decode(Request("POST", URLS[name], body=b'{"messages": []}'), timeline)
        assert found is not None
        assert (found.tool_calls, found.finish) == (cut.tool_calls, "length")
