"""What a replay says is what was heard: bytes, chunks and failures, with the server gone."""

from __future__ import annotations

import gc
import socket
from types import ModuleType
from typing import Any

import pytest

from harness.errors import Miss
from harness.model import Cassette, End, Head, Headers, Interaction, Nanos, Request, Reset, TimedOut, Timeline, seconds

# The clients' own generators, which a consumer that leaves early never closes, live as replayed.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")

URL = "http://model.test/v1"
ASK = Request("POST", URL, body=b"ask")
STREAM = Timeline.of(Head(200), [b"one", b"two", b"three"], at=seconds(1), every=seconds(10))


def _cassette(*timelines: Timeline) -> Cassette:
    return Cassette(tuple(Interaction(ASK, timeline, id=f"#{n}") for n, timeline in enumerate(timelines, 1)))


@pytest.mark.parametrize("path", ["stream", "whole", "gzip", "limited"])
def test_a_replay_gives_the_bytes_and_chunks_of_the_live_answer(
    driver: Any, server: Any, memory: Any, path: str
) -> None:
    server.gate.set()
    with memory() as recording:
        live = driver.stream(f"{server.url}/{path}")
    server.stop()
    with memory(recording.cassette()) as session:
        replayed = driver.stream(f"{server.url}/{path}")
    assert (replayed.status, replayed.chunks, replayed.error) == (live.status, live.chunks, None)
    dropped = {"content-encoding", "content-length"} if path == "gzip" else set()
    assert replayed.headers == [pair for pair in live.headers if pair[0] not in dropped]
    assert session.history[0].outcome in {"ok", "http 429"}


# On a busy machine the real server takes its time, and connecting counts for the recording and not for the timeout.
@pytest.mark.parametrize("path, timeout", [("reset", 5), ("cut", 5), ("silent", 0.25), ("stall", 0.25)])
def test_a_replayed_failure_is_the_live_one(driver: Any, server: Any, memory: Any, path: str, timeout: float) -> None:
    server.gate.set()
    with memory() as recording:
        live = driver.stream(f"{server.url}/{path}", timeout=timeout)
    server.stop()
    with memory(recording.cassette()):
        replayed = driver.stream(f"{server.url}/{path}", timeout=timeout)
    assert live.error is not None
    assert type(replayed.error) is type(live.error)
    assert str(replayed.error) == str(live.error)
    assert replayed.error.request.url == live.error.request.url
    assert replayed.chunks == live.chunks


def test_no_second_passes(driver: Any, memory: Any) -> None:
    with memory(_cassette(STREAM)) as session:
        heard = driver.stream(URL, timeout=30)
    assert heard.chunks == [b"one", b"two", b"three"]
    assert session.clock.now() == seconds(31)


def test_a_stall_longer_than_patience_is_a_read_timeout_at_that_time(driver: Any, memory: Any) -> None:
    with memory(_cassette(STREAM)) as session:
        heard = driver.stream(URL, timeout=4)
    assert type(heard.error) is driver.module.ReadTimeout
    assert heard.chunks == []
    assert session.clock.now() == seconds(5)


@pytest.mark.parametrize(
    "event, name",
    [
        (TimedOut("connect"), "ConnectTimeout"),
        (TimedOut("read"), "ReadTimeout"),
        (TimedOut("write"), "WriteTimeout"),
        (TimedOut("pool"), "PoolTimeout"),
        (Reset("ConnectError"), "ConnectError"),
        (Reset("RemoteProtocolError", "gone"), "RemoteProtocolError"),
        (Reset("gaierror", "no such name"), "ConnectError"),
        (Reset("NobodyKnowsThisError"), "ReadError"),
    ],
)
def test_a_failure_is_raised_as_the_class_of_the_family(
    driver: Any, memory: Any, event: Reset | TimedOut, name: str
) -> None:
    with memory(_cassette(Timeline.failed(event))):
        heard = driver.stream(URL, timeout=30)
    assert type(heard.error) is getattr(driver.module, name)
    assert heard.error.request.url == URL
    assert not event.message or str(heard.error) == event.message


def test_leaving_early_is_remembered_as_closed(driver: Any, memory: Any) -> None:
    with memory(_cassette(STREAM)) as session:
        driver.stream(URL, stop_after=1, timeout=30)
    assert session.history[0].outcome == "closed"


def test_cancelling_is_remembered_as_cancelled(async_driver: Any, memory: Any) -> None:
    with memory(_cassette(STREAM)) as session:
        async_driver.stream(URL, cancel_after=1, timeout=30)
    assert session.history[0].outcome == "cancelled"


def test_a_recording_that_stopped_early_never_ends_cleanly(driver: Any, memory: Any) -> None:
    with memory(_cassette(STREAM.cut(2))) as session:
        heard = driver.stream(URL, timeout=None)
    assert isinstance(heard.error, Miss)
    assert "silent" in str(heard.error)
    assert heard.chunks == [b"one", b"two"]
    assert len(session.engine.misses) == 1


def test_a_recording_that_stopped_early_ends_by_the_callers_own_timer(driver: Any, memory: Any) -> None:
    with memory(_cassette(STREAM.cut(2))):
        heard = driver.stream(URL, timeout=60)
    assert type(heard.error) is driver.module.ReadTimeout


def test_a_miss_comes_through_the_client_as_it_is(driver: Any, memory: Any) -> None:
    with memory(_cassette(STREAM)) as session:
        heard = driver.stream(URL, content=b"something else")
    assert isinstance(heard.error, Miss)
    assert session.engine.misses == [heard.error]


def test_duplicate_headers_and_the_reason_are_replayed(family: ModuleType, memory: Any) -> None:
    head = Head(299, Headers((("X-Twice", "a"), ("X-Twice", "b"), ("X-Name", "grüß"))), "Fine")
    with memory(_cassette(Timeline.of(head, [b"ok"]))), family.Client() as client:
        response = client.post(URL, content=b"ask")
    assert response.headers.get_list("x-twice") == ["a", "b"]
    assert response.headers["x-name"] == "grüß"
    assert (response.status_code, response.reason_phrase) == (299, "Fine")


def test_no_socket_is_opened(driver: Any, memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda *args: opened.append(args))
    with memory(_cassette(STREAM)):
        driver.stream(URL, timeout=30)
    assert opened == []


def test_a_stream_that_outlives_its_session_is_a_miss(family: ModuleType, memory: Any) -> None:
    with family.Client(timeout=30) as client:
        with memory(_cassette(STREAM)) as session:
            chunks = client.send(client.build_request("POST", URL, content=b"ask"), stream=True).iter_raw()
            next(chunks)
        with pytest.raises(Miss, match="was closed while this answer was being read"):
            next(chunks)
    assert len(session.told) == 1


def test_an_answer_closed_under_its_reader_is_no_clean_end(family: ModuleType, memory: Any) -> None:
    with memory(_cassette(STREAM)), family.Client(timeout=30) as client:
        response = client.send(client.build_request("POST", URL, content=b"ask"), stream=True)
        chunks = iter(response.stream)
        next(chunks)
        response.close()
        with pytest.raises(family.ReadError):
            next(chunks)


def test_an_end_without_a_body_is_an_end(driver: Any, memory: Any) -> None:
    timeline = Timeline(((Nanos(0), Head(204)), (Nanos(5), End())))
    with memory(_cassette(timeline)) as session:
        heard = driver.stream(URL)
    assert (heard.status, heard.chunks, heard.error) == (204, [], None)
    assert session.history[0].outcome == "ok"


def test_an_explicit_transport_needs_no_patch(driver: Any, memory: Any) -> None:
    session = memory(_cassette(STREAM))
    from harness.transports import is_intercepting, transport

    gc.collect()  # contexts of earlier tests, which keep the patch for as long as somebody could still ask
    assert not is_intercepting()
    heard = driver.stream(URL, timeout=30, transport=transport(session, driver.module))
    assert heard.chunks == [b"one", b"two", b"three"]


def test_an_explicit_transport_records_too(driver: Any, server: Any, memory: Any) -> None:
    from harness.transports import transport

    with memory() as session:
        heard = driver.stream(f"{server.url}/whole", transport=transport(session, driver.module))
    assert heard.chunks == [b'{"ok": true}']
    assert len(session.cassette()) == 1


def test_an_explicit_transport_of_a_closed_session_is_a_miss(driver: Any, memory: Any) -> None:
    from harness.transports import transport

    with memory(_cassette(STREAM)) as session:
        bound = transport(session, driver.module)
    heard = driver.stream(URL, transport=bound)
    assert isinstance(heard.error, Miss)
    assert "this transport belongs to 'memory', which is closed" in str(heard.error)
    assert session.told == [heard.error]
    assert len(session.history) == 0


def test_a_module_that_is_no_family_is_refused(memory: Any) -> None:
    from harness.transports import transport

    with pytest.raises(TypeError, match="httpx or httpx2"):
        transport(memory(), socket)
