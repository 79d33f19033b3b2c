"""botocore's own parser and Cohere's SDK read what we render, and we read what they ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import cohere
import httpx
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from harness import faults
from harness.dialects import get, recognise
from harness.errors import DialectError
from harness.model import (
    Head,
    Interaction,
    Problem,
    Prompt,
    Reply,
    Request,
    Spoken,
    Text,
    Thinking,
    Timeline,
    ToolCall,
    ToolFragment,
    Usage,
)

SAID: list[Spoken] = [
    Thinking("Let me "),
    Thinking("see."),
    Text("Grüße, "),
    Text("🌍!"),
    ToolFragment(0, "get_weather", "", "call_1"),
    ToolFragment(0, arguments='{"ci'),
    ToolFragment(0, arguments='ty": "Köln"}'),
    ToolFragment(1, "get_time", "{}", "call_2"),
]
REPLY = Reply(
    text="Grüße, 🌍!",
    thinking="Let me see.",
    tool_calls=(ToolCall("get_weather", '{"city": "Köln"}', "call_1"), ToolCall("get_time", "{}", "call_2")),
    finish="tool",
    usage=Usage(9, 7, 2),
)
CALLS = [("get_weather", {"city": "Köln"}, "call_1"), ("get_time", {}, "call_2")]
HI: Any = [{"role": "user", "content": [{"text": "hi"}]}]


class Wire:
    """A botocore transport that answers with what a dialect renders, and keeps what it was asked."""

    def __init__(self, dialect: str, reply: Reply, said: list[Spoken], fault: str = "") -> None:
        self.dialect, self.reply, self.said, self.fault = get(dialect), reply, said, fault
        self.asked: list[Prompt] = []

    def __call__(self, request: Any, **_: Any) -> AWSResponse:
        ours = Request("POST", request.url, body=request.body or b"")
        known = recognise(ours)
        assert known is not None
        assert known[0].name == self.dialect.name
        prompt = self.dialect.prompt(ours)
        self.asked.append(prompt)
        head, chunks = self.dialect.render(self.reply, prompt, self.said)
        if self.fault:
            answer = Interaction(ours, Timeline.of(head, chunks), "it")
            chunks = faults.strike_anywhere(self.fault, {}, answer.timeline, self.dialect.name, ours).chunks
        return AWSResponse(request.url, head.status, dict(head.headers), Raw(chunks))


class Raw:
    """The body of a response, as botocore reads it: in pieces where it is a stream, else whole."""

    def __init__(self, chunks: tuple[bytes, ...]) -> None:
        self.chunks = chunks

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        body = b"".join(self.chunks)
        return (body[at : at + 7] for at in range(0, len(body), 7))

    def read(self, *_: Any, **__: Any) -> bytes:
        body, self.chunks = b"".join(self.chunks), ()
        return body

    def close(self) -> None:
        """Nothing is open."""


def bedrock(wire: Wire) -> Any:
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )
    client.meta.events.register("before-send.bedrock-runtime", wire)
    return client


def blocks(events: list[dict[str, Any]]) -> tuple[str, str, list[tuple[str, Any, str]]]:
    text, thinking, calls = "", "", {}
    for event in events:
        if "contentBlockStart" in event:
            use = event["contentBlockStart"]["start"]["toolUse"]
            calls[event["contentBlockStart"]["contentBlockIndex"]] = [use["name"], "", use["toolUseId"]]
        delta = event.get("contentBlockDelta", {}).get("delta", {})
        text += delta.get("text", "")
        thinking += delta.get("reasoningContent", {}).get("text", "")
        if "toolUse" in delta:
            calls[event["contentBlockDelta"]["contentBlockIndex"]][1] += delta["toolUse"]["input"]
    return text, thinking, [(name, json.loads(arguments or "{}"), id_) for name, arguments, id_ in calls.values()]


def test_botocore_reads_a_converse_stream_message_by_message() -> None:
    wire = Wire("bedrock-converse", REPLY, SAID)
    events = list(bedrock(wire).converse_stream(modelId="maker.m-v1:0", messages=HI)["stream"])
    assert blocks(events) == (REPLY.text, REPLY.thinking, CALLS)
    assert events[0] == {"messageStart": {"role": "assistant"}}
    assert events[-2]["messageStop"] == {"stopReason": "tool_use"}
    assert events[-1]["metadata"]["usage"] == {
        "inputTokens": 9, "outputTokens": 7, "totalTokens": 16, "cacheReadInputTokens": 2,
    }  # fmt: skip
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    pieces = [delta["text"] for delta in deltas if "text" in delta]
    assert pieces == ["Grüße, ", "🌍!"]
    assert (wire.asked[0].model, wire.asked[0].stream) == ("maker.m-v1:0", True)


def test_botocore_reads_a_whole_converse_answer() -> None:
    said = bedrock(Wire("bedrock-converse", REPLY, SAID)).converse(modelId="m", messages=HI)
    content = said["output"]["message"]["content"]
    assert [next(iter(block)) for block in content] == ["reasoningContent", "text", "toolUse", "toolUse"]
    assert content[0]["reasoningContent"]["reasoningText"]["text"] == REPLY.thinking
    assert [(b["toolUse"]["name"], b["toolUse"]["input"], b["toolUse"]["toolUseId"]) for b in content[2:]] == CALLS
    assert (said["stopReason"], said["usage"]["totalTokens"]) == ("tool_use", 16)


@pytest.mark.parametrize(
    "kind, name",
    [
        ("rate-limit", "throttlingException"),
        ("server-error", "internalServerException"),
        ("overloaded", "serviceUnavailableException"),
        ("invalid-request", "validationException"),
    ],
)
def test_an_exception_in_a_stream_is_raised_by_botocore_after_the_text(kind: Any, name: str) -> None:
    broken = Reply(text="Grü", problem=Problem(kind, "sorry"))
    heard: list[Any] = []
    with pytest.raises(EventStreamError, match="sorry") as raised:
        heard.extend(bedrock(Wire("bedrock-converse", broken, [])).converse_stream(modelId="m", messages=HI)["stream"])
    assert blocks(heard)[0] == "Grü"
    assert raised.value.response["Error"]["Code"] == name


@pytest.mark.parametrize(
    "kind, name, status",
    [
        ("rate-limit", "ThrottlingException", 429),
        ("permission", "AccessDeniedException", 403),
        ("not-found", "ResourceNotFoundException", 404),
        ("timeout", "ModelTimeoutException", 408),
        ("overloaded", "ServiceUnavailableException", 503),
    ],
)
@pytest.mark.parametrize("dialect", ["bedrock-converse", "bedrock-invoke"])
def test_a_refusal_has_its_own_exception_in_boto3(dialect: str, kind: Any, name: str, status: int) -> None:
    client = bedrock(Wire(dialect, Reply(problem=Problem(kind, "sorry")), []))
    asked = {"messages": HI, "anthropic_version": "bedrock-2023-05-31", "max_tokens": 9}
    with pytest.raises(getattr(client.exceptions, name), match="sorry") as raised:
        if dialect == "bedrock-converse":
            client.converse(modelId="m", messages=HI)
        else:
            client.invoke_model(modelId="m", body=json.dumps(asked))
    assert isinstance(raised.value, ClientError)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


ASKS: dict[str, Any] = {
    "anthropic.claude-x-v1:0": {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": []},
    "us.amazon.nova-lite-v1:0": {"schemaVersion": "messages-v1", "messages": HI},
    "openai.gpt-oss-20b-1:0": {"messages": [{"role": "user", "content": "hi"}]},
}


@pytest.mark.parametrize("model", ASKS)
def test_botocore_unpacks_the_chunks_of_every_maker(model: str) -> None:
    answer = bedrock(Wire("bedrock-invoke", REPLY, SAID)).invoke_model_with_response_stream(
        modelId=model, body=json.dumps(ASKS[model])
    )
    values = [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]
    assert values[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == 7
    if "nova" in model:
        assert blocks(values) == (REPLY.text, REPLY.thinking, CALLS)
    elif "claude" in model:
        deltas = [value["delta"] for value in values if value["type"] == "content_block_delta"]
        assert "".join(delta.get("text", "") for delta in deltas) == REPLY.text
        assert values[-1]["type"] == "message_stop"
    else:
        deltas = [choice["delta"] for value in values for choice in value["choices"]]
        assert "".join(delta.get("content", "") for delta in deltas) == REPLY.text


@pytest.mark.parametrize("model", ASKS)
def test_a_whole_answer_of_every_maker_is_the_maker_s_own(model: str) -> None:
    client = bedrock(Wire("bedrock-invoke", REPLY, SAID))
    said = json.loads(client.invoke_model(modelId=model, body=json.dumps(ASKS[model]))["body"].read())
    if "nova" in model:
        assert said["output"]["message"]["content"][1] == {"text": REPLY.text}
    elif "claude" in model:
        assert [block["type"] for block in said["content"]] == ["thinking", "text", "tool_use", "tool_use"]
    else:
        assert said["choices"][0]["message"]["content"] == REPLY.text


def test_a_maker_whose_form_is_only_read_is_refused_by_name() -> None:
    with pytest.raises(DialectError, match=r"has no form for 'meta\.llama3-8b'.* use converse"):
        get("bedrock-invoke").render(REPLY, Prompt(model="meta.llama3-8b", stream=True), [])


def cohere_client(reply: Reply, said: list[Spoken], asked: list[Prompt]) -> cohere.ClientV2:
    def answer(request: httpx.Request) -> httpx.Response:
        prompt = get("cohere").prompt(Request("POST", str(request.url), body=request.content))
        asked.append(prompt)
        head, chunks = get("cohere").render(reply, prompt, said)
        return response(head, chunks)

    return cohere.ClientV2("x", httpx_client=httpx.Client(transport=httpx.MockTransport(answer)))


def response(head: Head, chunks: tuple[bytes, ...]) -> httpx.Response:
    return httpx.Response(head.status, headers=list(head.headers), content=iter(chunks))


ASKED: Any = {"model": "command-x", "messages": [{"role": "user", "content": "hi"}]}


def test_cohere_reads_a_stream_event_by_event() -> None:
    asked: list[Prompt] = []
    events: list[Any] = list(cohere_client(REPLY, SAID, asked).chat_stream(**ASKED))
    contents = [event.delta.message.content for event in events if event.type == "content-delta"]
    assert "".join(content.text or "" for content in contents) == REPLY.text
    assert "".join(content.thinking or "" for content in contents) == REPLY.thinking
    starts = [event.delta.message.tool_calls for event in events if event.type == "tool-call-start"]
    assert [(call.id, call.function.name) for call in starts] == [("call_1", "get_weather"), ("call_2", "get_time")]
    pieces = [event.delta.message.tool_calls.function.arguments for event in events if event.type == "tool-call-delta"]
    assert pieces == ['{"ci', 'ty": "Köln"}', "{}"]
    end = events[-1]
    assert (end.type, end.delta.finish_reason, end.delta.usage.tokens.output_tokens) == ("message-end", "TOOL_CALL", 7)
    assert asked[0].stream is True


def test_cohere_reads_a_whole_answer() -> None:
    said = cohere_client(REPLY, SAID, []).chat(**ASKED)
    assert [(part.type, getattr(part, part.type)) for part in said.message.content or []] == [
        ("thinking", REPLY.thinking),
        ("text", REPLY.text),
    ]
    calls = [(call.function.name, json.loads(call.function.arguments), call.id) for call in said.message.tool_calls]
    assert (calls, said.finish_reason) == (CALLS, "TOOL_CALL")


def test_cohere_s_stream_ends_with_its_error() -> None:
    broken = Reply(text="Grü", problem=Problem("server-error", "sorry"))
    events: list[Any] = list(cohere_client(broken, [], []).chat_stream(**ASKED))
    assert (events[-1].delta.error, events[-1].delta.finish_reason) == ("sorry", "ERROR")


@pytest.mark.parametrize(
    "kind, error",
    [
        ("rate-limit", cohere.TooManyRequestsError),
        ("auth", cohere.UnauthorizedError),
        ("not-found", cohere.NotFoundError),
        ("server-error", cohere.InternalServerError),
        ("overloaded", cohere.ServiceUnavailableError),
    ],
)
def test_a_refusal_has_its_own_exception_in_cohere(kind: Any, error: type[Exception]) -> None:
    client = cohere_client(Reply(problem=Problem(kind, "sorry")), [], [])
    with pytest.raises(error, match="sorry"):
        client.chat(**ASKED, request_options={"max_retries": 0})


@pytest.mark.parametrize("model", ASKS)
def test_an_event_that_a_fault_puts_into_a_binary_stream_is_one_for_botocore(model: str) -> None:
    """Its checksums are right, and what stands around it is still read."""

    def heard(fault: str) -> Iterator[Any]:
        client = bedrock(Wire("bedrock-invoke", REPLY, SAID, fault))
        answer = client.invoke_model_with_response_stream(modelId=model, body=json.dumps(ASKS[model]))
        return (json.loads(event["chunk"]["bytes"]) for event in answer["body"])

    whole = list(heard(""))
    assert [value for value in heard("unknown-event") if value != {"type": "notice", "notice": "new"}] == whole
    assert len(list(heard("unknown-event"))) == len(whole) + 1
    assert len(list(heard("drop-event"))) == len(whole) - 1
    assert len(list(heard("missing-terminator"))) < len(whole)
    before: list[Any] = []
    with pytest.raises(EventStreamError, match="internalServerException"):
        before.extend(heard("error-event"))
    assert before == whole[: len(before)]
    assert before


def test_another_reason_for_stopping_is_read_by_botocore() -> None:
    wire = Wire("bedrock-converse", REPLY, SAID, "finish-length")
    events = list(bedrock(wire).converse_stream(modelId="m", messages=HI)["stream"])
    assert events[-2]["messageStop"] == {"stopReason": "max_tokens"}
    assert blocks(events)[0] == REPLY.text
