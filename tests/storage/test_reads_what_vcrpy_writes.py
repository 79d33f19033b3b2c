"""Files that the real vcrpy recorded, from a server on loopback, through the clients that people use."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import requests
import vcr

from harness.model import Cassette
from harness.storage import check, load

BODIES = {
    "/json": ("application/json", '{"text": "Grüße 🎉 \u2028 \x85 "}'.encode()),
    "/sse": ("text/event-stream", b'data: {"a": 1}\n\nevent: ping\ndata: {}\n\ndata: [DONE]\n\n'),
    "/crlf": ("text/event-stream", b'data: {"a": 1}\r\n\r\ndata: {"b": 2}\r\n\r\n'),
    "/ndjson": ("application/x-ndjson", b'{"a": 1}\n{"b": 2}\n'),
    "/binary": ("application/octet-stream", bytes(range(256))),
    "/hostile": ("text/plain", b"- request:\n    body: x\n---\nversion: 1\n...\ninteractions:\n- a\n \t\n"),
    "/empty": ("text/plain", b""),
    "/gzip": ("application/json", b'{"packed": true}' * 9),
}
FRAMES = {"/sse": 3, "/crlf": 2, "/ndjson": 2, "/json": 1, "/empty": 0}


class Peer(BaseHTTPRequestHandler):
    """Answers with what the path asks for, in pieces, and sends two cookies."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        media, body = BODIES[self.path.partition("?")[0]]
        packed = self.path.startswith("/gzip")
        sent = gzip.compress(body) if packed else body
        self.send_response(200)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(sent)))
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        for start in range(0, len(sent), 7):
            self.wfile.write(sent[start : start + 7])
            self.wfile.flush()

    do_GET = do_POST  # noqa: N815 - the name that http.server calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's own name
        """Nothing: the test says what it saw."""


@pytest.fixture(scope="module")
def peer() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Peer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def by_httpx(url: str, body: bytes) -> bytes:
    return httpx.post(url, content=body, headers={"content-type": "application/json"}).content


def by_httpx_streaming(url: str, body: bytes) -> bytes:
    with httpx.stream("POST", url, content=body, headers={"content-type": "application/json"}) as got:
        return b"".join(got.iter_bytes())


def by_requests(url: str, body: bytes) -> bytes:
    return requests.post(url, data=body, headers={"content-type": "application/json"}, timeout=5).content


ASK = json.dumps({"prompt": "Grüße 🎉", "n": 1}).encode()
CLIENTS = [by_httpx, by_httpx_streaming, by_requests]


def recorded(peer: str, path: Path, ask: Callable[[str, bytes], bytes], **options: object) -> Cassette:
    with vcr.VCR(record_mode="once").use_cassette(str(path), **options):
        heard = {route: ask(f"{peer}{route}?x=%20", ASK) for route in BODIES}
    assert heard == {route: body for route, (_, body) in BODIES.items()}
    return load(path)


@pytest.mark.parametrize("ask", CLIENTS)
@pytest.mark.parametrize("options", [{}, {"decode_compressed_response": True}], ids=["as sent", "decoded"])
def test_every_byte_that_vcrpy_recorded_is_read(
    ask: Callable[[str, bytes], bytes], options: dict[str, object], peer: str, tmp_path: Path
) -> None:
    cassette = recorded(peer, tmp_path / "theirs.yaml", ask, **options)
    assert cassette.notes == ()
    for one, (route, (media, body)) in zip(cassette, BODIES.items(), strict=True):
        assert one.request.method == "POST"
        assert one.request.url == f"{peer}{route}?x=%20"
        assert one.request.body == ASK
        head = one.timeline.head
        assert head is not None
        assert (head.status, head.reason, head.headers.get("content-type")) == (200, "OK", media)
        assert head.headers.get_all("set-cookie") == ("a=1", "b=2")
        assert head.headers.get("content-length") == str(len(body))
        assert "content-encoding" not in head.headers
        assert one.timeline.body == body
        assert len(one.timeline.chunks) == FRAMES.get(route, len(one.timeline.chunks))
        assert (one.timeline.end, one.timeline.end_at) == ("eof", 0)


def test_vcrpys_json_cassettes_are_read(peer: str, tmp_path: Path) -> None:
    path = tmp_path / "theirs.json"
    with vcr.VCR(record_mode="once", serializer="json").use_cassette(str(path)):
        httpx.post(f"{peer}/json", content=ASK)
    (one,) = load(path)
    assert one.timeline.body == BODIES["/json"][1]


def test_a_request_without_a_body_has_none(peer: str, tmp_path: Path) -> None:
    for name, get in (("httpx", httpx.get), ("requests", requests.get)):
        with vcr.VCR(record_mode="once").use_cassette(str(tmp_path / name)):
            get(f"{peer}/empty")
        (one,) = load(tmp_path / name)
        assert (one.request.method, one.request.body, one.timeline.body) == ("GET", b"", b"")


def test_vcrpys_metadata_is_no_offence(peer: str, tmp_path: Path) -> None:
    path = tmp_path / "theirs.yaml"
    with vcr.VCR(record_mode="once").use_cassette(str(path)) as cassette:
        httpx.post(f"{peer}/json", content=ASK)
        cassette.get_metadata("recorded_at", "2026-01-01")
    assert "metadata:" in path.read_text("utf-8")
    assert len(load(path)) == 1
    assert check(path) == []


def test_a_cut_file_of_vcrpys_loads_only_with_a_remark(peer: str, tmp_path: Path) -> None:
    """Of a file that somebody else wrote, a missing last line is all that can be known: it is said, never silent."""
    path = tmp_path / "theirs.yaml"
    whole = recorded(peer, path, by_httpx)
    data = path.read_bytes()
    silent = []
    for step in range(200):
        path.write_bytes(data[: len(data) * step // 200])
        found = check(path)
        if not found:
            silent.append(step)
    assert whole.notes == ()
    assert silent == []
