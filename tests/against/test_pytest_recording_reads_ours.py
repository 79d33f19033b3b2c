"""pytest-recording, the real package, replays a file of ours under its own rules for names and network."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.model import Cassette, Head, Headers, Interaction, Nanos, Request, Reset, Timeline
from harness.storage import load, save

pytest_plugins = ["pytester"]

STORY = """
import httpx
import pytest


@pytest.fixture(scope="module")
def vcr_config():
    return {"match_on": ["method", "uri", "body"]}


@pytest.mark.vcr
def test_hello():
    with httpx.stream("POST", "http://model.invalid/v1/chat", json={"prompt": "Grüße 🎉", "pad": "x" * 60}) as got:
        assert list(got.iter_lines()) == ["data: Grüße 🎉", "", "data: [DONE]", ""]


@pytest.mark.vcr
def test_other():
    with pytest.raises(Exception, match="no recorded interaction matches it"):
        httpx.post("http://model.invalid/v1/chat", json={"prompt": "other"})
"""


class Streaming(BaseHTTPRequestHandler):
    """Three events, and the end of the connection."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for number in range(3):
            self.wfile.write(f"data: {number}\n\n".encode())
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's own name
        """Nothing: the test says what it saw."""


@pytest.fixture
def loopback() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Streaming)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def recording() -> Cassette:
    body = json.dumps({"prompt": "Grüße 🎉", "pad": "x" * 60}, separators=(",", ":"), ensure_ascii=False).encode()
    asked = Request("POST", "http://model.invalid/v1/chat", Headers((("content-type", "application/json"),)), body)
    stream = "data: Grüße 🎉\n\ndata: [DONE]\n\n".encode()
    head = Head(200, Headers((("content-type", "text/event-stream"),)), "OK")
    answer = Timeline.of(head, [stream[:10], stream[10:]], every=Nanos(20_000_000))
    refused = Timeline.failed(Reset("ConnectError", "refused"))
    return Cassette((Interaction(asked, refused), Interaction(asked, answer)))


def test_it_replays_with_the_network_blocked(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_story=STORY)
    folder = Path(pytester.path) / "cassettes" / "test_story"
    for name in ("test_hello", "test_other"):
        save(folder / f"{name}.yaml", recording())
    before = (folder / "test_hello.yaml").read_bytes()
    result = pytester.runpytest_subprocess("--record-mode=none", "--block-network", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=2)
    assert (folder / "test_hello.yaml").read_bytes() == before


def test_what_it_records_loads(pytester: pytest.Pytester, loopback: str) -> None:
    pytester.makepyfile(
        test_story=f"""
import httpx, pytest

@pytest.mark.vcr
def test_hello():
    assert httpx.post("{loopback}/stream", json={{"a": 1}}).text.count("data:") == 3
"""
    )
    pytester.runpytest_subprocess("--record-mode=once", "-p", "no:cacheprovider").assert_outcomes(passed=1)
    (one,) = load(Path(pytester.path) / "cassettes" / "test_story" / "test_hello.yaml")
    assert one.request.body == b'{"a":1}'
    assert one.timeline.chunks == (b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n")
