"""What a replayed request costs, against the same client over a transport that has the same chunks in memory."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence

import httpx

import harness
from harness.model import Cassette, Head, Headers, Interaction, Request, Timeline
from tests.benchmarks.ratio import Ratio, interleaved, seconds

BOUND = 1.5
GROWTH_BOUND = 1.25  # a cost that grew with the cassette would be ten; this much is memory that no longer fits a cache
ROUNDS = 7
_URL = "https://api.openai.com/v1/chat/completions"
_CHUNKS = [f'data: {{"choices":[{{"index":0,"delta":{{"content":"word {n} "}}}}]}}\n\n'.encode() for n in range(20)]
_HEADERS = [("content-type", "text/event-stream")]


class _Canned(httpx.BaseTransport):
    """The floor: the same chunks, and nothing else."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=_HEADERS, stream=_Stream())


class _Stream(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        yield from _CHUNKS


def _body(number: int) -> bytes:
    """About 600 bytes."""
    message = {"role": "user", "content": f"question {number}: {'why is that so? ' * 32}"}
    return json.dumps({"model": "gpt-4o-mini", "messages": [message], "stream": True}).encode()


def _cassette(count: int) -> Cassette:
    timeline = Timeline.of(Head(200, Headers.of(_HEADERS)), _CHUNKS)
    asked = [Request("POST", _URL, Headers.of([("content-type", "application/json")]), _body(n)) for n in range(count)]
    return Cassette(tuple(Interaction(request, timeline) for request in asked), name="benchmark")


def _ask_all(client: httpx.Client, bodies: Sequence[bytes]) -> float:
    def work() -> None:
        for body in bodies:
            with client.stream("POST", _URL, content=body, headers={"content-type": "application/json"}) as response:
                assert sum(1 for _ in response.iter_raw()) == len(_CHUNKS)

    return seconds(work)


def _floor(bodies: Sequence[bytes]) -> float:
    with httpx.Client(transport=_Canned()) as client:
        return _ask_all(client, bodies)


def _replayed(cassette: Cassette, bodies: Sequence[bytes]) -> float:
    # The client is made outside, as an application's is: loading certificates is not what is measured here.
    with httpx.Client() as client, harness.replay(cassette):
        return _ask_all(client, bodies)


def measure() -> list[Ratio]:
    """Recorded order, shuffled order, and a cassette ten times as long."""
    few, many = _cassette(200), _cassette(2000)
    in_order = [it.request.body for it in few]
    shuffled = random.Random(1).sample(in_order, len(in_order))
    base, ordered = interleaved(lambda: _floor(in_order), lambda: _replayed(few, in_order), ROUNDS)
    mixed_base, mixed = interleaved(lambda: _floor(shuffled), lambda: _replayed(few, shuffled), ROUNDS)
    long_order = random.Random(1).sample([it.request.body for it in many], len(many))
    # As many requests on both sides, so that what grows is the cassette and not the run.
    short, long = interleaved(
        lambda: sum(_replayed(few, shuffled) for _ in range(len(many) // len(few))),
        lambda: _replayed(many, long_order),
        ROUNDS // 2,
    )
    each = f"{ordered / len(in_order) * 1e6:.0f} us a request"
    return [
        Ratio("a replayed request, recorded order / the same chunks", ordered / base, BOUND, each),
        Ratio("a replayed request, any order / the same chunks", mixed / mixed_base, BOUND),
        Ratio("a request of 2,000 / a request of 200, any order", long / short, GROWTH_BOUND),
    ]
