"""A session decides about one request at a time, whoever asks: two askers never take the same answer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

import harness
from harness.engine import CassetteSource
from harness.model import Cassette, Head, Interaction, Request, Timeline

URL = "http://model.test/v1"
GRACE_S = 0.05


class Inviting:
    """A source that holds whoever asks until another one comes in as well, or nobody does."""

    def __init__(self, cassette: Cassette) -> None:
        self._inner = CassetteSource(cassette)
        self._company = threading.Event()
        self._inside = 0
        self.most_inside = 0
        self.name = "inviting"

    def find(self, request: Request) -> Any:
        self._inside += 1
        self.most_inside = max(self.most_inside, self._inside)
        if self._inside > 1:
            self._company.set()
        self._company.wait(GRACE_S)
        found = self._inner.find(request)
        self._inside -= 1
        return found

    def unplayed(self) -> Any:
        return self._inner.unplayed()


def test_two_askers_are_never_inside_at_once() -> None:
    asked = Request("POST", URL, body=b"ask")
    answers = [Interaction(asked, Timeline.of(Head(200), [text])) for text in (b"one", b"two")]
    source = Inviting(Cassette(tuple(answers)))
    with harness.replay(source, clock="wall"), ThreadPoolExecutor(2) as pool:
        texts = [pool.submit(lambda: httpx.post(URL, content=b"ask").text) for _ in answers]
        assert sorted(text.result(5) for text in texts) == ["one", "two"]
    assert source.most_inside == 1
