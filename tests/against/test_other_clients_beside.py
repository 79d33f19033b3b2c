"""What stands beside a replay works: databases, servers of the test's own, sockets that lead nowhere; nothing else."""

from __future__ import annotations

import asyncio
import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import urllib3

import harness
from harness.errors import NetworkRefusedError, VerificationError
from harness.model import Cassette, Head, Interaction, Request, Timeline

URL = "http://model.test/v1"
ASKED = Request("POST", URL, body=b"ask")
CASSETTE = Cassette((Interaction(ASKED, Timeline.of(Head(200), [b"answer"])),), name="beside")

# A database's way of talking: the client speaks first, the server keeps the connection, answers are framed by length.
DATABASE = """
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
def serve(peer):
    with peer:
        while size := peer.recv(1):
            query = peer.recv(size[0])
            peer.sendall(bytes([len(query)]) + query.upper())
def accept():
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
threading.Thread(target=accept, daemon=True).start()
sys.stdin.read()
"""


@pytest.fixture
def database() -> Iterator[int]:
    """The port of a server in another process."""
    with subprocess.Popen([sys.executable, "-c", DATABASE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        yield int(child.stdout.readline())
        child.communicate()


def _query(peer: socket.socket, text: bytes) -> bytes:
    peer.sendall(bytes([len(text)]) + text)
    return peer.recv(peer.recv(1)[0])


def _ask() -> str:
    return requests.post(URL, data=b"ask", timeout=5).text


def test_a_database_in_another_process_works_beside_a_replay_where_it_is_allowed(database: int) -> None:
    with (
        harness.replay(CASSETTE, allowed_hosts=[f"localhost:{database}"], clock="wall"),
        socket.create_connection(("127.0.0.1", database), timeout=5) as peer,
    ):
        assert _query(peer, b"select 1") == b"SELECT 1"
        assert _ask() == "answer"
        assert _query(peer, b"select 2") == b"SELECT 2"


def test_where_it_is_not_allowed_it_is_refused_and_the_session_fails_with_host_port_and_line(database: int) -> None:
    where = rf"127\.0\.0\.1:{database} from .*test_other_clients_beside\.py:\d+"
    with pytest.raises(VerificationError, match=where), harness.replay(CASSETTE, clock="wall"):
        _ask()
        with pytest.raises(NetworkRefusedError):
            socket.create_connection(("127.0.0.1", database), timeout=5)


def test_a_connection_that_was_there_before_goes_on(database: int) -> None:
    with (
        socket.create_connection(("127.0.0.1", database), timeout=5) as peer,
        harness.replay(CASSETTE, clock="wall"),
    ):
        assert (_query(peer, b"x"), _ask()) == (b"X", "answer")


def test_a_unix_socket_needs_no_permission(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        writer.close()

    async def main() -> bytes:
        path = str(tmp_path / "s")
        async with await asyncio.start_unix_server(answer, path):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"hello\n")
            heard = await reader.read()
            writer.close()
            await writer.wait_closed()
            return heard

    with harness.replay(CASSETTE):
        assert asyncio.run(main()) == b"HELLO\n"
        assert _ask() == "answer"


def test_what_no_seam_covers_meets_the_guard() -> None:
    """http.client, and with it urllib, is nobody's client of a model: it is refused and not answered."""
    with pytest.raises(VerificationError, match=r"name lookup to model\.test"), harness.replay(CASSETTE):
        _ask()
        with pytest.raises(NetworkRefusedError):
            http.client.HTTPConnection("model.test").request("POST", "/v1", b"ask")


@pytest.fixture
def ollama(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `ollama` on the path, which leaves a mark where it was started."""
    mark, command = tmp_path / "was-started", tmp_path / "ollama"
    command.write_text(f"#!/bin/sh\ntouch {mark}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return mark


WAYS: dict[str, Any] = {
    "run": lambda: subprocess.run(["ollama", "run", "m"], check=False),
    "shell": lambda: subprocess.run("echo hi | ollama run m", shell=True, check=False),
    "system": lambda: os.system("ollama run m"),
    "asyncio": lambda: asyncio.run(_exec()),
}


async def _exec() -> None:
    await (await asyncio.create_subprocess_exec("ollama", "run", "m")).wait()


@pytest.mark.parametrize("way", WAYS)
def test_a_models_command_is_not_started_in_a_replay_and_fails_it(way: str, ollama: Path) -> None:
    with pytest.raises(VerificationError, match="command to ollama run"), harness.replay(CASSETTE, clock="wall"):
        _ask()
        with pytest.raises(NetworkRefusedError):
            WAYS[way]()
    assert not ollama.exists()
    WAYS[way]()
    assert ollama.exists(), "the lever is connected: without a session it starts"


MODEL = """
import http.server, sys, threading
class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"answer")
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    """The URL of a model in another process: what goes there leaves this one."""
    with subprocess.Popen([sys.executable, "-c", MODEL], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        yield f"http://localhost:{int(child.stdout.readline())}"
        child.communicate()


async def _ask_by_aiohttp(url: str) -> str:
    async with aiohttp.ClientSession() as client, client.post(url, data=b"ask") as response:
        return await response.text()


CLIENTS: dict[str, Any] = {
    "requests": lambda url: requests.post(url, data=b"ask", timeout=5).text,
    "urllib3": lambda url: urllib3.request("POST", url, body=b"ask").data.decode(),
    "aiohttp": lambda url: asyncio.run(_ask_by_aiohttp(url)),
    "httpx": lambda url: httpx.post(url, content=b"ask").text,
}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_recording_may_call_its_model_and_nothing_is_unseen(client: str, model: str, tmp_path: Path) -> None:
    with (
        harness.replay(CASSETTE, unplayed="ignore", clock="wall") as outer,
        harness.record(tmp_path / "call.yaml") as session,
    ):
        assert CLIENTS[client](model) == "answer"
    assert session.remembered().unseen == outer.remembered().refused == []
    assert len(session.takes) == 1


@pytest.mark.parametrize("client", CLIENTS)
def test_an_ignored_host_is_reached_in_a_replay(client: str, model: str) -> None:
    with harness.replay(CASSETTE, ignored_hosts=["localhost"], unplayed="ignore", clock="wall") as session:
        assert CLIENTS[client](model) == "answer"
    assert len(session.history) == 0


def test_a_connection_that_no_seam_saw_fails_the_recording(database: int, tmp_path: Path) -> None:
    with (
        pytest.raises(VerificationError, match=f"127.0.0.1:{database}"),
        harness.record(tmp_path / "call.yaml"),
        socket.create_connection(("127.0.0.1", database), timeout=5),
    ):
        pass
