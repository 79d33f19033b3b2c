"""What recording adds to a streamed request over loopback, the server being another process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

import harness
from tests.benchmarks.ratio import Ratio, interleaved, seconds

BOUND = 1.15
FIRST_BOUND = 1.10
_TO_FIRST_S = 0.05  # a fast model's time to its first token
ROUNDS = 9
_REQUESTS = 20
_CHUNKS = 60
# A model paces its tokens; 2 ms is five hundred tokens a second, faster than the providers are.
_SERVER = """
import socket, sys, threading, time
chunk = b'data: {"choices":[{"index":0,"delta":{"content":"word"}}]}\\n\\n'
framed = b"%x\\r\\n%s\\r\\n" % (len(chunk), chunk)
head = b"HTTP/1.1 200 OK\\r\\ncontent-type: text/event-stream\\r\\ntransfer-encoding: chunked\\r\\n\\r\\n"
pause, count, before = float(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
def serve(peer):
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while True:
        asked = b""
        while b"\\r\\n\\r\\n{}" not in asked:
            more = peer.recv(65536)
            if not more:
                return
            asked += more
        peer.sendall(head)
        time.sleep(before)
        for _ in range(count):
            peer.sendall(framed)
            time.sleep(pause)
        peer.sendall(b"0\\r\\n\\r\\n")
door = socket.create_server(("127.0.0.1", 0))
print(door.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(door.accept()[0],), daemon=True).start()
"""


@contextmanager
def _server(pause_s: float, before_s: float = 0) -> Iterator[str]:
    command = [sys.executable, "-c", _SERVER, str(pause_s), str(_CHUNKS), str(before_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        yield f"http://127.0.0.1:{child.stdout.readline().strip()}/v1/chat/completions"
        child.kill()


def _ask(url: str, requests: int) -> float:
    with httpx.Client(trust_env=False) as client:
        _stream(client, url)  # the connection is made before the clock starts

        def work() -> None:
            for _ in range(requests):
                _stream(client, url)

        return seconds(work)


def _stream(client: httpx.Client, url: str) -> None:
    with client.stream("POST", url, content=b"{}") as response:
        assert response.read()


def _recorded(url: str, requests: int) -> float:
    with tempfile.TemporaryDirectory() as folder, harness.record(Path(folder) / "benchmark.yaml"):
        return _ask(url, requests)


def _first(url: str) -> float:
    """Until the consumer has the first chunk, of several requests."""
    with httpx.Client(trust_env=False) as client:
        _stream(client, url)
        taken = 0.0
        for _ in range(5):
            with client.stream("POST", url, content=b"{}") as response:
                chunks = response.iter_raw()
                taken += seconds(lambda: next(chunks))  # noqa: B023 - called at once
                for _ in chunks:
                    pass
        return taken


def _first_recorded(url: str) -> float:
    with tempfile.TemporaryDirectory() as folder, harness.record(Path(folder) / "benchmark.yaml"):
        return _first(url)


def measure() -> list[Ratio]:
    """The first chunk, a stream at the pace of a model, and for information one that never pauses."""
    with _server(0.002, _TO_FIRST_S) as url:
        first, first_recorded = interleaved(lambda: _first(url), lambda: _first_recorded(url), ROUNDS)
    with _server(0.002) as url:
        base, recorded = interleaved(lambda: _ask(url, 3), lambda: _recorded(url, 3), ROUNDS)
    with _server(0) as url:
        fast, fast_recorded = interleaved(lambda: _ask(url, _REQUESTS), lambda: _recorded(url, _REQUESTS), ROUNDS)
    each = (fast_recorded - fast) / (_REQUESTS * _CHUNKS) * 1e6
    return [
        Ratio("the first chunk while recording / not recording", first_recorded / first, FIRST_BOUND, "50 ms to it"),
        Ratio("a recorded stream / the same stream", recorded / base, BOUND, "2 ms between chunks"),
        Ratio(
            "a recorded stream without pauses / the same stream", fast_recorded / fast, BOUND, f"{each:.1f} us a chunk"
        ),
    ]
