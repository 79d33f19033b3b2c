"""What goes wrong with the other clients goes wrong again in the replay, as the same exception."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import botocore.session
import pytest
import requests
import urllib3

import harness
from harness.errors import Miss
from harness.model import Cassette, Chunk, End, Head, Headers, Interaction, Request, Timeline, seconds
from harness.spec import Found

Seen = tuple[list[bytes], str]


class Unruly(BaseHTTPRequestHandler):
    """Answers by path; the body of the last request is kept."""

    protocol_version = "HTTP/1.1"
    bodies: list[bytes]

    def do_POST(self) -> None:
        length = self.headers["content-length"]
        self.bodies.append(self.rfile.read(int(length)) if length else self._chunked())
        getattr(self, "_" + self.path.strip("/"))()

    def do_GET(self) -> None:
        self._whole()

    def _chunked(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _head(self, *headers: tuple[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in (("Connection", "close"), *headers):
            self.send_header(name, value)
        self.end_headers()

    def _whole(self) -> None:
        self._head(("Content-Length", "5"), ("X-Twice", "a"), ("X-Twice", "b"))
        self.wfile.write(b"whole")

    def _zipped(self) -> None:
        data = gzip.compress(b"whole")
        self._head(("Content-Length", str(len(data))), ("Content-Encoding", "gzip"))
        self.wfile.write(data)

    def _moved(self) -> None:
        self._head(("Content-Length", "0"), ("Location", "/whole"), status=303)

    def _cut(self) -> None:
        self._head(("Transfer-Encoding", "chunked"))
        self.wfile.write(b"5\r\nfirst\r\n")

    def _stall(self) -> None:
        self._cut()
        self.wfile.flush()
        self.rfile.read(1)

    def _silent(self) -> None:
        self.rfile.read(1)

    def _dropped(self) -> None:
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Not on the test's output."""


@pytest.fixture
def unruly() -> Iterator[Any]:
    handler = type("Handler", (Unruly,), {"bodies": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads, server.block_on_close = True, False
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def by_requests(url: str) -> Seen:
    pieces: list[bytes] = []
    try:
        with requests.post(url, data=b"ask", stream=True, timeout=(5, 0.2)) as response:
            pieces.extend(response.iter_content(64))
    except requests.RequestException as error:
        return pieces, type(error).__name__
    return pieces, "end"


def by_urllib3(url: str) -> Seen:
    timeout = urllib3.Timeout(connect=5, read=0.2)
    try:
        response = urllib3.PoolManager().request("POST", url, body=b"ask", retries=False, timeout=timeout)
    except urllib3.exceptions.HTTPError as error:
        return [], type(error).__name__
    return [response.data], "end"


def by_aiohttp(url: str) -> Seen:
    pieces: list[bytes] = []

    async def main() -> Seen:
        timeout = aiohttp.ClientTimeout(sock_connect=5, sock_read=0.2)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as client, client.post(url, data=b"ask") as response:
                async for piece in response.content.iter_any():
                    pieces.append(piece)  # noqa: PERF401 - those before the failure count
        except aiohttp.ClientError as error:
            return pieces, type(error).__name__
        return pieces, "end"

    return asyncio.run(main())


CLIENTS = [by_requests, by_urllib3, by_aiohttp]
every_client = pytest.mark.parametrize("call", CLIENTS, ids=lambda call: call.__name__)


@every_client
@pytest.mark.parametrize("path", ["whole", "zipped", "moved", "cut", "stall", "silent", "dropped"])
def test_an_answer_is_seen_recorded_and_replayed_alike(
    path: str, call: Callable[[str], Seen], unruly: Any, tmp_path: Path
) -> None:
    file, url = tmp_path / "call.yaml", f"http://127.0.0.1:{unruly.server_port}/{path}"
    alone = call(url)
    with harness.record(file):
        live = call(url)
    with harness.replay(file):
        assert call(url) == live
    assert (b"".join(live[0]), live[1]) == (b"".join(alone[0]), alone[1])
    assert len(unruly.RequestHandlerClass.bodies) == 2


@every_client
def test_a_refused_connection_is_recorded_and_refused_again(call: Callable[[str], Seen], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    alone = call(url)
    with harness.record(tmp_path / "call.yaml"):
        assert call(url) == alone
    with harness.replay(tmp_path / "call.yaml"):
        assert call(url) == alone
    assert " at 0x" not in (tmp_path / "call.yaml").read_text()


@every_client
def test_a_stall_longer_than_patience_is_a_timeout_at_exactly_that_time(call: Callable[[str], Seen]) -> None:
    slow = Timeline(((seconds(0), Head(200)), (seconds(60), Chunk(b"late")), (seconds(60), End())))
    asked = Request("POST", "http://model.test/", body=b"ask")
    with harness.replay(Cassette((Interaction(asked, slow),))) as session:
        _, ending = call(asked.url)
    assert ending in {"ReadTimeout", "ConnectionError", "ReadTimeoutError", "SocketTimeoutError"}
    assert session.clock.now() == seconds(0.2)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_others_recorded_encoded_or_decoded_is_the_same_text(encoding: str) -> None:
    head = Head(200, Headers.of([("content-encoding", encoding)]))
    asked = [Request("POST", f"http://model.test/{name}", body=b"ask") for name in ("raw", "plain")]
    answers = Timeline.of(head, [gzip.compress(b"text")]), Timeline.of(head, [b"text"])
    cassette = Cassette(tuple(Interaction(ask, answer) for ask, answer in zip(asked, answers, strict=True)))
    with harness.replay(cassette):
        assert [by_requests(ask.url)[0] for ask in asked] == [[b"text"], [b"text"]]
    with harness.replay(cassette):
        assert [by_aiohttp(ask.url)[0] for ask in asked] == [[b"text"], [b"text"]]


async def _pieces() -> Any:
    yield b"as"
    yield b"k"


BODIES = {
    "json": lambda: {"json": {"a": "ü"}},
    "text": lambda: {"data": "ask"},
    "form": lambda: {"data": {"a": "1", "b": "x y"}},
    "multipart": lambda: {"data": aiohttp.FormData({"a": "1"}, default_to_multipart=True)},
    "generator": lambda: {"data": _pieces()},
    "nothing": dict,
}


@pytest.mark.parametrize("name", BODIES)
def test_what_aiohttp_sends_is_what_is_recorded(name: str, unruly: Any, tmp_path: Path) -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as client:
            await client.post(f"http://127.0.0.1:{unruly.server_port}/whole", **BODIES[name]())

    with harness.record(tmp_path / "call.yaml") as session:
        asyncio.run(main())
    (sent,) = unruly.RequestHandlerClass.bodies
    recorded = session.takes[0].request.body
    if name == "multipart":  # the boundary is rolled anew, and takes no part in matching
        sent, recorded = sent[:2] + sent.partition(b"\r\n")[2][:40], recorded[:2] + recorded.partition(b"\r\n")[2][:40]
    assert recorded == sent
    with harness.replay(tmp_path / "call.yaml"):
        asyncio.run(main())


def test_duplicate_headers_arrive_as_two(unruly: Any, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{unruly.server_port}/whole"

    async def by_aiohttp() -> list[str]:
        async with aiohttp.ClientSession() as client, client.get(url) as response:
            return list(response.headers.getall("x-twice"))

    with harness.record(tmp_path / "call.yaml", "rewrite"):
        live = [asyncio.run(by_aiohttp()), urllib3.request("GET", url).headers.getlist("x-twice")]
    with harness.replay(tmp_path / "call.yaml"):
        replayed = [asyncio.run(by_aiohttp()), urllib3.request("GET", url).headers.getlist("x-twice")]
    assert live == replayed == [["a", "b"], ["a", "b"]]


def test_a_proxy_is_not_asked_while_replaying() -> None:
    asked = Request("POST", "https://model.test/v1", body=b"ask")
    with harness.replay(Cassette((Interaction(asked, Timeline.of(Head(200), [b"direct"])),))):
        proxies = {"https": "http://proxy.test:3128"}
        assert requests.post(asked.url, data=b"ask", proxies=proxies, timeout=5).text == "direct"


def test_a_connection_that_is_older_than_the_session_is_intercepted(provider: Any) -> None:
    asked = Request("POST", f"{provider.url}/v1/chat/completions", body=b"{}")
    with requests.Session() as client:
        client.post(asked.url, data=b"{}", timeout=5)
        with harness.replay(Cassette((Interaction(asked, Timeline.of(Head(200), [b"recorded"])),))):
            assert client.post(asked.url, data=b"{}", timeout=5).text == "recorded"
        assert "recorded" not in client.post(asked.url, data=b"{}", timeout=5).text
    assert provider.requests == 2


def test_vcrpy_is_imported_at_the_first_request_and_not_with_the_client() -> None:
    script = """
        import sys
        import harness
        from harness.model import Cassette, Head, Interaction, Request, Timeline

        asked = Request("GET", "http://model.test/")
        with harness.replay(Cassette((Interaction(asked, Timeline.of(Head(200), [b"caught"])),))):
            assert not {"requests", "urllib3", "aiohttp", "vcr"} & set(sys.modules)
            import aiohttp
            import requests
            print("vcr" in sys.modules, requests.get("http://model.test/").text, "vcr" in sys.modules)
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    assert ran.stdout.split() == ["False", "caught", "True"], ran.stderr


def test_nothing_of_vcrpys_own_is_patched_in_and_httpx_keeps_its_lane() -> None:
    import http.client

    import httpx
    from urllib3 import connection, connectionpool

    def doors() -> list[Any]:
        pools = connectionpool.HTTPConnectionPool, connectionpool.HTTPSConnectionPool
        return [
            http.client.HTTPConnection, http.client.HTTPSConnection, connection.HTTPConnection,
            connection.HTTPSConnection, httpx.WSGITransport.handle_request, httpx.MockTransport.handle_request,
            *(getattr(pool, name) for pool in pools for name in ("ConnectionCls", "_get_conn", "_new_conn")),
        ]  # fmt: skip

    before = doors()
    asked = Request("POST", "http://model.test/", body=b"ask")
    chunks = Timeline.of(Head(200), [b"one", b"two"])
    with harness.replay(Cassette((Interaction(asked, chunks), Interaction(asked, chunks)))):
        assert by_requests(asked.url)[1] == "end"
        assert doors() == before
        with httpx.stream("POST", asked.url, content=b"ask") as response:
            assert list(response.iter_raw()) == [b"one", b"two"]


def test_a_redirect_that_leads_to_what_is_not_recorded_is_a_miss() -> None:
    asked = Request("POST", "http://model.test/", body=b"ask")
    moved = Timeline.of(Head(303, Headers.of([("location", "/elsewhere")])), [])
    with pytest.raises(Miss, match="/elsewhere"), harness.replay(Cassette((Interaction(asked, moved),))):
        by_aiohttp(asked.url)


class Converse:
    """A source that answers every call of Bedrock's Converse, and knows what it was asked."""

    name = "bedrock"

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def find(self, request: Request) -> Found:
        self.asked.append(request)
        said = {"message": {"role": "assistant", "content": [{"text": "Paris"}]}}
        body = json.dumps({"output": said, "stopReason": "end_turn", "usage": {}, "metrics": {}}).encode()
        head = Head(200, Headers.of([("content-type", "application/json")]))
        return Found(Interaction(request, Timeline.of(head, [body])), "body")

    def unplayed(self) -> list[str]:
        return []


def test_a_client_of_botocore_is_answered_as_boto3s_are() -> None:
    source = Converse()
    client = botocore.session.get_session().create_client(
        "bedrock-runtime", region_name="us-east-1", aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="x"
    )
    with harness.replay(source):
        answer = client.converse(modelId="m", messages=[{"role": "user", "content": [{"text": "France?"}]}])
    assert answer["output"]["message"]["content"][0]["text"] == "Paris"
    (asked,) = source.asked
    assert (asked.method, asked.url) == ("POST", "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse")
    assert json.loads(asked.body)["messages"][0]["content"] == [{"text": "France?"}]
