"""What a recording hears, while the live consumer sees every chunk when it arrives."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import pytest

from harness.model import Chunk, End, Head, Reset, TimedOut

# The clients' own generators, which a consumer that leaves early never closes, live as replayed.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")

EVENTS = [f'data: {{"n": {n}}}\n\n'.encode() for n in range(4)]


def _timeline(session: Any) -> Any:
    return session.cassette().interactions[0].timeline


def test_the_first_chunk_reaches_the_consumer_before_the_server_sends_the_last(
    driver: Any, server: Any, memory: Any
) -> None:
    sent_when_first_arrived: list[list[str]] = []

    def on_chunk(_: bytes) -> None:
        sent_when_first_arrived.append(list(server.sent))
        server.gate.set()

    with memory() as session:
        heard = driver.stream(f"{server.url}/stream", on_chunk=on_chunk)
    assert heard.error is None
    assert b"".join(heard.chunks) == b"".join(EVENTS)
    assert "last" not in sent_when_first_arrived[0]
    assert _timeline(session).chunks[0] == EVENTS[0]


def test_chunks_are_recorded_as_the_consumer_got_them_and_when(driver: Any, server: Any, memory: Any) -> None:
    with memory() as session:
        heard = driver.stream(f"{server.url}/stream", on_chunk=lambda _: server.gate.set())
    timeline = _timeline(session)
    assert list(timeline.chunks) == heard.chunks
    assert timeline.end == "eof"
    times = [at for at, _ in timeline.events]
    assert times == sorted(times)
    assert times[0] > 0


def test_a_request_is_recorded_with_its_whole_body(driver: Any, server: Any, memory: Any) -> None:
    with memory() as session:
        driver.stream(f"{server.url}/whole?b=2&a=1", content=b'{"prompt": "hi"}')
    request = session.cassette().interactions[0].request
    assert (request.method, request.url) == ("POST", f"{server.url}/whole?b=2&a=1")
    assert request.body == b'{"prompt": "hi"}' == server.requests[0]


def test_a_streamed_request_body_is_recorded_and_still_sent(driver: Any, server: Any, memory: Any) -> None:
    def pieces() -> Any:
        yield b"one "
        yield b"two"

    async def apieces() -> Any:
        yield b"one "
        yield b"two"

    with memory() as session:
        heard = driver.stream(f"{server.url}/whole", content=pieces() if driver.colour == "sync" else apieces())
    assert heard.error is None
    assert session.cassette().interactions[0].request.body == b"one two"


def test_headers_are_kept_with_duplicates(driver: Any, server: Any, memory: Any) -> None:
    with memory() as session:
        driver.stream(f"{server.url}/whole")
    head = _timeline(session).head
    assert head == Head(200, head.headers, "OK")
    assert head.headers.get_all("x-twice") == ("a", "b")


def test_gzip_is_decoded_for_the_recording_chunk_by_chunk(driver: Any, server: Any, memory: Any) -> None:
    with memory() as session:
        heard = driver.stream(f"{server.url}/gzip")
    timeline = _timeline(session)
    assert b"".join(heard.chunks) == timeline.body == b"".join(EVENTS)
    assert "content-encoding" in dict(heard.headers)
    assert "content-encoding" not in timeline.head.headers
    assert timeline.end == "eof"


def test_the_consumer_of_raw_bytes_still_gets_them(driver: Any, server: Any, memory: Any) -> None:
    with memory() as session:
        heard = driver.stream(f"{server.url}/gzip", raw=True)
    assert heard.chunks[0].startswith(b"\x1f\x8b")
    assert _timeline(session).body == b"".join(EVENTS)


def test_what_cannot_be_decoded_is_recorded_as_that_failure(driver: Any, server: Any, memory: Any) -> None:
    with memory() as session:
        heard = driver.stream(f"{server.url}/bad-gzip")
    assert type(heard.error) is driver.module.DecodingError
    assert isinstance(_timeline(session).events[-1][1], Reset)
    assert _timeline(session).events[-1][1].error == "DecodingError"


def test_an_error_status_is_an_answer(driver: Any, server: Any, memory: Any) -> None:
    with memory() as session:
        heard = driver.stream(f"{server.url}/limited")
    assert heard.status == 429
    assert _timeline(session).head.status == 429
    assert _timeline(session).head.headers.get("retry-after") == "2"


def test_a_read_timeout_in_the_stream_is_recorded_as_one(driver: Any, server: Any, memory: Any) -> None:
    with memory() as session:
        heard = driver.stream(f"{server.url}/stall", timeout=0.05)
    assert type(heard.error) is driver.module.ReadTimeout
    kinds = [type(event) for _, event in _timeline(session).events]
    assert kinds == [Head, Chunk, TimedOut]


def test_a_read_timeout_before_the_head_is_recorded_as_one(driver: Any, server: Any, memory: Any) -> None:
    with memory() as session:
        heard = driver.stream(f"{server.url}/silent", timeout=0.05)
    assert type(heard.error) is driver.module.ReadTimeout
    ((_, event),) = _timeline(session).events
    assert event == TimedOut("read", str(heard.error))


@pytest.mark.parametrize("path, error", [("reset", "ReadError"), ("cut", "RemoteProtocolError")])
def test_a_broken_connection_is_recorded_as_what_it_was(
    driver: Any, server: Any, memory: Any, path: str, error: str
) -> None:
    with memory() as session:
        heard = driver.stream(f"{server.url}/{path}", on_chunk=lambda _: server.gate.set())
    assert type(heard.error) is getattr(driver.module, error)
    assert _timeline(session).events[-1][1] == Reset(error, str(heard.error))
    assert _timeline(session).chunks == (EVENTS[0],)


def test_a_refused_connection_is_recorded_as_what_it_was(driver: Any, server: Any, memory: Any, free_port: int) -> None:
    with memory() as session:
        heard = driver.stream(f"http://127.0.0.1:{free_port}/")
    assert type(heard.error) is driver.module.ConnectError
    ((_, event),) = _timeline(session).events
    assert event == Reset("ConnectError", str(heard.error))


def test_leaving_early_is_recorded_as_closed(driver: Any, server: Any, memory: Any) -> None:
    with memory() as session:
        heard = driver.stream(f"{server.url}/stream", stop_after=1)
    assert heard.error is None
    assert (_timeline(session).end, _timeline(session).chunks) == ("closed", (EVENTS[0],))


def test_leaving_after_every_announced_byte_is_an_end(driver: Any, server: Any, memory: Any) -> None:
    with memory() as session:
        driver.stream(f"{server.url}/whole", stop_after=1)
    assert _timeline(session).end == "eof"


def test_a_cancelled_task_is_recorded_as_cancelled(async_driver: Any, server: Any, memory: Any) -> None:
    with memory() as session:
        heard = async_driver.stream(f"{server.url}/stream", cancel_after=1)
    assert heard.error is None
    assert (_timeline(session).end, _timeline(session).chunks) == ("cancelled", (EVENTS[0],))


def test_a_session_that_is_closed_hears_nothing_and_holds_nothing_up(
    family: ModuleType, server: Any, memory: Any
) -> None:
    with family.Client() as client:
        with memory() as session:
            request = client.build_request("POST", f"{server.url}/stream")
            response = client.send(request, stream=True)
            chunks = response.iter_raw()
            first = next(chunks)
        server.gate.set()
        assert first + b"".join(chunks) == b"".join(EVENTS)
    assert (_timeline(session).end, _timeline(session).chunks) == ("open", (EVENTS[0],))


def test_a_live_call_is_no_unseen_connection(driver: Any, server: Any, memory: Any) -> None:
    with memory() as session:
        driver.stream(f"{server.url}/whole")
        # A name is looked up in a thread, except by trio, whose thread stays for ten seconds and looks busy to a clock.
        name = "127.0.0.1" if driver.colour == "trio" else "localhost"
        driver.stream(f"http://{name}:{server.port}/whole")
    assert session.unheard == []
    assert len(session.cassette()) == 2


def test_the_place_in_the_cassette_is_that_of_the_request(family: ModuleType, server: Any, memory: Any) -> None:
    with memory() as session, family.Client() as client:
        first = client.send(client.build_request("POST", f"{server.url}/stream"), stream=True)
        client.post(f"{server.url}/whole")
        server.gate.set()
        first.read()
    paths = [re.sub(".*/", "", it.request.url) for it in session.cassette()]
    assert paths == ["stream", "whole"]
    assert [it.timeline.events[-1][1] for it in session.cassette()] == [End(), End()]
