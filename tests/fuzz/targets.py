"""What is fuzzed: each target takes any bytes, and raises only what is a bug of ours.

Used by the small runs that are always on (test_small_runs.py) and by coverage-guided ones (`tox -e fuzz`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

from harness.dialects import (
    BUILT_IN,
    JsonArrayParser,
    LineParser,
    SSEParser,
    WholeJson,
    prompt_of,
    recognise,
)
from harness.dialects._bedrock_framing import EventStreamParser
from harness.errors import CassetteError, HarnessError, ScenarioError
from harness.matching import Redaction, Rules, StreamRedactor, key, operation_key, suspects
from harness.model import Cassette, Head, Headers, Interaction, Reply, Request, Timeline
from harness.recorder._heard import heard_in
from harness.scenarios import parse_scenario
from harness.storage import dump, parse

RULES = Rules.of()
URLS = (
    "https://api.openai.com/v1/chat/completions",
    "https://api.openai.com/v1/completions",
    "https://api.openai.com/v1/responses",
    "https://api.anthropic.com/v1/messages",
    "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.0-flash:streamGenerateContent?alt=sse",
    "http://127.0.0.1:11434/api/chat",
    "http://127.0.0.1:11434/api/generate",
    "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3/converse-stream",
    "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3/invoke-with-response-stream",
    "https://api.cohere.com/v2/chat",
    "https://api.cohere.com/v1/chat",
)
TYPES = ("application/json", "text/event-stream", "application/x-ndjson", "application/vnd.amazon.eventstream", "")
PARSERS = (SSEParser, LineParser, JsonArrayParser, WholeJson, EventStreamParser)


def load(data: bytes) -> None:
    """A cassette: an error of ours, or one that can be written and comes back."""
    try:
        cassette = parse(data)
    except CassetteError:
        return
    try:
        written = dump(cassette)
    except HarnessError:
        return
    assert len(parse(written)) == len(cassette)


def scenario(data: bytes) -> None:
    """A scenario: an error of ours that has places, or one."""
    try:
        parse_scenario(data)
    except ScenarioError as error:
        if not error.places:
            raise


def journal(data: bytes) -> None:
    """A journal that somebody edited."""
    try:
        heard_in(data, Path("x.yaml.journal"))
    except CassetteError:
        return


def framing(data: bytes) -> None:
    """No byte is lost, however the body is cut."""
    if not data:
        return
    size, body = 1 + data[0] % 7, data[1:]
    for make in PARSERS:
        parser = make()
        frames = [frame for piece in _cut(body, size) for frame in parser.feed(piece)]
        frames += parser.close()
        assert b"".join(frame.raw for frame in frames) == body, make.__name__


def decoders(data: bytes) -> None:
    """Every dialect reads everything as something, and the cuts make no difference to the number of characters."""
    if len(data) < 3:
        return
    head = Head((200, 200, 400, 429, 500)[data[0] % 5], Headers.of([("content-type", TYPES[data[1] % len(TYPES)])]))
    request = Request("POST", URLS[data[2] % len(URLS)], body=b'{"stream": true}')
    for dialect in BUILT_IN:
        whole = _decoded(dialect, request, head, [data[3:]])
        cut = _decoded(dialect, request, head, _cut(data[3:], 1 + data[2] % 9))
        assert whole == cut, dialect.name


def prompts(data: bytes) -> None:
    """Every request is recognised and read, or it is not; it has a key, and redacted it has the same."""
    if not data:
        return
    request = Request("POST", URLS[data[0] % len(URLS)], body=data[1:])
    prompt_of(request)
    known = recognise(request)
    if known is not None:
        operation_key(request, known[1], RULES)
    assert key(RULES.redaction.request(request), RULES) == key(request, RULES)


def redaction(data: bytes) -> None:
    """Redacted twice is redacted once, whole or piece by piece; and nothing is left that the rules know."""
    if not data:
        return
    timeline = Timeline.of(Head(200), [bytes(piece) for piece in _cut(data[1:], 1 + data[0] % 16)])
    once = RULES.redaction.timeline(timeline)
    assert RULES.redaction.timeline(once).body == once.body
    suspects(Interaction(Request("POST", URLS[0], body=data[1:]), once), RULES)
    redactor = StreamRedactor(Redaction.default())
    for piece in _cut(data[1:], 1 + data[0] % 16):
        redactor.feed(piece)
    redactor.close()


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one for one in (load, scenario, journal, framing, decoders, prompts, redaction)
}


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def _decoded(dialect: object, request: Request, head: Head, pieces: list[bytes]) -> tuple[object, ...]:
    decoder = dialect.decoder(request, head)  # type: ignore[attr-defined]
    deltas = [delta for piece in pieces for delta in decoder.feed(piece)]
    reply = Reply.of([*deltas, *decoder.close()])
    return reply.text, reply.thinking, reply.tool_calls, reply.finish


def _message(payload: bytes, event: bytes) -> bytes:
    headers = b"\x0b:event-type\x07" + len(event).to_bytes(2) + event
    lengths = (16 + len(headers) + len(payload)).to_bytes(4) + len(headers).to_bytes(4)
    data = lengths + crc32(lengths).to_bytes(4) + headers + payload
    return data + crc32(data).to_bytes(4)


_SSE = (
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
    '"text":"a"}}'
    '\n\ndata: {"choices":[{"index":0,"delta":{"content":"é","tool_calls":[{"index":0,"id":"c","function":{"name":"f",'
    '"arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n'
    'data: {"type":"response.output_text.delta","delta":"x"}\r\n\r\ndata: {"candidates":[{"content":{"parts":[{"text":'
    '"y"}]},"finishReason":"STOP"}]}\n\ndata: [DONE]\n\n'
).encode()
_LINES = b'{"message":{"role":"assistant","content":"a"},"done":false}\n{"response":"b","done":true,"eval_count":1}\n'
_ASKED = {
    "model": "m", "system": "s", "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    "input": [{"role": "user", "content": "x"}], "contents": [{"parts": [{"text": "x"}]}], "prompt": "p",
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}], "temperature": 0.5, "stop": ["a"],
    "toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {}}}}]}, "message": "m",
    "chat_history": [{"role": "USER", "message": "a"}], "options": {"num_predict": 1}, "api_key": "k",
}  # fmt: skip
_CASSETTE = dump(
    Cassette((Interaction(Request("POST", URLS[0], body=b'{"a": 1}'), Timeline.of(Head(200), [b"data: x\n\n", b"y"])),))
)
_SCENARIO = (
    b"harness: 1\ncalls:\n- id: one\n  when: {prompt: hi}\n  reply: hello\n"
    b"cases:\n- id: a\n  faults: [{kind: reset, at: call=1/chunk=1}]\n"
)
_AGENT = b"""harness: 1
name: x
clock: {seed: 1}
state: {phase: start}
matrix: {word: [a, b]}
calls:
- id: one
  when: {state: {phase: start}, tool_result: {json: {t: {gte: 1}}}, body: {"$.a[0]": x}, user: {regex: "^a+$"}}
  reply: {blocks: [{text: "{{ user }} ${word}"}, {tool: {name: f, args: {a: 1}, stream_args: ['{"a"', [':', ' 1}']]}}]}
  set: {phase: done}
- {id: two, timing: {ttft: {uniform: [1s, 2s]}}, delivery: {chunk: 'bytes:3'}, reply: {json: {a: 1}}}
overlay: [{at: call=1, patch: [{op: replace, path: /a, value: 1}]}, {at: call=*, kind: reset, probability: 0.5}]
unmatched: {call: two}
"""
_BINARY = _message(b'{"contentBlockIndex":0,"delta":{"text":"a"}}', b"contentBlockDelta") + _message(
    b'{"bytes":"eyJ0eXBlIjoibWVzc2FnZV9zdG9wIn0="}', b"chunk"
)

_JSON = (
    b'{"version": 1, "interactions": [{"request": {"method": "GET", "uri": "http://a/", "body": null, "headers": {}}, '
    b'"response": {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": {"string": "x"}}}]}'
)
_ALIASED = (
    b"interactions:\n- request: &a {method: GET, uri: 'http://a/', body: !!binary YQ==, headers: {a: [b]}}\n"
    b"  response: {status: {code: 200}, body: {string: x}, headers: {}}\n- request: *a\n  response: {}\nversion: 1\n"
)
_JOURNAL = b'journal 1 0 2\n{}\nask 1 0 45\n{"method": "GET", "url": "x", "headers": []}\n\nchunk 1 3 2 2\nab\n'
_STREAMS = ((1, _SSE), (2, _LINES), (3, _BINARY))

SEEDS: dict[str, list[bytes]] = {
    "load": [_CASSETTE, _JSON, _ALIASED],
    "scenario": [_SCENARIO, _AGENT],
    "journal": [_JOURNAL],
    "framing": [
        b"\x01" + _SSE, b"\x02" + _LINES, b"\x00[" + _LINES.replace(b"\n", b",")[:-1] + b"]", b"\x06" + _BINARY,
    ],
    "decoders": [bytes([0, kind, url]) + body for url in range(len(URLS)) for kind, body in _STREAMS],
    "prompts": [bytes([url]) + json.dumps(_ASKED).encode() for url in range(len(URLS))],
    "redaction": [b"\x03" + _SSE, b"\x05" + _BINARY, b"\x04" + json.dumps(_ASKED).encode(), b"\x02a=b&password=c%20d",
                  b'\x01http://u:p@h/?api_key=abcdef123 "password": "x" Bearer abcdefghijk1234567890'],
}  # fmt: skip
