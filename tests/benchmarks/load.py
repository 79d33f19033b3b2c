"""`python -m tests.benchmarks.load PORT CONNECTIONS SECONDS`: short chat requests, as many as a server answers, in a
process of its own. Prints requests, seconds, and how much of a core the load itself took.

It reads no more of an answer than it must to see its end, so that the server is what is measured: a client that parses
takes longer than the servers do.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time

BODY = json.dumps(
    {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello, how are you?"}], "temperature": 0.2}
).encode()
HEADERS = (
    "host: 127.0.0.1\r\naccept: application/json\r\ncontent-type: application/json\r\n"
    "authorization: Bearer sk-dummy\r\nuser-agent: load\r\n"
)
REQUEST = f"POST /v1/chat/completions HTTP/1.1\r\n{HEADERS}content-length: {len(BODY)}\r\n\r\n".encode() + BODY
LAST_CHUNK = b"0\r\n\r\n"


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


def load(port: int, connections: int, length_s: float) -> tuple[int, float]:
    """How many answers came, and in how many seconds."""
    poll = selectors.DefaultSelector()
    for _ in range(connections):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(REQUEST)
        poll.register(sock, selectors.EVENT_READ, [sock, b""])
    done, start = 0, time.perf_counter()
    end = start + length_s
    while (now := time.perf_counter()) < end:
        for key, _ in poll.select(1.0):
            state = key.data
            data = state[0].recv(65536)
            if not data:
                message = f"the server closed a connection after {done} answers"
                raise RuntimeError(message)
            heard = state[1] + data if state[1] else data
            if is_whole(heard):
                if not heard.startswith(b"HTTP/1.1 200 "):
                    raise RuntimeError(heard[:300].decode())
                done += 1
                state[1] = b""
                state[0].send(REQUEST)
            else:
                state[1] = heard
    return done, now - start


if __name__ == "__main__":
    count, took_s = load(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
    print(json.dumps({"count": count, "seconds": took_s, "cpu": time.process_time() / took_s}))
