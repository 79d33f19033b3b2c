"""While a replay is open nothing leaves the process; what never left it is let through."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest
import trio

from harness.errors import NetworkRefusedError
from harness.model import Cassette
from harness.transports import block_network

FAR = ("192.0.2.1", 9)  # TEST-NET-1 of RFC 5737: nobody is there, and if the guard fails this hangs instead of lying
HERE = Path(__file__).name


@pytest.fixture
def replaying(memory: Any) -> Any:
    with memory(Cassette(), name="replayed") as session:
        yield session


@pytest.fixture
def child_port() -> Any:
    """A port on loopback on which another process listens."""
    code = """
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
def serve():
    while True:
        peer, _ = listener.accept()
        if peer.recv(65536):
            peer.sendall(b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: 2\\r\\n\\r\\nhi")
        peer.close()
threading.Thread(target=serve, daemon=True).start()
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        yield int(child.stdout.readline())
        child.communicate()


def test_a_connect_is_refused_with_host_port_and_line(replaying: Any) -> None:
    with socket.socket() as sock, pytest.raises(NetworkRefusedError):
        sock.connect(FAR)
    ((what, host, port, where, inside),) = replaying.refused
    assert (what, host, port, inside) == ("connect", *FAR, True)
    assert Path(where.rpartition(":")[0]).name == HERE
    assert int(where.rpartition(":")[2]) > 0


def test_connect_ex_says_it_in_numbers(replaying: Any) -> None:
    with socket.socket() as sock:
        assert sock.connect_ex(FAR) == errno.ECONNREFUSED
    assert len(replaying.refused) == 1


def test_the_line_is_that_of_the_callers_own_code(replaying: Any) -> None:
    with pytest.raises(OSError, match="connect"):
        urllib.request.urlopen("http://192.0.2.1:9/", timeout=5)
    assert replaying.refused
    assert all(HERE in where for _, _, _, where, _ in replaying.refused)


def _urllib() -> None:
    urllib.request.urlopen("http://192.0.2.1:9/", timeout=5)


def _create_connection() -> None:
    socket.create_connection(FAR, timeout=5)


def _ipv6() -> None:
    with socket.socket(socket.AF_INET6) as sock:
        sock.connect(("2001:db8::1", 9))


def _udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(FAR)


def _asyncio_connection() -> None:
    asyncio.run(_open_connection())


async def _open_connection() -> None:
    await asyncio.open_connection(*FAR)


def _asyncio_sock_connect() -> None:
    async def connect() -> None:
        with socket.socket() as sock:
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, FAR)

    asyncio.run(connect())


def _trio() -> None:
    trio.run(trio.open_tcp_stream, *FAR)


DOORS = [_urllib, _create_connection, _ipv6, _udp, _asyncio_connection, _asyncio_sock_connect, _trio]


@pytest.mark.parametrize("door", DOORS)
def test_every_door_is_shut(replaying: Any, door: Any) -> None:
    with pytest.raises(OSError, match=r"connect|192\.0\.2\.1"):
        door()
    assert [refused.what for refused in replaying.refused] == ["connect"]


@pytest.mark.parametrize("look_up", [socket.getaddrinfo, socket.gethostbyname, socket.gethostbyname_ex])
def test_names_are_not_looked_up(replaying: Any, look_up: Any) -> None:
    look_up = getattr(socket, look_up.__name__)
    with pytest.raises(NetworkRefusedError):
        look_up("api.example.org", 443) if look_up.__name__ == "getaddrinfo" else look_up("api.example.org")
    assert replaying.refused[0][:2] == ("name lookup", "api.example.org")


def test_a_name_that_asyncio_looks_up_in_a_thread_has_the_line_that_wanted_it(replaying: Any) -> None:
    async def connect() -> None:
        await asyncio.open_connection("api.example.org", 443)

    with pytest.raises(NetworkRefusedError):
        asyncio.run(connect())
    (refused,) = replaying.refused
    assert refused[:3] == ("name lookup", "api.example.org", 443)
    assert HERE in refused.where


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", socket.gethostname(), None])
def test_what_needs_nobody_to_be_resolved_is_resolved(replaying: Any, name: str | None) -> None:
    assert socket.getaddrinfo(name, 80)
    assert replaying.refused == []


def test_a_listener_of_this_process_may_be_reached(replaying: Any, server: Any) -> None:
    with socket.create_connection(("localhost", server.port), timeout=5):
        pass
    with urllib.request.urlopen(f"{server.url}/whole", timeout=5) as response:
        assert response.read() == b'{"ok": true}'
    assert replaying.refused == []


def test_a_listener_that_is_older_than_the_session_may_be_reached(server: Any, memory: Any) -> None:
    with memory(Cassette()) as session, socket.create_connection(("127.0.0.1", server.port), timeout=5):
        assert session.refused == []


def test_an_asyncio_server_beside_a_replay_works(replaying: Any) -> None:
    async def main() -> bytes:
        async def answer(_: Any, writer: asyncio.StreamWriter) -> None:
            writer.write(b"hello")
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            heard = await reader.read()
            writer.close()
        return heard

    assert asyncio.run(main()) == b"hello"
    assert replaying.refused == []


def test_loopback_of_another_process_is_refused_unless_allowed(child_port: int, memory: Any) -> None:
    with memory(Cassette()) as session, pytest.raises(NetworkRefusedError):
        socket.create_connection(("127.0.0.1", child_port), timeout=5)
    assert session.refused[0].port == child_port
    with (
        memory(Cassette(), allowed_hosts=(f"localhost:{child_port}",)) as session,
        socket.create_connection(("127.0.0.1", child_port), timeout=5),
    ):
        assert session.refused == []


def test_an_allowed_name_allows_the_addresses_it_has(
    child_port: int, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def resolver(host: Any, *args: Any, **kwargs: Any) -> Any:
        return real("127.0.0.1" if host == "db.internal" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    with (
        memory(Cassette(), allowed_hosts=("*.internal",)) as session,
        socket.create_connection(("db.internal", child_port), timeout=5),
    ):
        assert session.refused == []


def test_a_unix_socket_and_a_pair_are_let_through(replaying: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind(path)
        listener.listen()
        client.connect(path)
    left, right = socket.socketpair()
    left.close()
    right.close()
    assert replaying.refused == []


def test_a_thread_that_has_nothing_to_do_with_it_is_refused_and_only_reported(memory: Any) -> None:
    go, done = threading.Event(), threading.Event()
    errors: list[BaseException] = []

    def stranger() -> None:
        go.wait(5)
        try:
            socket.create_connection(FAR, timeout=5)
        except OSError as error:
            errors.append(error)
        done.set()

    thread = threading.Thread(target=stranger)
    thread.start()
    with memory(Cassette()) as session:
        go.set()
        done.wait(5)
    thread.join()
    assert isinstance(errors[0], NetworkRefusedError)
    assert [refused.inside for refused in session.refused] == [False]


def test_a_thread_of_the_session_is_inside(replaying: Any) -> None:
    with socket.socket() as sock:
        thread = threading.Thread(target=sock.connect_ex, args=(FAR,))
        thread.start()
        thread.join()
    assert [refused.inside for refused in replaying.refused] == [True]


def test_a_context_that_was_copied_too_early_is_still_inside(memory: Any) -> None:
    early = Context()
    with memory(Cassette()) as session, socket.socket() as sock:
        assert early.run(sock.connect_ex, FAR) == errno.ECONNREFUSED
    assert [refused.inside for refused in session.refused] == [True]


@pytest.mark.parametrize(
    "args, shell",
    [
        (["ollama", "run", "llama3"], False),
        (["/usr/local/bin/llm", "hello"], False),
        ("echo hi | OLLAMA_HOST=x ollama run llama3", True),
        (["bash", "-lc", "cd /tmp && ollama run llama3"], False),
    ],
)
def test_a_models_command_line_client_is_not_started(replaying: Any, args: Any, shell: bool) -> None:
    with pytest.raises(NetworkRefusedError):
        subprocess.run(args, shell=shell, check=False)
    assert replaying.refused[0].what == "command"
    assert HERE in replaying.refused[0].where


def test_a_models_client_is_not_started_from_asyncio_or_the_shell(replaying: Any) -> None:
    with pytest.raises(NetworkRefusedError):
        asyncio.run(_ollama())
    with pytest.raises(NetworkRefusedError):
        os.system("ollama run llama3")
    assert [refused.host for refused in replaying.refused] == ["ollama run", "ollama run"]


async def _ollama() -> None:
    await asyncio.create_subprocess_exec("ollama", "run", "llama3")


@pytest.mark.parametrize("args", [["echo", "ollama run llama3"], ["printf", "%s", "llm"]])
def test_other_commands_are_started(replaying: Any, args: list[str]) -> None:
    assert subprocess.run(args, capture_output=True, check=True).stdout
    assert replaying.refused == []


def test_while_recording_a_connection_that_no_seam_saw_is_told(memory: Any, server: Any, child_port: int) -> None:
    with memory() as session:
        urllib.request.urlopen(f"{server.url}/whole", timeout=5).close()  # our own listener: it does not leave us
        with socket.create_connection(("127.0.0.1", child_port), timeout=5):
            pass
    ((host, port, where),) = session.unheard
    assert (host, port) == ("127.0.0.1", child_port)
    assert HERE in where


def test_a_recording_inside_a_replay_may_call_its_model(memory: Any, driver: Any, child_port: int) -> None:
    with memory(Cassette()) as replay, memory() as recording:
        heard = driver.stream(f"http://127.0.0.1:{child_port}/")
    assert heard.chunks == [b"hi"]
    assert (replay.refused, recording.unheard, len(recording.cassette())) == ([], [], 1)


def test_the_guard_is_gone_with_the_last_session(memory: Any) -> None:
    def doors() -> list[object]:
        return [socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo, subprocess.Popen.__init__]

    before = doors()  # another plugin may have put its own there, and those are to come back
    with memory(Cassette()):
        assert all(ours is not theirs for ours, theirs in zip(doors(), before, strict=True))
    assert all(now is then for now, then in zip(doors(), before, strict=True))


def test_the_network_can_be_blocked_without_a_session(server: Any, child_port: int) -> None:
    with block_network():
        with pytest.raises(NetworkRefusedError, match=f"connect to 127.0.0.1:{child_port} from .*{HERE}"):
            socket.create_connection(("127.0.0.1", child_port), timeout=5)
        with socket.create_connection(("127.0.0.1", server.port), timeout=5):
            pass
    with (
        block_network(allowed_hosts=["127.0.0.1"]),
        socket.create_connection(("127.0.0.1", child_port), timeout=5),
    ):
        pass


def test_a_blocked_network_blocks_recordings_too(memory: Any, driver: Any, child_port: int) -> None:
    with block_network(), memory() as session:
        heard = driver.stream(f"http://127.0.0.1:{child_port}/")
    assert type(heard.error) is driver.module.ConnectError
    assert session.refused[0].port == child_port
