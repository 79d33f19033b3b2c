"""A project that records for the public may strike out every URL: then the body says what was asked."""

from __future__ import annotations

import pytest

from harness.engine import CassetteSource
from harness.model import Cassette, Head, Interaction, Request, Timeline
from harness.spec import Found, Mismatch

LOST = "**REDACTED**"


def source(*requests: Request) -> CassetteSource:
    told = (Interaction(one, Timeline.of(Head(200), [b"ok"]), id=str(n)) for n, one in enumerate(requests))
    return CassetteSource(Cassette(tuple(told)))


def asked(body: bytes, method: str = "POST", url: str = "https://x.example/v1/embeddings") -> Request:
    return Request(method, url, body=body)


def test_the_body_finds_what_lost_its_url() -> None:
    cassette = source(asked(b'{"input": "b"}', url=LOST), asked(b'{"input": "a", "model": "m"}', url=LOST))
    found = cassette.find(asked(b'{"model":"m","input":"a"}'))
    assert isinstance(found, Found)
    assert (found.interaction.id, found.how) == ("1", "body")


@pytest.mark.parametrize(
    "recorded, other",
    [
        (asked(b'{"input": "a"}', url=LOST), asked(b'{"input": "b"}')),
        (asked(b'{"input": "a"}', url=LOST), asked(b'{"input": "a"}', method="PUT")),
        (asked(b"", method="GET", url=LOST), asked(b"", method="GET")),
        (asked(b'{"input": "a"}', url="https://y.example/v1/rerank"), asked(b'{"input": "a"}')),
    ],
    ids=["another body", "another method", "no body", "a URL of its own"],
)
def test_nothing_less_than_a_body_will_do(recorded: Request, other: Request) -> None:
    assert isinstance(source(recorded).find(other), Mismatch)
