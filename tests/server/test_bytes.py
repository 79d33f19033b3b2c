"""What goes over the socket, to the byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import harness
from harness.model import Chunk, End, Event, Head, Headers, Raw, Reset, TimedOut, Timeline
from tests.server.asking import GREETING, SSE, Fixed, Wire, answering, get, post

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def test_every_event_is_on_the_wire_as_it_is_written() -> None:
    source = Fixed(SSE, Chunk("Hé".encode()[:2]), Chunk("Hé".encode()[2:]), Chunk(b"data: x\n\n"), End())
    with harness.serve(source) as server, Wire(server.url) as wire:
        wire.send(post())
        assert wire.until(b"0\r\n\r\n") == HEAD + b"2\r\nH\xc3\r\n1\r\n\xa9\r\n9\r\ndata: x\n\n\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    "events, sent, how",
    [
        ((SSE, Chunk(b"half"), Reset("ReadError")), HEAD + b"4\r\nhalf\r\n", "rst"),
        ((SSE, Chunk(b"half"), Reset("RemoteProtocolError")), HEAD + b"4\r\nhalf\r\n", "fin"),
        ((Reset("ReadError"),), b"", "rst"),
        ((Reset("RemoteProtocolError"),), b"", "fin"),
        ((Reset("ConnectError"),), b"", "rst"),
        ((Raw(b"\x16\x03\x01"), Reset("RemoteProtocolError")), b"\x16\x03\x01", "fin"),
        ((SSE, Raw(b"ZZZ\r\n"), End()), HEAD + b"ZZZ\r\n0\r\n\r\n", "fin"),
    ],
)
def test_a_broken_connection_ends_as_its_fault_says(events: tuple[Event, ...], sent: bytes, how: str) -> None:
    with harness.serve(Fixed(*events)) as server, Wire(server.url) as wire:
        assert wire.send(post()).rest() == (sent, how)
        assert len(server.history) == 1


def test_what_was_sent_before_a_reset_arrives_whole_at_a_client_that_reads_late() -> None:
    pieces = [bytes([number]) * 50_000 for number in range(1, 41)]
    with harness.serve(Fixed(SSE, *map(Chunk, pieces), Reset("ReadError"))) as server, Wire(server.url) as wire:
        wire.send(post())
        wire.read(len(HEAD))
        data, how = wire.rest()
        assert how == "rst"
        assert [data.count(bytes([number])) >= 50_000 for number in range(1, 41)] == [True] * 40


def test_a_silent_answer_leaves_the_connection_open_until_the_client_goes() -> None:
    with harness.serve(Fixed(SSE, Chunk(b"half"), TimedOut("read"))) as server:
        with Wire(server.url) as wire:
            wire.send(post()).read(len(HEAD) + 9)
            wire.sock.settimeout(0.02)
            with pytest.raises(TimeoutError):
                wire.sock.recv(1)
        assert server.history[0].outcome == "ReadTimeout"


def test_an_answer_whose_end_nobody_heard_is_closed_by_the_client() -> None:
    timeline = Timeline.of(SSE, [b"half"]).cut(1)
    with harness.serve(Fixed(timeline=timeline)) as server:
        with Wire(server.url) as wire:
            assert wire.send(post()).read(len(HEAD) + 9) == HEAD + b"4\r\nhalf\r\n"
        with Wire(server.url) as other:  # answered after the close was seen, because one loop sees both
            other.send(get("/")).answer()
        assert server.history[0].outcome == "closed"


def test_a_connection_is_used_again_and_pipelined_requests_are_answered_in_order() -> None:
    with harness.serve(lambda prompt: prompt.text) as server, Wire(server.url) as wire:
        asked = [post(body={"model": "m", "messages": [{"role": "user", "content": f"n{n}"}]}) for n in range(50)]
        wire.send(b"".join(asked))
        said = [wire.until(b"0\r\n\r\n") for _ in asked]
        assert [f'"n{n}"'.encode() in answer for n, answer in enumerate(said)] == [True] * 50
        assert [entry.prompt.text for entry in server.history] == [f"n{n}" for n in range(50)]


def test_a_client_that_asks_for_it_gets_its_connection_closed() -> None:
    with harness.serve(answering()) as server:
        with Wire(server.url) as wire:
            data, how = wire.send(post(connection="close")).rest()
            assert data.endswith(b"connection: close\r\n\r\nfine")
            assert how == "fin"
        with Wire(server.url) as old:
            data, how = old.send(b"POST / HTTP/1.0\r\ncontent-length: 0\r\n\r\n").rest()
            assert (data.endswith(b"\r\n\r\nfine"), how) == (True, "fin")


def test_head_is_answered_without_a_body() -> None:
    with harness.serve(answering()) as server, Wire(server.url) as wire:
        assert wire.send(get("/anything", "HEAD")).until(b"\r\n\r\n") == b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
        assert wire.send(get("/", "HEAD")).until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")
        assert wire.send(post()).answer()[1] == b"fine"


def test_a_client_that_waits_for_100_continue_is_told_to_go_on_and_its_chunks_are_joined() -> None:
    source = answering()
    with harness.serve(source) as server, Wire(server.url) as wire:
        head = b"POST /v1/embeddings HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n"
        assert wire.send(head).until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert wire.send(b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n").answer()[1] == b"fine"
        assert source.asked[0].body == b"abcdefg"


def test_a_header_that_would_become_another_one_is_never_sent() -> None:
    source = Fixed(Head(200, Headers((("x-note", "a\r\nset-cookie: b"),))), End())
    with pytest.raises(harness.Miss, match="line break"), harness.serve(source) as server, Wire(server.url) as wire:
        data, _ = wire.send(post()).rest()
        assert data.startswith(b"HTTP/1.1 500 ")
        assert b"\r\nset-cookie" not in data


def test_an_answer_that_is_kept_is_the_one_that_is_played(written: Callable[[str], Path]) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}]}
    with harness.serve(written(GREETING)) as server, Wire(server.url) as wire:
        kept = [wire.send(post(body=body)).until(b"0\r\n\r\n") for _ in range(2)]
        # A page in a browser gets one header more, so this one is played event by event.
        played = wire.send(post(body=body, origin="http://page")).until(b"0\r\n\r\n")
        assert kept[0] == kept[1] == played.replace(b"access-control-allow-origin: *\r\n", b"")
        struck = wire.send(post(body=body, x_harness_fault="kind=http-503-overloaded")).until(b"\r\n")
        assert struck.startswith(b"HTTP/1.1 503 ")
        assert [len(entry.events) for entry in server.history][:3] == [3, 3, 3]
