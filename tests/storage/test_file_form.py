"""What a reviewer sees: the form of the file, and which lines change when it is recorded again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import yaml

from harness.model import Cassette, Chunk, End, Event, Head, Headers, Interaction, Nanos, Request, TimedOut, Timeline
from harness.storage import dump, parse

JSON = Headers((("content-type", "application/json"),))
SSE = Headers((("content-type", "text/event-stream"),))
MS = 1_000_000

WHOLE = """\
interactions:
- request:
    method: POST
    uri: https://api.example.com/v1/chat?x=1&y=%20
    headers:
      content-type:
      - application/json
    body: |-
      {
        "model": "m",
        "messages": [
          {
            "role": "user",
            "content": "Grüße 🎉, wie geht es dir?"
          }
        ],
        "stop": []
      }
  response:
    status:
      code: 200
      message: OK
    headers:
      content-type:
      - text/event-stream
    timeline: {v: 1, unit: ms, headers_at: 2, chunks: 3+13 101+16, end: eof, end_ms: 104, request_layout: compact}
    body:
      string: |+
        data: {"a":1}

        data: [DONE]

unanswered:
- position: 2
  request:
    method: GET
    uri: https://api.example.com/v1/models
    headers: {}
    body: ''
  at: 5000
  error: 'ConnectTimeout: timed out'
version: 1
"""


def chat(text: str = "Grüße 🎉, wie geht es dir?") -> Request:
    body = {"model": "m", "messages": [{"role": "user", "content": text}], "stop": []}
    data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    return Request("POST", "https://api.example.com/v1/chat?x=1&y=%20", JSON, data)


def stream(*times_ms: float) -> Timeline:
    at = [Nanos(round(ms * MS)) for ms in times_ms]
    first, second = b'data: {"a":1}', b"\n\ndata: [DONE]\n\n"
    events: list[Event] = [Head(200, SSE, "OK"), Chunk(first), Chunk(second), End()]
    return Timeline(tuple(zip(at, events, strict=True)))


def answered(body: bytes, headers: Headers = JSON, status: int = 200) -> dict[str, Any]:
    one = Interaction(Request("GET", "https://x/"), Timeline.of(Head(status, headers), [body]))
    response = yaml.safe_load(dump(Cassette((one,))))["interactions"][0]["response"]
    assert parse(dump(Cassette((one,))), "x").interactions[0].timeline.body == body
    return dict(response)


def test_the_whole_file_reads_like_this() -> None:
    failed = Interaction(
        Request("GET", "https://api.example.com/v1/models"),
        Timeline.failed(TimedOut("connect", "timed out"), at=Nanos(5_000_000_000)),
    )
    cassette = Cassette((Interaction(chat(), stream(2.4, 3.0, 100.6, 104)), failed))
    assert dump(cassette).decode() == WHOLE


def test_a_recording_made_again_changes_one_line() -> None:
    before = dump(Cassette((Interaction(chat(), stream(2, 3, 100, 104)),))).decode().splitlines()
    after = dump(Cassette((Interaction(chat(), stream(9.1, 12.7, 88, 90)),))).decode().splitlines()
    changed = [a for a, b in zip(before, after, strict=True) if a != b]
    assert len(changed) == 1
    assert changed[0].strip().startswith("timeline:")


def test_another_prompt_changes_the_line_that_says_it() -> None:
    before = dump(Cassette((Interaction(chat("Grüße aus Berlin, wie geht es?"), stream(1, 2, 3, 4)),))).decode()
    after = dump(Cassette((Interaction(chat("Grüße aus Paris, wie geht es dir?"), stream(1, 2, 3, 4)),))).decode()
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    assert [a.strip() for a, b in pairs if a != b] == ['"content": "Grüße aus Berlin, wie geht es?"']


def test_thousands_of_chunks_stay_on_one_line() -> None:
    timeline = Timeline.of(Head(200, SSE), [b"x\n"] * 5000, every=Nanos(MS))
    data = dump(Cassette((Interaction(Request("GET", "https://x/"), timeline),))).decode()
    (line,) = [line for line in data.splitlines() if "chunks:" in line]
    assert "4999+2" in line
    assert parse(data.encode(), "many").interactions[0].timeline.chunks == timeline.chunks


def test_rounding_to_milliseconds_keeps_the_order_of_chunks() -> None:
    at = [0, 1, 499_999, 500_000, 500_001, 1_499_999, 1_500_000]
    events = ((Nanos(0), Head(200)), *((Nanos(t), Chunk(bytes([65 + i]))) for i, t in enumerate(at)))
    one = Interaction(Request("GET", "https://x/"), Timeline(events, "open", Nanos(at[-1])))
    now = parse(dump(Cassette((one,))), "x").interactions[0].timeline
    assert now.body == b"ABCDEFG"
    assert [t // MS for t, _ in now.events[1:]] == [0, 0, 0, 1, 1, 1, 2]


def test_json_of_one_line_is_laid_out_and_put_back() -> None:
    value = {"a": [1, 2.50, {"b": [], "c": {}}], "d": "é" * 40}
    for separators, layout in (((",", ":"), "compact"), ((", ", ": "), "spaced")):
        body = json.dumps(value, separators=separators).encode()
        response = answered(body)
        assert response["timeline"]["layout"] == layout
        assert response["body"]["string"] == json.dumps(value, indent=2)


def test_numbers_escapes_and_duplicate_keys_of_json_are_never_decoded() -> None:
    body = b'{"a":1.50e+10,"a":-0.0,"n":100000000000000000000000001,"t":"\\u00e9\\/\\ud83d\\ude00","pad":"xxxx"}'
    response = answered(body)
    assert "1.50e+10" in response["body"]["string"]
    assert "\\ud83d\\ude00" in response["body"]["string"]


def test_json_that_could_not_be_put_back_is_left_alone() -> None:
    for body in (b'{"a": 1,"b" :2, "pad": "' + b"x" * 80 + b'"}', b"{" + b" " * 80 + b"}", b'{"a":1', b'{"a":1}'):
        assert "layout" not in answered(body)["timeline"]


def test_an_event_stream_with_crlf_is_readable_and_exact() -> None:
    body = b'data: {"a": 1}\r\n\r\ndata: {"b": 2}\r\n\r\n'
    response = answered(body, SSE)
    assert response["timeline"]["layout"] == "crlf"
    assert response["body"]["string"] == body.decode().replace("\r\n", "\n")


def test_mixed_line_ends_are_left_alone() -> None:
    assert "layout" not in answered(b"a\r\nb\nc\r\n", SSE)["timeline"]


def test_what_changes_from_day_to_day_is_not_written() -> None:
    volatile = [
        "Date", "CF-Ray", "x-request-id", "request-id", "X-RateLimit-Remaining-Tokens", "set-cookie", "alt-svc", "Via",
        "anthropic-ratelimit-tokens-reset", "openai-processing-ms", "openai-organization",
        "x-envoy-upstream-service-time", "Transfer-Encoding", "Content-Encoding", "connection",
    ]  # fmt: skip
    kept = [("Content-Type", "text/plain"), ("X-Thing", "1"), ("x-thing", "2")]
    response = answered(b"hello", Headers((*((name, "?") for name in volatile), *kept)))
    assert response["headers"] == {"Content-Type": ["text/plain"], "X-Thing": ["1", "2"]}


def test_an_error_keeps_what_a_retry_policy_reads() -> None:
    headers = Headers((("retry-after", "3"), ("x-ratelimit-reset-requests", "12s"), ("date", "today")))
    assert set(answered(b"no", headers, 429)["headers"]) == {"retry-after", "x-ratelimit-reset-requests"}
    assert set(answered(b"yes", headers, 200)["headers"]) == {"retry-after"}


def test_a_content_length_is_written_only_where_it_is_right() -> None:
    body = json.dumps({"pad": "x" * 80}).encode()
    honest = Headers((("content-length", str(len(body))),))
    assert answered(body, honest)["headers"] == {"content-length": [str(len(body))]}
    laid_out = answered(body, Headers((*honest, *JSON)))
    assert laid_out["timeline"]["layout"] == "spaced"
    assert "content-length" not in laid_out["headers"]
    assert answered(body, Headers((("content-length", "7"),)))["headers"] == {}


def test_what_an_sdk_says_about_itself_is_not_written() -> None:
    headers = Headers((("User-Agent", "x/1"), ("X-Stainless-OS", "Linux"), ("Host", "x"), ("x-app", "mine"), *JSON))
    one = Interaction(replace(chat(), headers=headers), stream(1, 2, 3, 4))
    now = parse(dump(Cassette((one,))), "x").interactions[0]
    assert now.request.headers == Headers((("x-app", "mine"), *JSON))
    assert now.request.body == one.request.body


def test_a_request_is_laid_out_only_where_vcrpy_compares_it_as_json() -> None:
    body = json.dumps({"pad": "x" * 80}).encode()
    for media, laid_out in (("application/json", True), ("text/plain", False), ("application/x-amz-json-1.1", False)):
        request = Request("POST", "https://x/", Headers((("content-type", media),)), body)
        data = dump(Cassette((Interaction(request, stream(1, 2, 3, 4)),)))
        assert (b"request_layout" in data) is laid_out
        assert parse(data, "x").interactions[0].request.body == body


def test_no_alias_ties_one_interaction_to_another() -> None:
    one = Interaction(chat(), stream(1, 2, 3, 4))
    data = dump(Cassette((one, one, one)))
    assert len(parse(data, "x")) == 3
    assert b"&id" not in data
    assert b"*id" not in data


def test_the_last_line_is_the_version_whatever_the_last_body_ends_with() -> None:
    for body in (b"a\n\n\n", b"a\n", b"a", b""):
        one = Interaction(Request("GET", "https://x/"), Timeline.of(Head(200), [body]))
        assert dump(Cassette((one,))).endswith(b"\nversion: 1\n")
