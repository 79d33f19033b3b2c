"""The providers' own clients ask our server over a real socket, sync and async, and read what a scenario says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anthropic
import boto3
import cohere
import ollama
import openai
import pytest
from botocore.config import Config
from botocore.exceptions import EventStreamError
from google import genai

import harness
from harness.dialects import get
from harness.model import Cassette, Head, Headers, Interaction, Request, Timeline

SAID = "Bonjour, comment ça va ?"
ASKED = [{"role": "user", "content": "hello"}]
SCENARIO = f"""\
harness: 1
name: greeting
calls:
  - id: hello
    when: {{user: {{contains: hello}}, model: {{equals: tiny}}}}
    reply: {{text: "{SAID}", usage: {{input: 9, output: 7}}}}
"""
CASSETTES = Path(__file__).parent.parent.parent / "cassettes"


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "greeting.yaml"
    path.write_text(SCENARIO, "utf-8")
    return path


# --- each client: (whole, streamed), sync and async, as the text it got ----------------------------------------------


def _openai(url: str) -> Iterator[str]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="dummy") as client:
        whole = client.chat.completions.create(model="tiny", messages=ASKED)
        yield str(whole.choices[0].message.content)
        parts = client.chat.completions.create(model="tiny", messages=ASKED, stream=True)
        yield "".join(part.choices[0].delta.content or "" for part in parts if part.choices)


async def _aopenai(url: str) -> AsyncIterator[str]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="dummy") as client:
        whole = await client.chat.completions.create(model="tiny", messages=ASKED)
        yield str(whole.choices[0].message.content)
        parts = await client.chat.completions.create(model="tiny", messages=ASKED, stream=True)
        yield "".join([part.choices[0].delta.content or "" async for part in parts if part.choices])


def _responses(url: str) -> Iterator[str]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="dummy") as client:
        yield client.responses.create(model="tiny", input="hello").output_text
        events = client.responses.create(model="tiny", input="hello", stream=True)
        yield "".join(event.delta for event in events if event.type == "response.output_text.delta")


async def _aresponses(url: str) -> AsyncIterator[str]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="dummy") as client:
        yield (await client.responses.create(model="tiny", input="hello")).output_text
        events = await client.responses.create(model="tiny", input="hello", stream=True)
        yield "".join([event.delta async for event in events if event.type == "response.output_text.delta"])


def _anthropic(url: str) -> Iterator[str]:
    with anthropic.Anthropic(base_url=url, api_key="dummy") as client:
        yield client.messages.create(model="tiny", max_tokens=99, messages=ASKED).content[0].text
        with client.messages.stream(model="tiny", max_tokens=99, messages=ASKED) as stream:
            yield "".join(stream.text_stream)


async def _aanthropic(url: str) -> AsyncIterator[str]:
    async with anthropic.AsyncAnthropic(base_url=url, api_key="dummy") as client:
        yield (await client.messages.create(model="tiny", max_tokens=99, messages=ASKED)).content[0].text
        async with client.messages.stream(model="tiny", max_tokens=99, messages=ASKED) as stream:
            yield "".join([text async for text in stream.text_stream])


def _genai(url: str) -> genai.Client:
    return genai.Client(api_key="dummy", http_options={"base_url": url})


def _gemini(url: str) -> Iterator[str]:
    with _genai(url) as client:
        models = client.models
        yield str(models.generate_content(model="tiny", contents="hello").text)
        yield "".join(part.text or "" for part in models.generate_content_stream(model="tiny", contents="hello"))


async def _agemini(url: str) -> AsyncIterator[str]:
    async with _genai(url).aio as client:
        yield str((await client.models.generate_content(model="tiny", contents="hello")).text)
        parts = await client.models.generate_content_stream(model="tiny", contents="hello")
        yield "".join([part.text or "" async for part in parts])


def _ollama(url: str) -> Iterator[str]:
    with ollama.Client(host=url) as client:
        yield str(client.chat("tiny", ASKED).message.content)
        yield "".join(str(part.message.content) for part in client.chat("tiny", ASKED, stream=True))
        yield client.generate("tiny", "hello").response


async def _aollama(url: str) -> AsyncIterator[str]:
    async with ollama.AsyncClient(host=url) as client:
        yield str((await client.chat("tiny", ASKED)).message.content)
        yield "".join([str(part.message.content) async for part in await client.chat("tiny", ASKED, stream=True)])


def _cohere(url: str) -> Iterator[str]:
    with cohere.ClientV2(api_key="dummy", base_url=url) as client:
        yield client.chat(model="tiny", messages=ASKED).message.content[0].text
        events: list[Any] = list(client.chat_stream(model="tiny", messages=ASKED))
        yield "".join(event.delta.message.content.text for event in events if event.type == "content-delta")


async def _acohere(url: str) -> AsyncIterator[str]:
    async with cohere.AsyncClientV2(api_key="dummy", base_url=url) as client:
        yield (await client.chat(model="tiny", messages=ASKED)).message.content[0].text
        events: list[Any] = [event async for event in client.chat_stream(model="tiny", messages=ASKED)]
        yield "".join(event.delta.message.content.text for event in events if event.type == "content-delta")


def _boto(url: str) -> Any:
    return boto3.client(
        "bedrock-runtime",
        region_name="eu-west-1",
        endpoint_url=url,
        aws_access_key_id="dummy",
        aws_secret_access_key="dummy",
        config=Config(retries={"total_max_attempts": 1}),
    )


def _bedrock(url: str) -> Iterator[str]:
    client = _boto(url)
    asked: Any = {"modelId": "tiny", "messages": [{"role": "user", "content": [{"text": "hello"}]}]}
    yield client.converse(**asked)["output"]["message"]["content"][0]["text"]
    events = [event.get("contentBlockDelta", {}) for event in client.converse_stream(**asked)["stream"]]
    yield "".join(event["delta"]["text"] for event in events if event)
    client.close()


def _bedrock_invoke(url: str) -> Iterator[str]:
    client = _boto(url)
    asked = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": ASKED}
    whole = client.invoke_model(modelId="tiny", body=json.dumps(asked))["body"].read()
    yield json.loads(whole)["content"][0]["text"]
    answer = client.invoke_model_with_response_stream(modelId="tiny", body=json.dumps(asked))
    events = [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]
    yield "".join(event["delta"]["text"] for event in events if event["type"] == "content_block_delta")
    client.close()


async def _listed(answers: AsyncIterator[str]) -> list[str]:
    return [answer async for answer in answers]


CLIENTS: list[tuple[str, str, Callable[[str], Any]]] = [
    ("openai", "openai-chat", _openai),
    ("openai-async", "openai-chat", _aopenai),
    ("responses", "openai-responses", _responses),
    ("responses-async", "openai-responses", _aresponses),
    ("anthropic", "anthropic", _anthropic),
    ("anthropic-async", "anthropic", _aanthropic),
    ("google-genai", "gemini", _gemini),
    ("google-genai-async", "gemini", _agemini),
    ("ollama", "ollama", _ollama),
    ("ollama-async", "ollama", _aollama),
    ("cohere", "cohere", _cohere),
    ("cohere-async", "cohere", _acohere),
    ("boto3", "bedrock-converse", _bedrock),
    ("boto3-invoke", "bedrock-invoke", _bedrock_invoke),
]


def _heard(client: Callable[[str], Any], url: str) -> list[str]:
    answers = client(url)
    return asyncio.run(_listed(answers)) if hasattr(answers, "__anext__") else list(answers)


@pytest.mark.parametrize("dialect, client", [pair for _, *pair in CLIENTS], ids=[name for name, *_ in CLIENTS])
def test_a_client_reads_what_the_scenario_says(dialect: str, client: Callable[[str], Any], scenario: Path) -> None:
    assert get(dialect).renders
    with harness.serve(scenario) as server:
        heard = _heard(client, server.url)
        assert heard
        assert set(heard) == {SAID}
        assert [entry.outcome for entry in server.history] == ["ok"] * len(heard)


# --- a cassette: recorded at another address, played here ------------------------------------------------------------


def _recorded(name: str) -> tuple[Path, str]:
    path = CASSETTES / f"{name}.yaml"
    reply = harness.load(path).interactions[0].reply
    assert reply is not None
    return path, reply.text


def test_the_openai_client_reads_a_cassette_that_was_recorded_elsewhere() -> None:
    path, said = _recorded("openai-chat-streaming")
    [recorded] = harness.load(path).interactions
    with harness.serve(path, rate=100) as server, openai.OpenAI(base_url=f"{server.url}/v1", api_key="dummy") as client:
        parts = client.chat.completions.create(**json.loads(recorded.request.body))
        assert "".join(part.choices[0].delta.content or "" for part in parts if part.choices) == said
        assert server.history[0].id == recorded.id


def test_the_anthropic_client_reads_a_cassette_that_was_recorded_elsewhere() -> None:
    path, said = _recorded("anthropic-unary")
    [recorded] = harness.load(path).interactions
    asked = json.loads(recorded.request.body)
    beside = {"temperature": asked.pop("temperature")}  # the client has no such argument any more
    with harness.serve(path, rate=100) as server, anthropic.Anthropic(base_url=server.url, api_key="dummy") as client:
        assert client.messages.create(**asked, extra_body=beside).content[0].text == said


def test_the_async_ollama_client_reads_a_cassette_that_was_recorded_elsewhere() -> None:
    path, said = _recorded("ollama-chat-streaming")
    [recorded] = harness.load(path).interactions

    async def ask(url: str) -> str:
        async with ollama.AsyncClient(host=url) as client:
            parts = await client.chat(**json.loads(recorded.request.body))
            return "".join([str(part.message.content) async for part in parts])

    with harness.serve(path, rate=100) as server:
        assert asyncio.run(ask(server.url)) == said


def test_what_no_dialect_recognises_is_found_under_its_path_at_another_host() -> None:
    asked = Request(
        "POST",
        "https://api.openai.com/v1/embeddings",
        body=b'{"input": ["a"], "model": "small", "encoding_format": "float"}',
    )
    data = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "model": "small"}
    head = Head(200, Headers((("content-type", "application/json"),)))
    interaction = Interaction(asked, Timeline.of(head, [json.dumps(data).encode()]))
    with harness.serve(Cassette((interaction,))) as server:
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key="dummy") as client:
            answer = client.embeddings.create(input=["a"], model="small", encoding_format="float")
        assert answer.data[0].embedding == [0.5]


def test_every_client_lists_the_models_of_a_scenario(scenario: Path) -> None:
    with harness.serve(scenario, unplayed="ignore") as server:
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key="dummy") as client:
            assert [model.id for model in client.models.list()] == ["tiny"]
        with anthropic.Anthropic(base_url=server.url, api_key="dummy") as other:
            assert [model.id for model in other.models.list()] == ["tiny"]
        with _genai(server.url) as google:
            assert [model.name for model in google.models.list()] == ["models/tiny"]
        with ollama.Client(host=server.url) as local:
            assert [model.model for model in local.list().models] == ["tiny"]
        with cohere.ClientV2("dummy", base_url=server.url) as last:
            assert [model.name for model in last.models.list().models] == ["tiny"]


def test_a_miss_is_not_retried_by_any_client(scenario: Path) -> None:
    other = [{"role": "user", "content": "goodbye"}]
    with (
        pytest.raises(harness.Miss),
        harness.serve(scenario) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="dummy") as openai_client,
        anthropic.Anthropic(base_url=server.url, api_key="dummy") as anthropic_client,
        _genai(server.url) as google,
        ollama.Client(host=server.url) as local,
    ):
        with pytest.raises(openai.BadRequestError, match="closest: hello"):
            openai_client.chat.completions.create(model="tiny", messages=other)
        with pytest.raises(anthropic.BadRequestError, match="closest: hello"):
            anthropic_client.messages.create(model="tiny", max_tokens=9, messages=other)
        with pytest.raises(genai.errors.ClientError, match="closest: hello"):
            google.models.generate_content(model="tiny", contents="goodbye")
        with pytest.raises(ollama.ResponseError, match="closest: hello"):
            local.chat("tiny", other)
        assert len(server.history) == 4


# --- a fault in the middle of a stream, as the clients of binary messages and of Cohere's events hear it -------------


def test_an_error_in_the_middle_of_a_stream_reaches_boto3_and_cohere(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    calls = "calls:\n  - {id: a, times: forever, reply: {text: 'Hello there you'}}\n"
    file.write_text(
        f"harness: 1\nname: x\n{calls}faults:\n  - {{at: call=*/chunk=3, kind: error-event, error: rate-limit}}\n"
    )
    with harness.serve(file) as server:
        client, heard = _boto(server.url), []
        asked: Any = {"modelId": "tiny", "messages": [{"role": "user", "content": [{"text": "hello"}]}]}
        stream = client.converse_stream(**asked)["stream"]
        with closing(stream), pytest.raises(EventStreamError, match="throttlingException"):
            heard.extend(stream)
        assert [event["contentBlockDelta"]["delta"]["text"] for event in heard[1:]] == ["Hello", " there"]
        client.close()
        with cohere.ClientV2(api_key="dummy", base_url=server.url) as other:
            events: list[Any] = list(other.chat_stream(model="tiny", messages=ASKED))
        assert (events[-1].type, events[-1].delta.error) == ("message-end", "too many requests")
