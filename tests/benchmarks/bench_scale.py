"""A cassette of 10,000 interactions (65 MB): opened and not read. Bounds are in seconds and megabytes, and ratios.

Memory is measured in a process of its own. A full pass beside other recorders is `bench_peers`.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from harness.engine import CassetteSource
from harness.model import Cassette, Head, Headers, Interaction, Nanos, Request, Timeline
from harness.spec import Found
from harness.storage import dump, open_lazily
from tests.benchmarks.ratio import Ratio, seconds

COUNT, FEW = 10_000, 1_000
FIRST_TEN_S_MAX, INDEX_S_MAX = 0.15, 1.5
SAME_COST = 1.25
ROUNDS = 5
URL = "https://api.openai.com/v1/chat/completions"
_JSON = Headers.of([("content-type", "application/json"), ("authorization", "REDACTED-authorization")])
_STREAM = Head(200, Headers.of([("content-type", "text/event-stream")]))
_WORDS = ("the", "of", "model", "answer", "user", "question", "risk", "task", "person", "result", "weather")
_MEMORY = """
import sys
from harness.engine import CassetteSource
from harness.model import Request
from harness.storage import open_lazily
def resident():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) * 1024
source = CassetteSource(open_lazily(sys.argv[2]))
before = resident()
source = CassetteSource(open_lazily(sys.argv[1]))
for place in (0, 1, 2, 9000, 17):
    source.find(source.cassette.requests[place])
print(resident() - before)
"""


def interactions(count: int) -> Iterator[Interaction]:
    """Streamed chats of about 6.5 kB each."""
    dice = random.Random(1)
    for number in range(count):
        prose = " ".join(dice.choices(_WORDS, k=90))
        message = {"role": "user", "content": f"question {number}: {prose}"}
        body = json.dumps({"model": "gpt-4o-mini", "messages": [message], "stream": True}).encode()
        chunks = [_event(number, f"{dice.choice(_WORDS)} {place}") for place in range(27)]
        timeline = Timeline.of(_STREAM, chunks, at=Nanos(2_000_000), every=Nanos(20_000_000))
        yield Interaction(Request("POST", URL, _JSON, body), timeline)


def _event(number: int, text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    event = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": 1741569952, "choices": [choice]}
    return f"data: {json.dumps(event)}\n\n".encode()


def measure() -> Iterator[Ratio]:
    """Opening, the index, memory, and the cost at both ends."""
    with tempfile.TemporaryDirectory() as folder:
        large, few = Path(folder, "large.yaml"), Path(folder, "few.yaml")
        asked = [one.request for one in interactions(COUNT)]
        large.write_bytes(dump(Cassette(tuple(interactions(COUNT)))))
        few.write_bytes(dump(Cassette(tuple(interactions(FEW)))))
        yield from _opening(large, asked)
        yield from _memory(large, few)
        yield from _places(large, asked)


def _opening(path: Path, asked: list[Request]) -> Iterator[Ratio]:
    def first_ten() -> None:
        source = CassetteSource(open_lazily(path))
        for request in asked[:10]:
            assert isinstance(source.find(request), Found)

    def one_out_of_order(source: CassetteSource) -> float:
        return seconds(lambda: source.find(asked[COUNT // 2]))

    took = min(seconds(first_ten) for _ in range(ROUNDS))
    indexed = min(one_out_of_order(CassetteSource(open_lazily(path))) for _ in range(3))
    yield Ratio(f"opening {COUNT:,} and ten requests / what it may take", took / FIRST_TEN_S_MAX, 1.0, f"{took:.3f} s")
    yield Ratio("the index of all of them / what it may take", indexed / INDEX_S_MAX, 1.0, f"{indexed:.2f} s, once")


def _memory(path: Path, few: Path) -> Iterator[Ratio]:
    command = [sys.executable, "-c", _MEMORY, str(path), str(few)]
    grown = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    size = path.stat().st_size
    yield Ratio("memory at its peak / the file", grown / size, 1.0, f"{grown / 1e6:.0f} of {size / 1e6:.0f} MB")


def _places(path: Path, asked: list[Request]) -> Iterator[Ratio]:
    """In recorded order and, with the index built, in any: the first and the last hundred of a full pass."""
    for name, order in (("recorded order", asked), ("any order", random.Random(1).sample(asked, COUNT))):
        first, last = _ends(CassetteSource(open_lazily(path)), order)
        yield Ratio(f"the last requests / the first, {name}", last / first, SAME_COST, f"{last * 1e6:.0f} us each")


def _ends(source: CassetteSource, order: list[Request]) -> tuple[float, float]:
    """The median of the first and of the last five hundred, less the one that builds the index and the very last."""
    source.find(order[-1])
    took = [seconds(partial(source.find, request)) for request in order[:-1]]
    first, last = (sorted(part)[len(part) // 2] for part in (took[:500], took[-500:]))
    return first, last
