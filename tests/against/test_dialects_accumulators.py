"""The SDKs' own accumulators, which fail where an event is missing or out of order, add up what we render block by
block."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx2
import openai
import pytest
from pydantic import BaseModel

from harness.dialects import get
from harness.model import Prompt, Reply, Spoken, Text, Thinking, ToolCall, ToolFragment, Usage

SAID: list[Spoken] = [
    Thinking("Let me "),
    Thinking("see. "),
    Text("First "),
    Text("this."),
    ToolFragment(0, "get_weather", "", "call_1"),
    ToolFragment(0, arguments='{"ci'),
    ToolFragment(0, arguments='ty": "Köln"}'),
    Thinking("And "),
    Thinking("then."),
    ToolFragment(1, "get_time", "{}", "call_2"),
    Text("Bye."),
]
REPLY = Reply(
    text="First this.Bye.",
    thinking="Let me see. And then.",
    tool_calls=(ToolCall("get_weather", '{"city": "Köln"}', "call_1"), ToolCall("get_time", "{}", "call_2")),
    finish="tool",
    usage=Usage(9, 7, 2, 3),
    id="it_1",
)
HI: Any = [{"role": "user", "content": "hi"}]


TWICE: list[Spoken] = [ToolFragment(0, "a", "{}", "call_1"), ToolFragment(1, "b", "{}", "call_1")]
SAME = Reply(tool_calls=(ToolCall("a", "{}", "call_1"), ToolCall("b", "{}", "call_1")), finish="tool")


class City(BaseModel):
    city: str


TOLD = Reply(text='{"city": "Köln"}', finish="stop", usage=Usage(1, 2))
PIECES: list[Spoken] = ['{"ci', 'ty": "Kö', 'ln"}']


def http(dialect: str, reply: Reply, said: list[Spoken]) -> httpx2.Client:
    def answer(request: httpx2.Request) -> httpx2.Response:
        prompt = Prompt(model="m", stream=b'"stream":true' in request.content.replace(b" ", b""))
        head, chunks = get(dialect).render(reply, prompt, said)
        return httpx2.Response(head.status, headers=list(head.headers), content=b"".join(chunks))

    return httpx2.Client(transport=httpx2.MockTransport(answer))


def openai_client(dialect: str, reply: Reply, said: list[Spoken]) -> openai.OpenAI:
    return openai.OpenAI(api_key="x", max_retries=0, http_client=http(dialect, reply, said))


def test_anthropic_adds_up_blocks_of_every_kind_in_their_order() -> None:
    client = anthropic.Anthropic(api_key="x", max_retries=0, http_client=http("anthropic", REPLY, SAID))
    with client.messages.stream(model="m", max_tokens=9, messages=HI) as stream:
        pieces = [event.partial_json for event in stream if event.type == "input_json" and event.partial_json]
        message = stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "thinking", "tool_use", "text"]
    assert pieces[:2] == ['{"ci', 'ty": "Köln"}']
    calls = [(block.name, block.input, block.id) for block in message.content if block.type == "tool_use"]
    assert calls == [("get_weather", {"city": "Köln"}, "call_1"), ("get_time", {}, "call_2")]
    assert (message.id, message.stop_reason, message.usage.output_tokens) == ("it_1", "tool_use", 7)
    assert message.usage.cache_read_input_tokens == 2


def test_responses_add_up_items_of_every_kind_in_their_order() -> None:
    with openai_client("openai-responses", REPLY, SAID).responses.stream(model="m", input="hi") as stream:
        kinds = [event.type for event in stream]
        response = stream.get_final_response()
    items = [item.type for item in response.output]
    assert items == ["reasoning", "message", "function_call", "reasoning", "function_call", "message"]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert kinds.count("response.output_item.added") == kinds.count("response.output_item.done") == len(items)
    assert (response.id, response.output_text) == ("it_1", REPLY.text)
    assert response.usage is not None
    assert response.usage.output_tokens_details.reasoning_tokens == 3
    summaries = [part.text for item in response.output if item.type == "reasoning" for part in item.summary]
    assert summaries == ["Let me see. ", "And then."]


def test_one_id_for_two_calls_is_an_error_in_responses_alone() -> None:
    """And a bare RuntimeError: the helper's own, before any driver can look at the calls."""
    with (
        pytest.raises(RuntimeError, match="conflicting output identities"),
        openai_client("openai-responses", SAME, TWICE).responses.stream(model="m", input="hi") as stream,
    ):
        stream.until_done()
    plain = openai_client("openai-responses", SAME, TWICE).responses.create(model="m", input="hi")
    assert [item.call_id for item in plain.output if item.type == "function_call"] == ["call_1", "call_1"]
    client = anthropic.Anthropic(api_key="x", max_retries=0, http_client=http("anthropic", SAME, TWICE))
    with client.messages.stream(model="m", max_tokens=9, messages=HI) as blocks:
        message = blocks.get_final_message()
    assert [block.id for block in message.content if block.type == "tool_use"] == ["call_1", "call_1"]


def test_a_structured_answer_is_parsed_streamed_and_whole() -> None:
    responses = openai_client("openai-responses", TOLD, PIECES).responses
    assert responses.parse(model="m", input="hi", text_format=City).output_parsed == City(city="Köln")
    with responses.stream(model="m", input="hi", text_format=City) as stream:
        assert stream.get_final_response().output_parsed == City(city="Köln")
    chat = openai_client("openai-chat", TOLD, PIECES).chat.completions
    parsed = chat.parse(model="m", messages=HI, response_format=City)
    assert parsed.choices[0].message.parsed == City(city="Köln")
    with chat.stream(model="m", messages=HI, response_format=City) as chunks:
        assert chunks.get_final_completion().choices[0].message.parsed == City(city="Köln")


def test_chat_completions_add_up_tool_calls_that_come_in_pieces() -> None:
    with openai_client("openai-chat", REPLY, SAID).chat.completions.stream(model="m", messages=HI) as stream:
        done = [event.arguments for event in stream if event.type == "tool_calls.function.arguments.done"]
        message = stream.get_final_completion().choices[0].message
    assert done == ['{"city": "Köln"}', "{}"]
    assert message.content == REPLY.text
    assert [(call.function.name, call.id) for call in message.tool_calls or []] == [
        ("get_weather", "call_1"),
        ("get_time", "call_2"),
    ]
