"""Cassettes of recorders that are not vcrpy, each as that recorder writes it, in a few lines."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from typing import Any

import pytest

import harness
from harness.errors import CassetteError
from harness.model import Interaction
from harness.storage import parse

RUBY = b"""---
http_interactions:
- request:
    method: post
    uri: https://api.example/v1/chat/completions
    body:
      encoding: UTF-8
      string: '{"model":"m"}'
    headers:
      Authorization:
      - Bearer <KEY>
  response:
    status:
      code: 200
      message: OK
    headers:
      Content-Type:
      - application/json
    body:
      encoding: ASCII-8BIT
      string: !binary |-
        eyJhIjoxfQ==
    http_version:
  recorded_at: Tue, 01 Nov 2022 04:58:44 GMT
recorded_with: VCR 6.0.0
"""
GO = b"""---
version: 2
interactions:
    - id: 0
      request:
        proto: HTTP/1.1
        content_length: 13
        host: api.example
        body: '{"model":"m"}'
        form: {}
        headers:
            Content-Type:
                - application/json
        url: https://api.example/v1/chat/completions
        method: POST
      response:
        proto: HTTP/2.0
        content_length: 7
        uncompressed: false
        body: '{"a":1}'
        headers: {}
        status: 200 OK
        code: 200
        duration: 312.5ms
"""


def only(data: bytes) -> Interaction:
    (one,) = parse(data, "x")
    return one


def betamax(request: Any, response: Any, **headers: list[str]) -> Interaction:
    item = {
        "request": {"body": request, "headers": {}, "method": "POST", "uri": "https://api.example/v1/chat/completions"},
        "response": {"body": response, "headers": headers, "status": {"code": 200, "message": "OK"}, "url": "…"},
        "recorded_at": "2020-01-01T00:00:00",
    }
    return only(json.dumps({"http_interactions": [item], "recorded_with": "betamax/0.9.0"}).encode())


@pytest.mark.parametrize("data", [RUBY, GO, GO.replace(b"version: 2", b"version: 1")])
def test_rubys_vcr_and_go_vcr_are_read(data: bytes) -> None:
    one = only(data)
    assert (one.request.method, one.request.body, one.timeline.body) == ("POST", b'{"model":"m"}', b'{"a":1}')
    assert one.timeline.head
    assert (one.timeline.head.status, one.timeline.head.reason) == (200, "OK")


def test_betamax_is_read() -> None:
    one = betamax({"encoding": "utf-8", "string": "a=1"}, {"encoding": "utf-8", "string": "ok"})
    assert (one.request.body, one.timeline.body) == (b"a=1", b"ok")


def test_bytes_in_base64_are_unpacked_and_then_inflated() -> None:
    packed = b64encode(gzip.compress(b'{"a": 1}')).decode()
    one = betamax({"string": ""}, {"encoding": None, "base64_string": packed}, **{"Content-Encoding": ["gzip"]})
    assert one.timeline.body == b'{"a": 1}'
    with pytest.raises(CassetteError, match=r"response\.body: its bytes cannot be unpacked"):
        betamax({"string": ""}, {"base64_string": "abc"})


@pytest.mark.parametrize(
    "encoding, sent", [("ISO-8859-1", b"caf\xe9"), ("utf-8", "café".encode()), ("ASCII-8BIT", "café".encode())]
)
def test_a_text_is_sent_in_the_encoding_that_it_came_in(encoding: str, sent: bytes) -> None:
    assert betamax({"string": ""}, {"encoding": encoding, "string": "café"}).timeline.body == sent


@pytest.mark.parametrize(
    "body, sent",
    [
        ({"type": "json", "content": {"a": [1, None]}}, b'{"a": [1, null]}'),
        ({"type": "text", "content": "data: {}\n\n"}, b"data: {}\n\n"),
        ({"type": "binary", "content": "ff0001"}, b"\xff\x00\x01"),
        ({"type": "none"}, b""),
    ],
)
def test_the_bodies_of_cassetter_are_put_together(body: Any, sent: bytes) -> None:
    request = {"method": "POST", "uri": "https://api.example/", "headers": {}, "body": body}
    response = {"status": 200, "headers": {}, "body": body}
    one = only(json.dumps({"version": 1, "interactions": [{"request": request, "response": response}]}).encode())
    assert one.request.body == one.timeline.body == sent


def test_json_that_only_looks_like_it_stays_json() -> None:
    body = {"type": "json", "content": {}, "model": "m"}
    request = {"method": "POST", "uri": "https://api.example/", "headers": {}, "body": body}
    response = {"status": 200, "headers": {}, "body": "ok"}
    one = only(json.dumps({"version": 1, "interactions": [{"request": request, "response": response}]}).encode())
    assert json.loads(one.request.body) == body


def test_what_they_recorded_replays(tmp_path: Any) -> None:
    import httpx

    path = tmp_path / "ruby.yml"
    path.write_bytes(RUBY)
    with harness.replay(path), httpx.Client() as client:
        found = client.post("https://api.example/v1/chat/completions", json={"model": "m"})
    assert found.json() == {"a": 1}
