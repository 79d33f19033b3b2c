"""Bedrock by boto3 and Cohere by its SDK: recorded from a loopback peer and replayed, and other projects' recordings.

boto3 runs on botocore and urllib3, so its replays come in one piece; what it decodes out of it has to be the same.
"""

from __future__ import annotations

import asyncio
import json
import struct
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from zlib import crc32

import boto3
import botocore.exceptions
import cohere
import cohere.core
import pytest
from botocore.config import Config

import harness
from harness.dialects import recognise
from harness.errors import Miss
from harness.model import Cassette, Interaction
from tests.against.corpus import NO_CORPUS, interactions

Said = tuple[str, list[str]]
KEY = "AKIA" + "IOSFODNN7EXAMPLE"


@contextmanager
def bedrock(url: str) -> Iterator[Any]:
    """A client as boto3 makes it, with dummy keys."""
    client = boto3.client(
        "bedrock-runtime", region_name="us-east-1", endpoint_url=url, aws_access_key_id=KEY,
        aws_secret_access_key="x" * 40, config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )  # fmt: skip
    yield client
    client.close()


# --- what is asked, by operation ------------------------------------------------------------------------------------


def converse(client: Any, model: str, body: dict[str, Any]) -> Said:
    blocks = client.converse(modelId=model, **body)["output"]["message"]["content"]
    text = "".join(block.get("text", "") for block in blocks)
    return text, [block["toolUse"]["name"] for block in blocks if "toolUse" in block]


def converse_stream(client: Any, model: str, body: dict[str, Any]) -> Said:
    events = list(client.converse_stream(modelId=model, **body)["stream"])
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    starts = [event["contentBlockStart"]["start"] for event in events if "contentBlockStart" in event]
    return "".join(delta.get("text", "") for delta in deltas), [one["toolUse"]["name"] for one in starts]


def invoke(client: Any, model: str, body: dict[str, Any]) -> bytes:
    found: bytes = client.invoke_model(modelId=model, body=json.dumps(body))["body"].read()
    return found


def invoke_stream(client: Any, model: str, body: dict[str, Any]) -> list[bytes]:
    stream = client.invoke_model_with_response_stream(modelId=model, body=json.dumps(body))["body"]
    return [event["chunk"]["bytes"] for event in stream]


BEDROCK: dict[str, Callable[[Any, str, dict[str, Any]], Any]] = {
    "bedrock.converse": converse, "bedrock.converse-stream": converse_stream, "bedrock.invoke": invoke,
    "bedrock.invoke-with-response-stream": invoke_stream,
}  # fmt: skip


def ask_bedrock(operation: str, url: str, model: str, body: dict[str, Any]) -> Any:
    with bedrock(url) as client:
        return BEDROCK[operation](client, model, body)


def cohere_said(found: Any, *, stream: bool) -> Said:
    """Of version 2."""
    if not stream:
        content = found.message.content or []
        return "".join(one.text for one in content), [call.function.name for call in found.message.tool_calls or []]
    events = list(found)
    texts = [event.delta.message.content.text for event in events if event.type == "content-delta"]
    calls = [event.delta.message.tool_calls.function.name for event in events if event.type == "tool-call-start"]
    return "".join(texts), calls


def cohere_said_once(found: Any, *, stream: bool) -> Said:
    """Of version 1."""
    events = list(found) if stream else [found]
    if stream:
        return "".join(event.text for event in events if event.event_type == "text-generation"), []
    return found.text, [call.name for call in found.tool_calls or []]


def ask_cohere(client: Any, body: dict[str, Any], said: Callable[..., Said]) -> Said:
    arguments = {key: value for key, value in body.items() if key != "stream"}
    if body.get("stream"):
        return said(client.chat_stream(**arguments), stream=True)
    return said(client.chat(**arguments), stream=False)


# --- a loopback peer ------------------------------------------------------------------------------------------------


def message(kind: str, payload: bytes) -> bytes:
    named = ((":event-type", kind), (":content-type", "application/json"), (":message-type", "event"))
    headers = b"".join(
        struct.pack(f">B{len(k)}sBH{len(v)}s", len(k), k.encode(), 7, len(v), v.encode()) for k, v in named
    )
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    data = lengths + crc32(lengths).to_bytes(4) + headers + payload
    return data + crc32(data).to_bytes(4)


def event(kind: str, **payload: object) -> bytes:
    return message(kind, json.dumps(payload).encode())


def wrapped(said: object) -> bytes:
    return event("chunk", bytes=b64encode(json.dumps(said).encode()).decode())


WHOLE = {"output": {"message": {"role": "assistant", "content": [{"text": "Paris, oui."}]}}, "stopReason": "end_turn",
         "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}, "metrics": {"latencyMs": 7}}  # fmt: skip
STREAMED = [
    event("messageStart", role="assistant"),
    event("contentBlockDelta", contentBlockIndex=0, delta={"text": "Paris, "}),
    event("contentBlockDelta", contentBlockIndex=0, delta={"text": "oui."}),
    event("contentBlockStop", contentBlockIndex=0),
    event("messageStop", stopReason="end_turn"),
]
PIECES = [{"outputText": "Paris, "}, {"outputText": "oui."}]
V2 = {"id": "c1", "finish_reason": "COMPLETE", "message": {"role": "assistant",
      "content": [{"type": "text", "text": "Paris, oui."}]}}  # fmt: skip
V2_EVENTS: list[dict[str, Any]] = [
    {"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant", "content": []}}},
    *({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": text}}}}
      for text in ("Paris, ", "oui.")),
    {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}},
]  # fmt: skip
JSON, STREAM = "application/json", "application/vnd.amazon.eventstream"
ANSWERS: dict[str, tuple[str, list[bytes]]] = {
    "/converse": (JSON, [json.dumps(WHOLE).encode()]),
    "/converse-stream": (STREAM, STREAMED),
    "/invoke": (JSON, [json.dumps({"results": [{"outputText": "Paris, oui."}]}).encode()]),
    "/invoke-with-response-stream": (STREAM, [wrapped(piece) for piece in PIECES]),
    "/v2/chat": (JSON, [json.dumps(V2).encode()]),
    "/v2/chat stream": (
        "text/event-stream", [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in V2_EVENTS],
    ),
}  # fmt: skip


class Peer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        ending = next(name for name in sorted(ANSWERS, reverse=True) if self.path.endswith(name.split()[0]))
        kind, pieces = ANSWERS["/v2/chat stream" if body.get("stream") else ending.split()[0]]
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def peer() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Peer)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


ASKED = {"messages": [{"role": "user", "content": [{"text": "Capital of France?"}]}]}
ASKED_OF_COHERE: dict[str, Any] = {
    "model": "command-r", "messages": [{"role": "user", "content": "Capital of France?"}], "stream": False,
}  # fmt: skip
PARIS: dict[str, Any] = {
    "bedrock.converse": ("Paris, oui.", []),
    "bedrock.converse-stream": ("Paris, oui.", []),
    "bedrock.invoke": ANSWERS["/invoke"][1][0],
    "bedrock.invoke-with-response-stream": [json.dumps(piece).encode() for piece in PIECES],
}


@pytest.mark.parametrize("operation", BEDROCK)
def test_boto3_hears_the_recording_as_it_heard_the_peer(operation: str, tmp_path: Path) -> None:
    path = tmp_path / "bedrock.yaml"
    with peer() as url, harness.record(path):
        assert ask_bedrock(operation, url, "amazon.nova-micro-v1:0", ASKED) == PARIS[operation]
    assert KEY not in path.read_text()
    with harness.replay(path) as session:
        assert ask_bedrock(operation, url, "amazon.nova-micro-v1:0", ASKED) == PARIS[operation]
    (one,) = session.history
    assert one.outcome == "ok"
    with pytest.raises(Miss, match=r"France\?.*Spain"), harness.replay(path, unplayed="ignore"):
        ask_bedrock(operation, url, "amazon.nova-micro-v1:0", json.loads(json.dumps(ASKED).replace("France", "Spain")))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_cohere_hears_the_recording_as_it_heard_the_peer(kind: str, stream: bool, tmp_path: Path) -> None:
    path, body = tmp_path / "cohere.yaml", {**ASKED_OF_COHERE, "stream": stream}
    ask = ask_sync if kind == "sync" else ask_async
    with peer() as url, harness.record(path):
        assert ask(url, body) == ("Paris, oui.", [])
    with harness.replay(path) as session:
        assert ask(url, body) == ("Paris, oui.", [])
        assert len(session.history) == 1
    with pytest.raises(Miss, match=r"France\?.*Spain"), harness.replay(path, unplayed="ignore"):
        ask(url, json.loads(json.dumps(body).replace("France", "Spain")))


def ask_sync(url: str, body: dict[str, Any]) -> Said:
    with cohere.ClientV2(api_key="x", base_url=url) as client:
        return ask_cohere(client, body, cohere_said)


def ask_async(url: str, body: dict[str, Any]) -> Said:
    arguments = {key: value for key, value in body.items() if key != "stream"}

    async def asked() -> Said:
        async with cohere.AsyncClientV2(api_key="x", base_url=url) as client:
            if body["stream"]:
                return cohere_said([event async for event in client.chat_stream(**arguments)], stream=True)
            return cohere_said(await client.chat(**arguments), stream=False)

    return asyncio.run(asked())


# --- other projects' recordings ---------------------------------------------------------------------------------------


def _of(prefix: str) -> list[tuple[str, Interaction]]:
    return [
        (name, one)
        for name, one in interactions()
        if (known := recognise(one.request)) and known[1].name.startswith(prefix)
    ]


OF_BEDROCK, OF_COHERE = _of("bedrock."), _of("cohere.")


@NO_CORPUS
@pytest.mark.parametrize("name, one", OF_BEDROCK, ids=[name for name, _ in OF_BEDROCK])
def test_boto3_reads_what_other_projects_recorded(name: str, one: Interaction) -> None:
    place = urlsplit(one.request.url)
    known = recognise(one.request)
    assert known
    assert one.timeline.head
    model, operation = unquote(place.path.split("/")[2]), known[1].name
    body = json.loads(one.request.body)
    with harness.replay(Cassette((one,))) as session:
        if one.timeline.head.status >= 400:
            with pytest.raises(botocore.exceptions.ClientError) as caught:
                ask_bedrock(operation, f"{place.scheme}://{place.netloc}", model, body)
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == one.timeline.head.status
            return
        found = ask_bedrock(operation, f"{place.scheme}://{place.netloc}", model, body)
    assert len(session.history) == 1
    if operation.startswith("bedrock.converse"):
        assert one.reply
        assert found == (one.reply.text, [call.name for call in one.reply.tool_calls])
    elif operation == "bedrock.invoke":
        assert found == one.timeline.body
    else:
        assert found
        assert all(isinstance(json.loads(piece), dict) for piece in found)


@NO_CORPUS
@pytest.mark.parametrize("name, one", OF_COHERE, ids=[name for name, _ in OF_COHERE])
def test_coheres_sdk_reads_what_other_projects_recorded(name: str, one: Interaction) -> None:
    body = json.loads(one.request.body)
    second = one.request.url.endswith("/v2/chat")
    client = cohere.ClientV2(api_key="x") if second else cohere.Client(api_key="x")
    assert one.timeline.head
    with harness.replay(Cassette((one,))):
        if one.timeline.head.status >= 400:
            with pytest.raises(cohere.core.ApiError) as caught:
                ask_cohere(client, body, cohere_said_once)
            assert caught.value.status_code == one.timeline.head.status
            return
        found = ask_cohere(client, body, cohere_said if second else cohere_said_once)
    assert one.reply
    assert found == (one.reply.text, [call.name for call in one.reply.tool_calls])


@NO_CORPUS
def test_the_count() -> None:
    assert (len(OF_BEDROCK), len(OF_COHERE)) == (11, 14)
