"""Many answers at once, each at its time, and how a server ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

import harness
from harness.model import PER_MILLISECOND, Chunk, End, Interaction, Nanos, Request, Timeline
from harness.server import Limits
from harness.spec import Found
from tests.server.asking import PATIENCE_S, SSE, Fixed, Wire, answering, get, post

STREAMS, CHUNKS = 200, 5


class Numbered:
    """A Source whose answer to request `n` says `n` in every chunk, a second apart."""

    name = "numbered"

    def find(self, request: Request) -> Found:
        return Found(Interaction(request, Timeline.of(SSE, _said(int(request.body)), every=Nanos(10**9))))

    def unplayed(self) -> list[str]:
        return []


def _said(number: int) -> Iterator[bytes]:
    return (f"<{number}:{chunk}>".encode() for chunk in range(CHUNKS))


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int, order: list[int]) -> bytes:
    writer.write(post(body=str(number).encode(), connection="close"))
    data = b""
    while more := await reader.read(4096):
        order.append(number)
        data += more
    writer.close()
    return data


def test_two_hundred_streams_are_played_at_once_and_none_hears_another() -> None:
    order: list[int] = []

    async def all_of_them(host: str, port: int) -> list[bytes]:
        # Connected first: on a busy machine that takes longer than an answer does.
        wires = await asyncio.gather(*(asyncio.open_connection(host, port) for _ in range(STREAMS)))
        return await asyncio.gather(*(_read(*wire, number, order) for number, wire in enumerate(wires)))

    with harness.serve(Numbered(), rate=5) as server:
        host, port = server.url.removeprefix("http://").split(":")
        heard = asyncio.run(all_of_them(host, int(port)))
        for number, data in enumerate(heard):
            frames = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in _said(number))
            assert data.endswith(frames + b"0\r\n\r\n")
        times = [[at - entry.at for at, _ in entry.events] for entry in server.history]
        asked = [entry.at for entry in server.history]
    assert len(times) == STREAMS
    # No event came before its time, and the last request was asked before the first one's answer was over.
    assert all(at >= n * 10**9 for each in times for n, at in enumerate(each[: CHUNKS + 1]))
    assert max(asked) < min(at + each[-1] for at, each in zip(asked, times, strict=True))
    assert len(set(order[:STREAMS])) > STREAMS // 2


def test_a_rate_plays_a_minute_in_a_moment_and_keeps_its_times() -> None:
    minute = Timeline.of(SSE, [b"a", b"b"], every=Nanos(30 * 10**9))
    with harness.serve(Fixed(timeline=minute), rate=2000) as server, Wire(server.url) as wire:
        wire.send(post()).until(b"0\r\n\r\n")
        at = [at for at, _ in server.history[0].events]
        assert at[2] - at[0] >= 60 * 10**9


def test_a_client_that_does_not_read_holds_up_nobody_and_gets_everything_later() -> None:
    pieces = [b"~" * 200_000] * 80
    with harness.serve(Fixed(SSE, *map(Chunk, pieces), End()), limits=Limits(head_s=60)) as server:
        with Wire(server.url) as slow:
            slow.send(post(connection="close"))
            with Wire(server.url) as other:
                assert other.send(get("/")).answer()[1] == b"harness is running\n"
            assert server.history[0].chunks < len(pieces)
            data, how = slow.rest()
        assert (data.count(b"~"), how) == (80 * 200_000, "fin")


def test_a_stop_with_grace_lets_an_answer_end_and_takes_no_new_one() -> None:
    slow = Fixed((0, SSE), (0, Chunk(b"one")), (60 * PER_MILLISECOND, Chunk(b"two")), (60 * PER_MILLISECOND, End()))
    with harness.serve(slow) as server, Wire(server.url) as wire, Wire(server.url) as idle:
        wire.send(post()).until(b"one\r\n")
        idle.send(get("/")).answer()
        stopping = threading.Thread(target=server.stop, args=(PATIENCE_S,))
        stopping.start()
        assert idle.rest() == (b"", "fin")
        assert wire.rest() == (b"3\r\ntwo\r\n0\r\n\r\n", "fin")
        stopping.join()
        with pytest.raises(ConnectionRefusedError):
            Wire(server.url)
        assert server.history[0].outcome == "ok"
        assert server.server.clock.now() < PATIENCE_S * 10**9  # it ended with the answer, and not with the grace


def test_a_stop_without_grace_breaks_an_answer_off() -> None:
    with harness.serve(Fixed((0, SSE), (0, Chunk(b"one")), (10**12, End()))) as server, Wire(server.url) as wire:
        wire.send(post()).until(b"one\r\n")
        server.stop()
        assert wire.rest()[0] == b""
        assert server.history[0].outcome == "closed"


def test_a_taken_port_is_an_error_where_it_is_started() -> None:
    with harness.serve(answering(), unplayed="ignore") as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"):
            harness.serve(answering(), port=port).start()


def test_it_is_a_context_manager_of_both_colours() -> None:
    async def ask() -> str:
        async with harness.serve(answering()) as server:
            with Wire(server.url) as wire:
                return str(wire.send(post()).answer()[1])

    assert asyncio.run(ask()) == "b'fine'"


def test_a_replay_in_the_same_process_lets_its_code_reach_the_server() -> None:
    replayed = harness.replay(lambda prompt: "x", clock="wall", unplayed="ignore")
    with harness.serve(answering()) as server, replayed, Wire(server.url) as wire:
        assert wire.send(post()).answer()[1] == b"fine"
