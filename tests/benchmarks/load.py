"""The load, in a process of its own: `python -m tests.benchmarks.load unary|streams PORT CONNECTIONS SECONDS`.

It reads no more of an answer than it must to see its end, so that the server is what is measured: a client that parses
takes longer than the servers do. Prints one JSON object; `cpu_s` is what the load itself took.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from statistics import median
from typing import Any

BODY = json.dumps(
    {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello, how are you?"}], "temperature": 0.2}
).encode()
STREAMED = json.dumps(
    {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello, tell me a story"}], "stream": True}
).encode()
HEADERS = (
    "host: 127.0.0.1\r\naccept: application/json\r\ncontent-type: application/json\r\n"
    "authorization: Bearer dummy\r\nuser-agent: load\r\n"
)
LAST_CHUNK = b"0\r\n\r\n"


def _request(body: bytes) -> bytes:
    return f"POST /v1/chat/completions HTTP/1.1\r\n{HEADERS}content-length: {len(body)}\r\n\r\n".encode() + body


def is_whole(data: bytes) -> bool:
    """True where `data` is one whole answer, whichever way it is framed."""
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return False
    low = head.lower()
    at = low.find(b"content-length:")
    if at < 0:
        return body.endswith(LAST_CHUNK)
    return len(body) >= int(low[at + 15 :].split(b"\r\n", 1)[0])


def _connected(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def unary(port: int, connections: int, length_s: float) -> dict[str, float]:
    """Short answers, the next request on each connection as soon as its answer is whole."""
    poll, request = selectors.DefaultSelector(), _request(BODY)
    for _ in range(connections):
        sock = _connected(port)
        sock.sendall(request)
        poll.register(sock, selectors.EVENT_READ, [sock, b""])
    done, start = 0, time.perf_counter()
    while (now := time.perf_counter()) < start + length_s:
        for key, _ in poll.select(1.0):
            state = key.data
            state[1] += _heard(state[0])
            if is_whole(state[1]):
                if not state[1].startswith(b"HTTP/1.1 200 "):
                    raise RuntimeError(state[1][:300].decode())
                done += 1
                state[1] = b""
                state[0].send(request)
    return {"count": done, "seconds": now - start}


def streams(port: int, connections: int, length_s: float) -> dict[str, float]:
    """Slow streams, their requests spread over the first second, each read to its end. An answer says in every event
    how many milliseconds after its request that event is due; `late_ms` are the median and the worst of all."""
    poll, request = selectors.DefaultSelector(), _request(STREAMED)
    late: list[float] = []
    waiting = [_connected(port) for _ in range(connections)]
    begun, ended, start = 0, 0, time.perf_counter()
    while ended < connections and time.perf_counter() < start + length_s:
        while waiting and time.perf_counter() >= start + begun / connections:
            sock = waiting.pop()
            poll.register(sock, selectors.EVENT_READ, (sock, time.perf_counter()))
            sock.send(request)
            begun += 1
        for key, _ in poll.select(0.001 if waiting else 1.0):
            sock, asked = key.data
            data = _heard(sock)
            passed_ms = (time.perf_counter() - asked) * 1000
            late += [passed_ms - due for due in _due(data)]
            if data.endswith(LAST_CHUNK):
                ended += 1
                poll.unregister(sock)
    return {
        "ended": ended,
        "events": len(late),
        "late_ms": median(late),
        "latest_ms": max(late),
        "early_ms": -min(late),
    }


def _due(data: bytes) -> list[float]:
    """Every `<123>` in `data`."""
    return [float(part.split(b">", 1)[0]) for part in data.split(b"<")[1:]]


def _heard(sock: Any) -> bytes:
    data: bytes = sock.recv(65536)
    if not data:
        message = "the server closed a connection"
        raise RuntimeError(message)
    return data


if __name__ == "__main__":
    kind, *numbers = sys.argv[1:]
    made = (unary if kind == "unary" else streams)(int(numbers[0]), int(numbers[1]), float(numbers[2]))
    print(json.dumps({**made, "cpu_s": time.process_time()}))
