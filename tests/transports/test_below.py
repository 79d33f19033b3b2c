"""What lies below HTTP, against a real socket: the same bytes give the same error, with its words and its cause."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from harness.errors import Miss
from harness.model import (
    Cassette,
    Chunk,
    End,
    Head,
    Headers,
    Interaction,
    Nanos,
    Raw,
    Request,
    Reset,
    Timeline,
    seconds,
)

# The clients' own generators, which a consumer that leaves early never closes, live as replayed.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")

URL = "http://model.test/v1"
HEAD = Head(200, Headers((("content-type", "text/plain"),)), "OK")
SENT = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"
NOW = Nanos(0)
FIN = Reset("RemoteProtocolError")
ANSWERS = {
    "bad chunk size": ([HEAD, Chunk(b"one"), Raw(b"ZZZ\r\n"), FIN], SENT + b"3\r\none\r\nZZZ\r\n"),
    "no HTTP": ([Raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"), FIN], None),
    "a header too large": (
        [Raw(b"HTTP/1.1 200 OK\r\nx-long: " + b"a" * 300_000 + b"\r\n\r\n"), FIN],
        None,
    ),
    "an end inside of a chunk": ([HEAD, Raw(b"5\r\non"), FIN], SENT + b"5\r\non"),
    "an end inside of the head": ([Raw(b"HTTP/1.1 200 OK\r\ncontent-"), FIN], None),
    "more than was promised": (
        [Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n"), Raw(b"one and more"), FIN],
        None,
    ),
    "less than was promised": ([Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\none"), FIN], None),
    "all as it should be": ([HEAD, Raw(b"3\r\none\r\n"), End()], SENT + b"3\r\none\r\n0\r\n\r\n"),
}


def _timeline(events: list[Any]) -> Timeline:
    return Timeline(tuple((NOW, event) for event in events))


def _raw(events: list[Any], sent: bytes | None) -> bytes:
    return sent if sent is not None else b"".join(event.data for event in events if isinstance(event, Raw))


@contextmanager
def speaking(data: bytes) -> Iterator[str]:
    """A real server that says `data` to whoever asks, and then closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                asked = b""
                while not asked.endswith(b"ask"):
                    asked += connection.recv(65536)
                connection.sendall(data)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        thread.join(5)


def _cassette(timeline: Timeline) -> Cassette:
    return Cassette((Interaction(Request("POST", URL, body=b"ask"), timeline, id="#1"),))


@pytest.mark.parametrize("name", ANSWERS)
def test_in_process_is_as_on_a_socket(driver: Any, memory: Any, name: str) -> None:
    events, sent = ANSWERS[name]
    with speaking(_raw(events, sent)) as url:
        real = driver.stream(url)
    with memory(_cassette(_timeline(events))) as session:
        ours = driver.stream(URL)
    assert type(ours.error) is type(real.error)
    assert str(ours.error) == str(real.error)
    assert type(getattr(ours.error, "__cause__", None)) is type(getattr(real.error, "__cause__", None))
    assert b"".join(ours.chunks) == b"".join(real.chunks)
    fine = {"ok", "closed"}  # who was promised less than what comes does not hear the end
    assert session.history[0].outcome in (fine if real.error is None else {type(real.error).__name__})


def test_the_real_ones_do_fail(driver: Any, memory: Any) -> None:
    """What is compared above is something: without the lane these would all be fine."""
    for name in ("bad chunk size", "no HTTP", "a header too large", "an end inside of a chunk"):
        with memory(_cassette(_timeline(ANSWERS[name][0]))):
            assert type(driver.stream(URL).error) is driver.module.RemoteProtocolError


def test_time_is_virtual_down_there_too(driver: Any, memory: Any) -> None:
    events = ((seconds(1), HEAD), (seconds(9), Chunk(b"one")), (seconds(40), Raw(b"ZZZ\r\n")), (seconds(40), FIN))
    with memory(_cassette(Timeline(events))) as session:
        heard = driver.stream(URL, timeout=30)
    assert type(heard.error) is driver.module.ReadTimeout
    assert heard.chunks == [b"one"]
    assert session.clock.now() == seconds(39)


def test_a_cancelled_task_leaves_the_lane_as_cancelled(async_driver: Any, memory: Any) -> None:
    with memory(_cassette(_timeline([HEAD, Chunk(b"one"), Raw(b"3\r\ntwo\r\n"), End()]))) as session:
        heard = async_driver.stream(URL, cancel_after=1)
    assert heard.error is None
    assert session.history[0].outcome in {"cancelled", "closed"}


def test_reading_on_in_silence_is_a_miss_down_there_too(driver: Any, memory: Any) -> None:
    timeline = Timeline(((NOW, HEAD), (NOW, Raw(b"3\r\none\r\n"))), "open")
    with memory(_cassette(timeline)):
        heard = driver.stream(URL, timeout=None)
    assert isinstance(heard.error, Miss)


@pytest.mark.parametrize("error", ["ConnectError", "ReadError", "RemoteProtocolError"])
def test_an_error_has_the_cause_that_it_has_live(driver: Any, memory: Any, error: str) -> None:
    with memory(_cassette(Timeline.failed(Reset(error)))):
        heard = driver.stream(URL)
    core = driver.module.__name__.replace("httpx", "httpcore")
    assert type(heard.error).__name__ == error
    assert type(heard.error.__cause__).__module__.partition(".")[0] == core
    assert type(heard.error.__cause__).__name__ == error
