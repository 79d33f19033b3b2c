"""A process that records until it is killed, and tells on a pipe of its own what its consumer had when.

It imports everything once and forks for every folder named on its input, so that a kill costs milliseconds.
Every cycle records a new cassette, then adds to it in mode `new_episodes`; what is told is told with one write each.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx

import harness
from harness.clock import WallClock
from harness.transports import transport

CALLS, CHUNKS = 4, 10
SECRET = "sk-proj-" + "Ab3" * 16


def body(cycle: int, call: int) -> list[bytes]:
    """The chunks of one answer; a key is split over two of them."""
    events = [f"data: {cycle}/{call}/{n} {'word ' * 40}\n\n".encode() for n in range(CHUNKS)]
    key = f"data: {SECRET}\n\n".encode()
    return [*events[:4], key[:30], key[30:], *events[4:]]


class Upstream(httpx.BaseTransport):
    """A model in memory: every chunk takes a moment."""

    def __init__(self, tell: int, dice: random.Random) -> None:
        self._tell = tell
        self._dice = dice

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        cycle, call = map(int, request.url.path.strip("/").split("/"))
        os.write(self._tell, f"asked {cycle} {call}\n".encode())
        return httpx.Response(
            200, headers={"content-type": "text/event-stream"}, stream=_Paced(cycle, call, self._dice)
        )


class _Paced(httpx.SyncByteStream):
    def __init__(self, cycle: int, call: int, dice: random.Random) -> None:
        self._chunks = body(cycle, call)
        self._dice = dice

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            spin = WallClock()
            pause = self._dice.randrange(150_000)
            while spin.now() < pause:
                pass
            yield chunk


def record(folder: Path, seed: int, cycles: int = 1000) -> None:
    """Record until killed."""
    tell = os.open(folder / "told", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    dice = random.Random(seed)
    for cycle in range(cycles):
        path = folder / f"{cycle // 2}.yaml"
        with harness.record(path, mode="new_episodes") as session:
            client = httpx.Client(transport=transport(session, httpx, Upstream(tell, dice)))
            for call in range(CALLS):
                _listen(client, tell, cycle, call)
            os.write(tell, f"saving {cycle}\n".encode())
        os.write(tell, f"saved {cycle}\n".encode())
    os.close(tell)


def _listen(client: httpx.Client, tell: int, cycle: int, call: int) -> None:
    had = 0
    with client.stream("GET", f"https://model.example/{cycle}/{call}") as response:
        for data in response.iter_raw():
            had += len(data)
            os.write(tell, f"had {cycle} {call} {had}\n".encode())
    os.write(tell, f"ended {cycle} {call}\n".encode())


def main() -> None:
    """One child for each line: a folder and a seed. Its process id is printed, and it is waited for."""
    with tempfile.TemporaryDirectory() as warm:
        record(Path(warm), 0, cycles=2)
    for line in sys.stdin:
        folder, seed = line.rsplit(" ", 1)
        child = os.fork()
        if child == 0:
            record(Path(folder), int(seed))
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
