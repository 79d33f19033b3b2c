"""The providers' own SDKs read the same bytes as our decoders and have to see the same answer."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import httpx
import httpx2
import ollama
import pytest
import yaml
from google import genai
from google.genai import errors as genai_errors
from google.genai import types

from harness.dialects._anthropic import Anthropic
from harness.dialects._gemini import Gemini
from harness.dialects._ollama import Ollama
from harness.errors import DialectError
from harness.model import Head, Headers, Problem, Prompt, Reply, Request, ToolCall, Usage
from harness.spec import Dialect

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
ANTHROPIC, GEMINI, OLLAMA = Anthropic(), Gemini(), Ollama()


@dataclass(frozen=True)
class Shown:
    """What a caller of an SDK gets to see."""

    text: str
    thinking: str
    calls: list[tuple[str, Any]]
    finish: str


def ours(dialect: Dialect, request: Request, head: Head, body: bytes) -> Reply:
    decoder = dialect.decoder(request, head)
    return Reply.of([*decoder.feed(body), *decoder.close()])


def shown(reply: Reply) -> Shown:
    calls = [(call.name, json.loads(call.arguments)) for call in reply.tool_calls]
    return Shown(reply.text, reply.thinking, calls, reply.native_finish)


def anthropic_shows(head: Head, body: bytes, *, stream: bool) -> Shown:
    answer = httpx2.Response(head.status, headers=list(head.headers), content=body)
    client = anthropic.Anthropic(
        api_key="x", max_retries=0, http_client=httpx2.Client(transport=httpx2.MockTransport(lambda _: answer))
    )
    ask = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    if stream:
        with client.messages.stream(**ask) as events:
            message = events.get_final_message()
    else:
        message = client.messages.create(**ask)
    return Shown(
        "".join(block.text for block in message.content if block.type == "text"),
        "".join(block.thinking for block in message.content if block.type == "thinking"),
        [(block.name, block.input) for block in message.content if block.type == "tool_use"],
        message.stop_reason or "",
    )


def gemini_client(answer: Callable[[httpx2.Request], httpx2.Response]) -> genai.Client:
    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    return genai.Client(api_key="x", http_options=types.HttpOptions(httpx_client=http))


def gemini_shows(head: Head, body: bytes, *, stream: bool) -> Shown:
    client = gemini_client(lambda _: httpx2.Response(head.status, headers=list(head.headers), content=body))
    if stream:
        answers = list(client.models.generate_content_stream(model="gemini-x", contents="x"))
    else:
        answers = [client.models.generate_content(model="gemini-x", contents="x")]
    candidates = [answer.candidates[0] for answer in answers if answer.candidates]
    parts = [part for one in candidates if one.content for part in one.content.parts or []]
    finishes = [one.finish_reason.value for one in candidates if one.finish_reason]
    return Shown(
        "".join(part.text or "" for part in parts if not part.thought),
        "".join(part.text or "" for part in parts if part.thought),
        [(part.function_call.name, part.function_call.args) for part in parts if part.function_call],
        finishes[-1] if finishes else "",
    )


def ollama_shows(head: Head, body: bytes, *, stream: bool, generate: bool = False) -> Shown:
    answer = httpx.Response(head.status, headers=list(head.headers), content=body)
    client = ollama.Client(transport=httpx.MockTransport(lambda _: answer))
    if generate:
        told = client.generate("m", "x", stream=stream)
        parts = list(told) if stream else [told]
        texts, thoughts, calls = [part.response for part in parts], [part.thinking for part in parts], []
    else:
        told = client.chat("m", [{"role": "user", "content": "x"}], stream=stream)
        parts = list(told) if stream else [told]
        texts, thoughts = [part.message.content for part in parts], [part.message.thinking for part in parts]
        asked = [call for part in parts for call in part.message.tool_calls or []]
        calls = [(call.function.name, dict(call.function.arguments)) for call in asked]
    finish = next((part.done_reason for part in reversed(parts) if part.done_reason), "")
    return Shown("".join(t or "" for t in texts), "".join(t or "" for t in thoughts), calls, finish)


SHOWS = {"anthropic": anthropic_shows, "gemini": gemini_shows, "ollama": ollama_shows}
REPLY = Reply(
    text="Let me see… 🌍",
    thinking="hm",
    tool_calls=(ToolCall("weather", '{"city": "Zürich"}', "call_1"), ToolCall("time", "{}", "call_2")),
    finish="tool",
    usage=Usage(12, 34),
    id="msg_1",
    model="m-1",
)
ASK = Request("POST", "https://x.example/")


@pytest.mark.parametrize("dialect", [ANTHROPIC, GEMINI, OLLAMA], ids=lambda d: d.name)
@pytest.mark.parametrize("stream", [True, False])
def test_an_sdk_sees_in_what_we_render_what_was_to_be_said(dialect: Dialect, stream: bool) -> None:
    head, chunks = dialect.render(REPLY, Prompt(model="m", stream=stream), ["Let me ", "see… ", "🌍"])
    seen = SHOWS[dialect.name](head, b"".join(chunks), stream=stream)
    assert seen.text == REPLY.text
    assert seen.thinking == REPLY.thinking
    assert seen.calls == [("weather", {"city": "Zürich"}), ("time", {})]
    assert seen == shown(ours(dialect, ASK, head, b"".join(chunks)))


@pytest.mark.parametrize("stream", [True, False])
def test_ollama_generate_reads_the_same_rendered_lines(stream: bool) -> None:
    reply = Reply(text="Hi there", thinking="hm", finish="stop")
    head, chunks = OLLAMA.render(reply, Prompt(model="m", stream=stream), ["Hi ", "there"])
    assert ollama_shows(head, b"".join(chunks), stream=stream, generate=True) == Shown("Hi there", "hm", [], "stop")


FAILURES = [
    Problem("rate-limit", "slow down", retry_after_s=12),
    Problem("overloaded", "Overloaded"),
    Problem("auth", "no such key"),
    Problem("not-found", "no such model"),
    Problem("invalid-request", "bad"),
]


@pytest.mark.parametrize("problem", FAILURES, ids=lambda p: p.kind)
@pytest.mark.parametrize("stream", [True, False])
def test_an_sdk_raises_the_status_that_a_rendered_problem_has(problem: Problem, stream: bool) -> None:
    for dialect in (ANTHROPIC, GEMINI, OLLAMA):
        head, chunks = dialect.render(Reply(problem=problem), Prompt(model="m", stream=stream), [])
        seen = ours(dialect, ASK, head, b"".join(chunks)).problem
        assert seen is not None
        with pytest.raises((anthropic.APIStatusError, genai_errors.APIError, ollama.ResponseError)) as raised:
            SHOWS[dialect.name](head, b"".join(chunks), stream=stream)
        status = getattr(raised.value, "status_code", None) or getattr(raised.value, "code", None)
        assert status == head.status == seen.status
        assert (seen.kind, seen.message, seen.retry_after_s) == (problem.kind, problem.message, problem.retry_after_s)


def test_an_error_in_the_middle_of_a_stream_reaches_an_sdk_after_the_text() -> None:
    for dialect in (ANTHROPIC, GEMINI, OLLAMA):
        reply = Reply(text="Once", problem=Problem("overloaded", "Overloaded"))
        head, chunks = dialect.render(reply, Prompt(model="m", stream=True), ["Once"])
        assert head.status == 200
        seen = ours(dialect, ASK, head, b"".join(chunks))
        assert (seen.text, seen.problem and seen.problem.message) == ("Once", "Overloaded")
        with pytest.raises((anthropic.APIStatusError, genai_errors.APIError, ollama.ResponseError)):
            SHOWS[dialect.name](head, b"".join(chunks), stream=True)


def test_a_prompt_that_the_anthropic_sdk_sends_is_read() -> None:
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(404, json={})

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    client = anthropic.Anthropic(api_key="x", max_retries=0, http_client=http)
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(
            model="claude-x",
            max_tokens=5,
            system="be brief",
            stop_sequences=["END"],
            tools=[{"name": "f", "description": "d", "input_schema": {"type": "object"}}],
            messages=[
                {"role": "user", "content": "weather?"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "sunny"}]},
            ],
        )
    prompt = ANTHROPIC.prompt(ours_of(sent[0]))
    assert ANTHROPIC.operation(ours_of(sent[0]))
    assert prompt.system == "be brief"
    assert [(m.role, m.content) for m in prompt.messages[1:]] == [
        ("user", "weather?"),
        ("assistant", ""),
        ("tool", "sunny"),
    ]
    assert prompt.messages[2].tool_calls == (ToolCall("f", '{"a": 1}', "t1"),)
    assert prompt.messages[3].tool_call_id == "t1"
    assert prompt.parameters == {"max_tokens": 5, "stop_sequences": ["END"]}
    assert prompt.tools[0].schema == {"type": "object"}


def ours_of(request: httpx.Request | httpx2.Request) -> Request:
    return Request(request.method, str(request.url), Headers.of(request.headers.items()), request.content)


def test_a_prompt_that_the_gemini_sdk_sends_is_read() -> None:
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(200, json={})

    config = types.GenerateContentConfig(
        system_instruction="be brief",
        max_output_tokens=5,
        stop_sequences=["END"],
        response_mime_type="application/json",
        tools=[types.Tool(function_declarations=[types.FunctionDeclaration(name="f", description="d")])],
    )
    history = [
        types.Content(role="user", parts=[types.Part(text="weather?")]),
        types.Content(role="model", parts=[types.Part(function_call=types.FunctionCall(name="f", args={"a": 1}))]),
        types.Content(
            role="user", parts=[types.Part(function_response=types.FunctionResponse(name="f", response={"r": "sunny"}))]
        ),
    ]
    client = gemini_client(answer)
    client.models.generate_content(model="gemini-x", contents=history, config=config)
    request = ours_of(sent[0])
    prompt = GEMINI.prompt(request)
    operation = GEMINI.operation(request)
    assert operation is not None
    assert (operation.name, operation.model) == ("gemini.generateContent", "gemini-x")
    assert prompt.stream is False
    assert [(m.role, m.content) for m in prompt.messages] == [
        ("system", "be brief"),
        ("user", "weather?"),
        ("assistant", ""),
        ("tool", '{"r": "sunny"}'),
    ]
    assert prompt.parameters == {"max_tokens": 5, "stop_sequences": ["END"], "response_format": "json"}
    assert [tool.name for tool in prompt.tools] == ["f"]


def test_a_prompt_that_the_ollama_sdk_sends_is_read() -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"message": {"role": "assistant", "content": ""}, "done": True})

    client = ollama.Client(transport=httpx.MockTransport(answer))
    client.chat("m", [{"role": "user", "content": "q"}], options={"num_predict": 3, "stop": ["END"]}, format="json")
    client.generate("m", "q", system="be brief")
    chat, generate = (OLLAMA.prompt(ours_of(request)) for request in sent)
    assert chat.parameters == {"max_tokens": 3, "stop_sequences": ["END"], "response_format": "json"}
    assert (chat.text, chat.stream, generate.text, generate.system, generate.parameters) == (
        "q",
        False,
        "q",
        "be brief",
        {},
    )


# --- recordings of other projects ----------------------------------------------------------------------------------


def recordings() -> Iterator[tuple[str, Request, Head, bytes]]:
    for path in sorted(CORPUS.rglob("*.y*ml")):
        raw = path.read_bytes()
        document = yaml.load(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw, Loader=Lenient)
        for number, one in enumerate(document.get("interactions", ()) if isinstance(document, dict) else ()):
            found = interaction(one)
            if found:
                yield f"{path.stem}#{number}", *found


class Lenient(yaml.SafeLoader):
    """Two projects keep Python tags in their cassettes; only the strings inside are of interest."""


Lenient.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, _, node: "")


def interaction(one: dict[str, Any]) -> tuple[Request, Head, bytes] | None:
    asked, told = one.get("request", {}), one.get("response", {})
    if "uri" not in asked or not isinstance(told.get("status"), dict):
        return None
    body = asked.get("body", asked.get("parsed_body"))
    request = Request(asked["method"], asked["uri"], Headers(), as_bytes(body))
    if not any(dialect.operation(request) for dialect in (ANTHROPIC, GEMINI, OLLAMA)):
        return None
    answer = (told.get("body") or {}).get("string", told.get("parsed_body"))
    kind = next((v for k, v in (told.get("headers") or {}).items() if str(k).lower() == "content-type"), "")
    pairs = (("content-type", kind[0] if isinstance(kind, list) else kind),)
    return request, Head(told["status"]["code"], Headers(pairs)), as_bytes(answer)


def as_bytes(body: object) -> bytes:
    if isinstance(body, bytes):
        return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    if isinstance(body, str):
        return body.encode()
    return b"" if body is None else json.dumps(body).encode()


RECORDINGS = list(recordings()) if CORPUS.is_dir() else []
needs_corpus = pytest.mark.skipif(not RECORDINGS, reason="the corpus is not beside this repository")


def dialect_of(request: Request) -> Dialect:
    return next(d for d in (ANTHROPIC, GEMINI, OLLAMA) if d.operation(request))


@needs_corpus
@pytest.mark.parametrize("request_, head, body", [r[1:] for r in RECORDINGS], ids=[r[0] for r in RECORDINGS])
def test_a_recording_reads_as_its_sdk_reads_it(request_: Request, head: Head, body: bytes) -> None:
    dialect = dialect_of(request_)
    prompt = dialect.prompt(request_)
    reply = ours(dialect, request_, head, body)
    assert b"".join(dialect.frames(head, body)) == body
    assert prompt.messages
    assert not (reply.problem and reply.problem.kind == "malformed"), reply.problem
    assert not [d for d in reply.deltas if getattr(d, "event", None) == ""]
    if body.lstrip()[:1] == b"[" or "enum-encoding" in request_.url:
        pytest.skip("google-genai cannot read this form; of the corpus only our own reading is tested")
    generate = {"generate": True} if "/api/generate" in request_.url else {}
    if head.status != 200:
        with pytest.raises((anthropic.APIStatusError, genai_errors.APIError, ollama.ResponseError)):
            SHOWS[dialect.name](head, body, stream=bool(prompt.stream))
        assert reply.problem is not None
        assert reply.problem.status == head.status
        return
    seen = SHOWS[dialect.name](head, body, stream=bool(prompt.stream), **generate)
    assert seen == shown(reply)


@needs_corpus
def test_the_corpus_has_what_these_tests_are_for() -> None:
    kinds = {dialect_of(request).operation(request).name for _, request, _, _ in RECORDINGS}  # type: ignore[union-attr]
    assert kinds == {
        "anthropic.messages",
        "gemini.generateContent",
        "gemini.streamGenerateContent",
        "ollama.chat",
        "ollama.generate",
    }


def test_a_body_that_is_no_json_is_named_with_its_url() -> None:
    for dialect in (ANTHROPIC, GEMINI, OLLAMA):
        with pytest.raises(DialectError, match=r"https://x\.example/.*no JSON"):
            dialect.prompt(Request("POST", "https://x.example/", Headers(), b"{broken"))
