"""Answers that recordings of others hold besides 200 and JSON: each is replayed as it is. In our own words."""

from __future__ import annotations

import base64
import gzip
from types import ModuleType

import httpx
import httpx2
import pytest

import harness
from harness.storage import parse

EITHER = pytest.mark.parametrize("family", [httpx, httpx2], ids=lambda module: module.__name__)
BINARY = bytes(range(256))


def entry(method: str, status: int, headers: str = "{}", body: str = "''", url: str = "https://x.example/a") -> str:
    return (
        f"- request: {{method: {method}, uri: '{url}', body: null, headers: {{}}}}\n"
        f"  response: {{status: {{code: {status}, message: ''}}, headers: {headers}, body: {{string: {body}}}}}\n"
    )


def cassette(*entries: str) -> harness.Cassette:
    return parse(("version: 1\ninteractions:\n" + "".join(entries)).encode(), "odd")


@EITHER
@pytest.mark.parametrize(
    "written, method, status, body",
    [
        (entry("DELETE", 204), "DELETE", 204, b""),
        (entry("GET", 204, body="null"), "GET", 204, b""),
        (entry("GET", 304, "{ETag: [x]}"), "GET", 304, b""),
        (entry("GET", 307, "{Location: ['https://x.example/b']}"), "GET", 307, b""),
        (entry("HEAD", 200, "{Content-Length: ['12']}"), "HEAD", 200, b""),
        (entry("get", 200, body="hi"), "GET", 200, b"hi"),
        (entry("GET", 206, "{Content-Range: [bytes 0-1/9]}", "ab"), "GET", 206, b"ab"),
        (entry("GET", 599, body="what"), "GET", 599, b"what"),
        (entry("GET", 200, "{Content-Type: audio/mpeg}", f"!!binary {base64.b64encode(BINARY).decode()}"), "GET", 200,
         BINARY),
        (entry("GET", 200, "{Content-Encoding: [gzip]}",
               f"!!binary {base64.b64encode(gzip.compress(b'packed')).decode()}"), "GET", 200, b"packed"),
        (entry("GET", 200, "{Content-Encoding: [gzip]}", "plain"), "GET", 200, b"plain"),
    ],
    ids=lambda value: None,
)  # fmt: skip
def test_it_is_replayed_as_it_is(written: str, method: str, status: int, body: bytes, family: ModuleType) -> None:
    with harness.replay(cassette(written)), family.Client() as client:
        found = client.request(method, "https://x.example/a")
    assert (found.status_code, found.content) == (status, body)


def test_a_redirect_is_followed_to_its_own_recording() -> None:
    two = (
        entry("GET", 302, "{Location: ['/b']}"),
        entry("GET", 200, body="there", url="https://x.example/b"),
    )
    with harness.replay(cassette(*two)), httpx.Client(follow_redirects=True) as client:
        assert client.get("https://x.example/a").text == "there"


def test_the_head_of_a_page_and_the_page_are_two_requests() -> None:
    two = cassette(entry("GET", 200, body="page"), entry("HEAD", 200))
    with harness.replay(two), httpx.Client() as client:
        assert client.head("https://x.example/a").content == b""
        assert client.get("https://x.example/a").text == "page"
