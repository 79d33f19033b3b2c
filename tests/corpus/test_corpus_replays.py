"""Every recording replays byte for byte through a plain httpx or httpx2 call made of its recorded request.

In recorded order, shuffled, and from sixteen threads at once. A URL that its project struck out is asked where the
provider has it; where nothing says what it was, it is in `STRUCK_OUT` with the reason.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import httpx
import httpx2
import pytest

import harness
from harness.errors import CassetteError, Miss
from harness.model import Cassette, Interaction
from harness.storage import load

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
SUFFIXES = (".yaml", ".yml", ".json", ".gz")
FILES = sorted(p for p in CORPUS.rglob("*") if p.name.endswith(SUFFIXES)) if CORPUS.is_dir() else []
pytestmark = pytest.mark.skipif(not FILES, reason=f"the corpus is not beside this repository: {CORPUS.name} is missing")
FAMILIES = [httpx, httpx2]
STRUCK_OUT = "a GET without a body whose URL was struck out: nothing that is left says what was asked"
PLACES = {"responses": "https://api.openai.com/v1/responses", "chat": "https://api.openai.com/v1/chat/completions"}
"""Where SDKs send what has lost its URL; the body shows which of the two it is."""


def readable() -> Iterator[tuple[Path, Cassette]]:
    for path in FILES:
        try:
            yield path, load(path)
        except CassetteError:  # no HTTP: test_corpus_loads says which, and what they are told
            continue


HTTP = list(readable())
EACH = pytest.mark.parametrize("path, cassette", HTTP, ids=[path.name[:60] for path, _ in HTTP])
EITHER = pytest.mark.parametrize("family", FAMILIES, ids=lambda module: module.__name__)


def url_of(one: Interaction) -> str:
    if urlsplit(one.request.url).scheme:
        return one.request.url
    return PLACES["chat" if b'"messages"' in one.request.body else "responses"]


def is_struck_out(one: Interaction) -> bool:
    return not urlsplit(one.request.url).scheme and not one.request.body


def asked(client: Any, one: Interaction) -> Any:
    """The recorded request as a plain client makes it; the client itself knows lengths, hosts and codings."""
    own = {"host", "content-length", "transfer-encoding", "accept-encoding", "connection"}
    headers = [(k.encode(), v.encode()) for k, v in one.request.headers if k.lower() not in own]
    return client.build_request(one.request.method, url_of(one), headers=headers, content=one.request.body or None)


def check(response: Any, one: Interaction) -> None:
    head = one.timeline.head
    assert head is not None
    assert response.status_code == head.status
    heard = list(response.iter_raw())
    assert b"".join(heard) == one.timeline.body
    assert tuple(heard) == one.timeline.chunks
    assert [(k.lower(), v) for k, v in head.headers] == [
        (k.decode().lower(), v.decode()) for k, v in response.headers.raw
    ]


def playable(cassette: Cassette) -> list[Interaction]:
    return [one for one in cassette if not is_struck_out(one)]


def opened(cassette: Cassette) -> harness.Session:
    return harness.replay(Cassette(tuple(playable(cassette)), cassette.name))


@EITHER
@EACH
def test_in_recorded_order(path: Path, cassette: Cassette, family: ModuleType) -> None:
    with opened(cassette) as session, family.Client() as client:
        for one in playable(cassette):
            check(client.send(asked(client, one), stream=True), one)
    assert len(session.history) == len(playable(cassette))


@EITHER
@EACH
@pytest.mark.asyncio
async def test_in_recorded_order_in_a_task(path: Path, cassette: Cassette, family: ModuleType) -> None:
    async with opened(cassette), family.AsyncClient() as client:
        for one in playable(cassette):
            response = await client.send(asked(client, one))
            assert response.status_code == (one.timeline.head and one.timeline.head.status)
            assert response.content == one.timeline.body


def same(one: Interaction) -> tuple[str, str, bytes]:
    """What makes two requests the same one, bytes first: in three of the cassettes an older and a newer SDK asked the
    same question with other white space, and each gets its own answer."""
    return one.request.method, url_of(one), one.request.body


@EACH
def test_shuffled_and_the_same_request_in_its_own_order(path: Path, cassette: Cassette) -> None:
    ones = playable(cassette)
    waiting: defaultdict[tuple[str, str, bytes], list[Interaction]] = defaultdict(list)
    for one in ones:
        waiting[same(one)].append(one)
    order = random.Random(path.name).sample(ones, len(ones))
    with opened(cassette), httpx2.Client() as client:
        for one in order:
            check(client.send(asked(client, one), stream=True), waiting[same(one)].pop(0))


@EACH
def test_sixteen_threads_get_their_own_answers(path: Path, cassette: Cassette) -> None:
    ones = playable(cassette)
    wanted, heard = Counter((*same(one), one.timeline.body) for one in ones), Counter[Any]()
    with opened(cassette), httpx.Client() as client, ThreadPoolExecutor(16) as pool:
        for one, response in zip(ones, pool.map(lambda it: client.send(asked(client, it)), ones), strict=True):
            heard[(*same(one), response.content)] += 1
    assert heard == wanted


@EACH
def test_one_request_more_than_recorded_is_a_miss(path: Path, cassette: Cassette) -> None:
    ones = playable(cassette)
    with pytest.raises(Miss) as caught, opened(cassette), httpx.Client() as client:
        for one in [*ones, ones[-1]]:
            client.send(asked(client, one))
    assert "played already" in str(caught.value)


@EACH
def test_another_word_in_the_body_is_a_miss_that_names_the_nearest(path: Path, cassette: Cassette) -> None:
    one = next((it for it in playable(cassette) if it.request.body.startswith(b"{")), None)
    if one is None:
        assert "assistants" in str(playable(cassette)[0].request.url)
        return
    changed = Interaction(type(one.request)("POST", url_of(one), one.request.headers, b'{"no": "such"}'), one.timeline)
    with pytest.raises(Miss, match="nearest"), opened(cassette), httpx.Client() as client:
        client.send(asked(client, changed))


def test_all_but_one_can_be_asked() -> None:
    every = [one for _, cassette in HTTP for one in cassette]
    lost = [one for one in every if is_struck_out(one)]
    assert (len(every), len(lost)) == (200, 1), STRUCK_OUT
