"""Recordings of other projects, played to today's official SDKs: a typed call is rebuilt from each recorded body.

What the SDK returns has the recorded text and tool calls, and a recorded refusal is raised with its status.
Parameters that the SDK does not know go into `extra_body`. Where today's SDK sends something else than was recorded, it
has to be a miss that says what: those are in `SENDS_OTHERWISE`, each with its reason and the place that the miss names.

"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import anthropic
import ollama
import openai
import pytest
from google import genai
from google.auth.credentials import AnonymousCredentials
from google.genai import errors as genai_errors

import harness
from harness.dialects import recognise
from harness.errors import CassetteError, Miss
from harness.model import Cassette, Interaction
from harness.storage import load

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
SUFFIXES = (".yaml", ".yml", ".json", ".gz")
FILES = sorted(p for p in CORPUS.rglob("*") if p.name.endswith(SUFFIXES)) if CORPUS.is_dir() else []
pytestmark = [
    pytest.mark.skipif(not FILES, reason=f"the corpus is not beside this repository: {CORPUS.name} is missing"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the SDKs' own, about models of the past
]

SENDS_OTHERWISE = {
    "test_prompt_with_pydantic_schema.yaml-#1": (
        "$.generationConfig.responseSchema.propertyOrdering",
        "google-genai names the order of a schema's properties by itself",
    ),
}
RAISES = {
    "test_tool_use_failed_error_streaming.yaml-#1": (openai.APIError, "the recorded stream ends in an error event"),
    "completion_streamed.yaml-#1": (json.JSONDecodeError, "the answer is a stream, and the body did not ask for one"),
    **dict.fromkeys(
        ("test_tools.yaml-#1", "test_tools.yaml-#2", "test_tools.yaml-#3"),
        (genai_errors.UnknownApiResponseError, "a JSON array, recorded without the alt=sse that google-genai needs"),
    ),
}
"""The answer arrives, and the SDK cannot read it, as it could not live."""
NO_TYPED_CALL = {"test_tool_events.yaml-#1": "a schema whose types are numbers, which google-genai does not take"}
Said = tuple[str, list[str]]
"""The text, and the names of the tools called."""


def is_sdk(one: Interaction) -> bool:
    """Whether an official SDK has a typed call for it; for Bedrock's and Cohere's see test_bedrock_and_cohere."""
    known = recognise(one.request)
    name = known[1].name if known else urlsplit(one.request.url).path.rpartition("/")[2]
    telemetry = "posthog" in one.request.url
    return not telemetry and not name.startswith(("bedrock", "cohere", "Llama", "**"))


def playable() -> Iterator[tuple[str, Interaction]]:
    for path in FILES:
        try:
            cassette = load(path)
        except CassetteError:  # no HTTP: test_corpus_loads says which
            continue
        named = ((f"{path.name}-{one.id}", one) for one in cassette if is_sdk(one))
        yield from ((name, one) for name, one in named if name not in NO_TYPED_CALL)


CALLS = list(playable())


def body_of(one: Interaction) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(one.request.body or b"{}")
    return found


def base_of(one: Interaction, ending: str) -> str | None:
    """The base URL for a client, where the recording still has one."""
    place = urlsplit(one.request.url)
    return f"{place.scheme}://{place.netloc}{place.path.removesuffix(ending)}" if place.scheme else None


def split(call: Callable[..., Any], body: dict[str, Any]) -> dict[str, Any]:
    """`body` as arguments of `call`: by name where it has them, else as extra_body."""
    named = inspect.signature(call).parameters
    extra = {key: value for key, value in body.items() if key not in named}
    return {**{key: value for key, value in body.items() if key in named}, **({"extra_body": extra} if extra else {})}


# --- openai, and whoever speaks it ----------------------------------------------------------------------------------


@cache
def openai_client(base: str | None, query: tuple[tuple[str, str], ...], kind: Any = openai.OpenAI) -> Any:
    return kind(api_key="x", base_url=base, default_query=dict(query), max_retries=0)


def openai_at(one: Interaction, ending: str, kind: Any = openai.OpenAI) -> Any:
    return openai_client(base_of(one, ending), tuple(parse_qsl(urlsplit(one.request.url).query)), kind)


def model_of(one: Interaction) -> dict[str, Any]:
    """The body, with the model that an Azure path has in its place."""
    path, body = urlsplit(one.request.url).path, body_of(one)
    return body if "model" in body else {**body, "model": path.partition("/deployments/")[2].partition("/")[0]}


def chat_said(found: Any, *, stream: bool) -> Said:
    chunks = list(found) if stream else [found]
    choices = [choice for chunk in chunks for choice in chunk.choices or [] if choice.index == 0]
    said = [choice.delta if stream else choice.message for choice in choices]
    calls = [call.function.name for one in said for call in one.tool_calls or [] if call.function.name]
    return "".join(one.content or "" for one in said), calls


def openai_chat(one: Interaction) -> Said:
    call, body = openai_at(one, "/chat/completions").chat.completions.create, model_of(one)
    return chat_said(call(**split(call, body)), stream=bool(body.get("stream")))


def openai_completions(one: Interaction) -> Said:
    call, body = openai_at(one, "/completions").completions.create, body_of(one)
    found = call(**split(call, body))
    chunks = list(found) if body.get("stream") else [found]
    return "".join(choice.text for chunk in chunks for choice in chunk.choices), []


def openai_responses(one: Interaction) -> Said:
    call, body = openai_at(one, "/responses").responses.create, body_of(one)
    found = call(**split(call, body))
    if body.get("stream"):
        events = list(found)
        found = next(event.response for event in reversed(events) if hasattr(event, "response"))
    return found.output_text, [item.name for item in found.output if item.type == "function_call"]


def openai_poll(one: Interaction) -> Said:
    name = urlsplit(one.request.url).path.rpartition("/")[2]
    client = openai_client(base_of(one, f"/responses/{name}"), ())
    found = client.responses.retrieve(name, stream=False)
    return found.output_text, [item.name for item in found.output if item.type == "function_call"]


def openai_embeddings(one: Interaction) -> Said:
    call = openai_at(one, "/embeddings").embeddings.create
    found = call(**split(call, model_of(one)))
    assert len(found.data[0].embedding) > 100
    return "", []


def openai_raw(one: Interaction) -> Said:
    """Assistants: the SDK has its typed calls no more under every name, so its raw verbs."""
    client, place = openai_client(None, ()), urlsplit(one.request.url)
    path = place.path.removeprefix("/v1") + (f"?{place.query}" if place.query else "")
    found = client.get(path, cast_to=dict) if one.request.method == "GET" else (
        client.post(path, cast_to=dict, body=body_of(one) if one.request.body else None))  # fmt: skip
    assert found == json.loads(one.timeline.body)
    return "", []


# --- anthropic, google-genai, ollama ----------------------------------------------------------------------------------


@cache
def anthropic_client(base: str | None, kind: Any = anthropic.Anthropic) -> Any:
    return kind(api_key="x", base_url=base, max_retries=0)


def anthropic_messages(one: Interaction) -> Said:
    client = anthropic_client(base_of(one, "/v1/messages"))
    call = client.beta.messages.create if "beta" in urlsplit(one.request.url).query else client.messages.create
    body = body_of(one)
    return anthropic_said(call(**split(call, body)), stream=bool(body.get("stream")))


def anthropic_said(found: Any, *, stream: bool) -> Said:
    if not stream:
        blocks = found.content
        return "".join(b.text for b in blocks if b.type == "text"), [b.name for b in blocks if b.type == "tool_use"]
    events = list(found)
    deltas = [event.delta for event in events if event.type == "content_block_delta"]
    starts = [event.content_block for event in events if event.type == "content_block_start"]
    text = "".join(b.text for b in starts if b.type == "text") + "".join(
        d.text for d in deltas if d.type == "text_delta"
    )
    return text, [b.name for b in starts if b.type == "tool_use"]


@cache
def genai_client(base: str, version: str, project: str) -> Any:
    http = genai.types.HttpOptions(base_url=base, api_version=version)
    if not project:
        return genai.Client(api_key="x", http_options=http)
    credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
    credentials.token = "x"
    where = {"project": project, "location": "global" if "global" in base else "us-central1"}
    return genai.Client(enterprise=True, credentials=credentials, http_options=http, **where)


def gemini(one: Interaction) -> Said:
    place, body = urlsplit(one.request.url), body_of(one)
    parts = place.path.split("/")
    project = parts[parts.index("projects") + 1] if "projects" in parts else ""
    client = genai_client(f"{place.scheme}://{place.netloc}", parts[1], project)
    known = recognise(one.request)
    assert known
    rest = {key: value for key, value in body.items() if key not in {"contents", "generationConfig", "model"}}
    config = genai.types.GenerateContentConfig.model_validate({**body.get("generationConfig", {}), **rest})
    contents = [genai.types.Content.model_validate(content) for content in body["contents"]]
    if known[1].name.endswith("streamGenerateContent"):
        found = list(client.models.generate_content_stream(model=known[1].model, contents=contents, config=config))
    else:
        found = [client.models.generate_content(model=known[1].model, contents=contents, config=config)]
    every = [part for chunk in found for part in (chunk.candidates[0].content.parts or [])]
    text = "".join(part.text for part in every if part.text and not part.thought)
    return text, [part.function_call.name for part in every if part.function_call]


def ollama_call(one: Interaction) -> Said:
    body = body_of(one)
    client = ollama.Client(base_of(one, urlsplit(one.request.url).path))
    verb = "generate" if one.request.url.endswith("generate") else "chat"
    found = getattr(client, verb)(**body)
    pieces = list(found) if body.get("stream") else [found]
    if verb == "generate":
        return "".join(piece.response for piece in pieces), []
    calls = [call.function.name for piece in pieces for call in piece.message.tool_calls or []]
    return "".join(piece.message.content or "" for piece in pieces), calls


BY_OPERATION = {
    "openai.chat": openai_chat, "openai.completions": openai_completions, "openai.responses": openai_responses,
    "anthropic.messages": anthropic_messages, "gemini.generateContent": gemini, "gemini.streamGenerateContent": gemini,
    "ollama.chat": ollama_call, "ollama.generate": ollama_call,
}  # fmt: skip


def caller(one: Interaction) -> Callable[[Interaction], Said]:
    known = recognise(one.request)
    if known:
        return BY_OPERATION.get(known[1].name, openai_poll)
    return openai_embeddings if urlsplit(one.request.url).path.endswith("/embeddings") else openai_raw


# --- the tests ------------------------------------------------------------------------------------------------------

REFUSALS = (openai.APIStatusError, anthropic.APIStatusError, genai_errors.APIError, ollama.ResponseError)


def status_of(error: Any) -> int:
    found = getattr(error, "status_code", None) or error.code
    assert isinstance(found, int)
    return found


def hears(one: Interaction, found: Said) -> None:
    if one.reply is not None:
        assert found == (one.reply.text, [call.name for call in one.reply.tool_calls])


def refused(error: Exception, one: Interaction) -> None:
    assert one.timeline.head
    assert status_of(error) == one.timeline.head.status


PLAIN = [(name, one) for name, one in CALLS if name not in SENDS_OTHERWISE and name not in RAISES]


@pytest.mark.parametrize("name, one", PLAIN, ids=[name for name, _ in PLAIN])
def test_a_typed_call_gets_what_was_recorded(name: str, one: Interaction) -> None:
    status = one.timeline.head.status if one.timeline.head else 0
    with harness.replay(Cassette((one,))):
        if status < 400:
            hears(one, caller(one)(one))
            return
        with pytest.raises(REFUSALS) as caught:
            caller(one)(one)
        refused(caught.value, one)


@pytest.mark.parametrize("name", SENDS_OTHERWISE)
def test_where_the_sdk_sends_something_else_the_miss_says_what(name: str) -> None:
    one, (place, why) = dict(CALLS)[name], SENDS_OTHERWISE[name]
    with pytest.raises(Miss) as caught, harness.replay(Cassette((one,))):
        caller(one)(one)
    told = [line.strip() for line in str(caught.value).splitlines() if line.strip().startswith("$.")]
    assert [line.partition(":")[0] for line in told] == [place], why


@pytest.mark.parametrize("name", RAISES)
def test_what_the_sdk_cannot_read_it_raises(name: str) -> None:
    one, (error, why) = dict(CALLS)[name], RAISES[name]
    with harness.replay(Cassette((one,))) as session:
        with pytest.raises(error):
            caller(one)(one)
        assert len(session.history) == 1, why


SAMPLE = [(name, one) for name, one in PLAIN if caller(one) in {openai_chat, anthropic_messages}][::4]


@pytest.mark.asyncio
@pytest.mark.parametrize("name, one", SAMPLE, ids=[name for name, _ in SAMPLE])
async def test_a_sample_in_tasks(name: str, one: Interaction) -> None:
    body = model_of(one)
    stream, chat = bool(body.get("stream")), caller(one) is openai_chat
    with harness.replay(Cassette((one,))):
        client: Any = (
            openai_at(one, "/chat/completions", openai.AsyncOpenAI)
            if chat
            else anthropic_client(base_of(one, "/v1/messages"), anthropic.AsyncAnthropic)
        )
        call = client.chat.completions.create if chat else client.messages.create
        try:
            found = await call(**split(call, body))
        except REFUSALS as error:
            refused(error, one)
            return
        answers: Any = [event async for event in found] if stream else found
        hears(one, (chat_said if chat else anthropic_said)(answers, stream=stream))


ELSEWHERE = [(name, one) for name, one in PLAIN if caller(one) in {openai_chat, openai_responses, anthropic_messages}]


@pytest.mark.parametrize("name, one", ELSEWHERE[::5], ids=[name for name, _ in ELSEWHERE[::5]])
def test_another_base_url_and_another_query_are_no_difference(name: str, one: Interaction) -> None:
    place = urlsplit(one.request.url)
    if "/deployments/" in place.path:
        assert "azure" in place.netloc  # there the deployment is the model, and the path says it
        return
    moved = f"http://proxy.example:4000/at/v1{place.path[place.path.find('/v1') + 3 :]}?added=1"
    with harness.replay(Cassette((one,))) as session:
        try:
            hears(one, caller(one)(Interaction(replace(one.request, url=moved), one.timeline, meaning=one.meaning)))
        except REFUSALS as error:
            refused(error, one)
    assert session.history[0].how == "operation"


def test_the_count() -> None:
    """Per cassette, as the collection counts stock vcrpy: there 44 of 80, where Bedrock and Cohere were judged too."""
    assert (len(CALLS), len(PLAIN), len(SENDS_OTHERWISE), len(RAISES)) == (166, 160, 1, 5)
    rows = [row.split("\t") for row in (CORPUS / "MANIFEST.tsv").read_text().splitlines()]
    stock = {row[0]: row[rows[0].index("baseline_sdk")] for row in rows[1:]}
    typed = [row for row in stock if any(name.startswith(f"{Path(row).name}-#") for name, _ in CALLS)]
    broken = {name.rpartition("-")[0] for name in [*SENDS_OTHERWISE, *RAISES, *NO_TYPED_CALL]}
    whole = [row for row in typed if Path(row).name not in broken]
    assert (len(typed), len(whole), sum(stock[row] == "ok" for row in typed)) == (69, 65, 34)
