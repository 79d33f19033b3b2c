"""What is no request, too large, or never whole: told, bounded, and no trouble for anybody else."""

from __future__ import annotations

from random import Random

import pytest

import harness
from harness.model import End, Head
from harness.server import Limits
from tests.server.asking import Fixed, Wire, answering, get, post


@pytest.mark.parametrize(
    "sent, status",
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"HELLO\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n", 400),
        (get("http://[bad]/v1/models"), 400),
        (b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 2000, 431),
        (b"GET / HTTP/1.1\r\n" + b"x: a\r\n" * 400, 431),
        (post(body=b"a" * 5000), 413),
        (post(body=b"a" * 5000, expect="100-continue")[:150], 413),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n" + b"800\r\n" + b"a" * 2048 + b"\r\n" * 1
         + b"900\r\n" + b"a" * 2304 + b"\r\n", 413),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_and_the_connection_is_closed(
    sent: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(head_bytes=1000, body_bytes=4000)
    with harness.serve(answering(), limits=limits) as server:
        with Wire(server.url) as wire:
            data, how = wire.send(sent).rest()
            assert data.startswith(f"HTTP/1.1 {status} ".encode())
            assert b"100 Continue" not in data
            assert how == "fin"
        with Wire(server.url) as other:
            assert other.send(post()).answer()[1] == b"fine"
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


def test_who_is_refused_while_still_sending_gets_to_read_why() -> None:
    whole = post(body=b"a" * 3_000_000)
    with harness.serve(answering(), unplayed="ignore", limits=Limits(body_bytes=4000)) as server:
        with Wire(server.url) as wire:
            data, how = wire.send(whole).rest()
        assert (data[:13], how) == (b"HTTP/1.1 413 ", "fin")
        with Wire(server.url) as impatient:
            assert impatient.send(whole[:200]).until(b"\r\n").startswith(b"HTTP/1.1 413 ")


def test_who_sends_half_a_request_and_goes_asks_for_nothing() -> None:
    source = answering()
    with harness.serve(source) as server:
        for half in (b"", b"POST /v1/chat/comp", post(body=b"abcdef")[:-3]):
            with Wire(server.url) as wire:
                wire.send(half)
        with Wire(server.url) as wire:
            assert wire.send(post()).answer()[1] == b"fine"
        assert len(source.asked) == 1


@pytest.mark.parametrize("begun", [b"GET / HTTP/1.1\r\nx-slow: ", post(body=b"abcdef")[:-3]])
def test_a_request_that_does_not_become_whole_is_given_up(begun: bytes) -> None:
    limits = Limits(head_s=0.02, request_s=0.02)
    with harness.serve(answering(), unplayed="ignore", limits=limits) as server, Wire(server.url) as wire:
        data, how = wire.send(begun).rest()
        assert data.startswith(b"HTTP/1.1 408 ")
        assert how == "fin"


def test_a_connection_on_which_nothing_is_asked_is_closed() -> None:
    with harness.serve(answering(), limits=Limits(idle_s=0.02)) as server, Wire(server.url) as wire:
        assert wire.send(post()).answer()[1] == b"fine"
        assert wire.rest() == (b"", "fin")


def test_an_answer_may_take_longer_than_a_request_may() -> None:
    limits = Limits(head_s=0.01, request_s=0.01, idle_s=0.01)
    late = Fixed((60_000_000, Head(200)), (60_000_000, End()))
    with harness.serve(late, limits=limits) as server, Wire(server.url) as wire:
        assert wire.send(post()).until(b"0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_an_offer_of_http_2_is_declined_and_the_request_is_read_with_its_body() -> None:
    source = answering()
    offer = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAMAAABkAAQAoAAAAAIAAAAA"}
    with harness.serve(source) as server, Wire(server.url) as wire:
        assert wire.send(post(body=b'{"a": 1}', **offer)).answer()[1] == b"fine"
        assert wire.send(post(body=b'{"a": 2}')).answer()[1] == b"fine"
        assert [request.body for request in source.asked] == [b'{"a": 1}', b'{"a": 2}']
        assert "upgrade" not in source.asked[0].headers


def test_options_and_paths_of_no_dialect_do_no_harm() -> None:
    missed = pytest.raises(harness.Miss, match="no dialect recognises")
    with missed, harness.serve(lambda prompt: "x") as server, Wire(server.url) as wire:
        assert wire.send(get("*", "OPTIONS")).answer()[0].startswith(b"HTTP/1.1 400 ")
        assert wire.send(get("/nowhere")).answer()[0].startswith(b"HTTP/1.1 400 ")
        assert len(server.misses) == 2


def test_no_bytes_make_it_fail(caplog: pytest.LogCaptureFixture) -> None:
    """asyncio logs what a protocol raises, and closes that connection: here nothing is logged."""
    chance = Random(20261128)
    whole = [
        post(body={"model": "m", "messages": [{"role": "user", "content": "x"}]}, x_harness_fault="chunk=1/kind=reset"),
        post("/v1beta/models/m:generateContent", {"contents": [{"parts": [{"text": "x"}]}]}, expect="100-continue"),
        post("/model/m/converse", b"\xff\xfe", x_harness_session="a"),
        get("/__harness__/verdict?session=%ff"),
        get("/v1/models", "OPTIONS", origin="http://page", access_control_request_method="POST"),
    ]
    with pytest.raises(harness.Miss), harness.serve(lambda prompt: prompt.text) as server:
        for _ in range(300):
            data = bytearray(chance.choice(whole) + chance.choice(whole))
            for _ in range(chance.choice([0, 1, 3])):
                data[chance.randrange(len(data))] = chance.randrange(256)
            with Wire(server.url) as wire:
                wire.send(bytes(data[: chance.randrange(1, len(data) + 1)]))
        with Wire(server.url) as wire:
            assert wire.send(get("/")).answer()[1] == b"harness is running\n"
        assert server.misses
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
