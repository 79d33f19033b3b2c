"""`python -m tests.benchmarks.full_pass NAME PATH COUNT`: the seconds that a tool takes to replay a whole recording.

Every tool has a process of its own, because each patches the same client, and the same requests through the same httpx.
Of every request the best of some rounds counts: a pass as a whole measures the neighbours.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from harness.model import Request
from tests.benchmarks.bench_scale import URL, interactions
from tests.benchmarks.ratio import seconds

ROUNDS = 5
PLACES = 5


def harness_pass(client: httpx.Client, path: Path, asked: list[Request]) -> float:
    import harness  # what is not measured is not loaded

    def once() -> list[float]:
        session = harness.replay(path)
        opened = seconds(session.start)
        took = [opened, *(seconds(partial(_ask, client, one)) for one in asked)]
        return [*took, seconds(session.stop)]

    return _best(once)


def vcrpy_pass(client: httpx.Client, path: Path, asked: list[Request]) -> float:
    """The mean of five places, with everything before them played, times all: a pass takes half a minute a round."""
    import vcr

    recorder = vcr.VCR(record_mode="none", match_on=("method", "scheme", "host", "port", "path", "query", "body"))
    places = [round(part * (len(asked) - 1) / (PLACES - 1)) for part in range(PLACES)]
    entered, made = recorder.use_cassette(str(path)), []
    loading = seconds(lambda: made.append(entered.__enter__()))
    took = [min(_played_to(made[0], place, asked[place], client) for _ in range(3)) for place in places]
    return loading + sum(took) / PLACES * len(asked)


def _played_to(made: Any, place: int, request: Request, client: httpx.Client) -> float:
    made.play_counts.clear()
    made.play_counts.update(range(place))
    return seconds(partial(_ask, client, request))


def cassetter_pass(client: httpx.Client, path: Path, asked: list[Request]) -> float:
    import cassetter

    def once() -> list[float]:
        cassette = cassetter.use_cassette(str(path), record_mode="none", match_on=["method", "uri", "body"])
        opened = seconds(cassette.__enter__)
        took = [opened, *(seconds(partial(_ask, client, one)) for one in asked)]
        cassette.__exit__(None, None, None)
        return took

    return _best(once)


def dvd_rw_pass(client: httpx.Client, path: Path, asked: list[Request]) -> float:
    """It never looks at bodies, so it is given the place of each request in the URL."""
    from dvd_rw.loader import DVDLoader
    from dvd_rw.models import Matcher

    matchers = [Matcher.host, Matcher.method, Matcher.path, Matcher.query]
    file = path.with_suffix(".dvd.json")
    answers = httpx.MockTransport(lambda _: httpx.Response(200, content=b"x" * 5000))
    with DVDLoader(file_path=file, match_on=matchers), httpx.Client(transport=answers) as recorded:
        for place, one in enumerate(asked):
            recorded.post(f"{URL}?n={place}", content=one.body)

    def once() -> list[float]:
        made = DVDLoader(file_path=file, match_on=matchers)
        opened = seconds(made.__enter__)
        took = [seconds(partial(client.post, f"{URL}?n={at}", content=one.body)) for at, one in enumerate(asked)]
        made.__exit__(None, None, None)
        return [opened, *took]

    return _best(once)


def _best(once: Callable[[], list[float]]) -> float:
    return sum(map(min, zip(*(once() for _ in range(ROUNDS)), strict=True)))


def _ask(client: httpx.Client, one: Request) -> None:
    response = client.post(URL, content=one.body, headers={"content-type": "application/json"})
    assert len(response.content) > 100


PASSES = {"harness": harness_pass, "vcrpy": vcrpy_pass, "cassetter": cassetter_pass, "dvd-rw": dvd_rw_pass}


def main(name: str, path: str, count: str) -> None:
    """Print the seconds."""
    asked = [one.request for one in interactions(int(count))]
    with httpx.Client() as client:  # an application has made it already: loading certificates is not measured here
        print(PASSES[name](client, Path(path), asked))


if __name__ == "__main__":
    main(*sys.argv[1:])
