"""The bytes that an answer is, read back by somebody else's parser."""

from __future__ import annotations

from collections.abc import Iterable

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model import Chunk, End, Event, Head, Headers, Nanos, Raw, Request, Reset, TimedOut, Timeline
from harness.wire import Close, Refuse, Send, Silence, Step, Writer, steps

ASKED = Request("POST", "http://127.0.0.1/v1/chat/completions")
PLAIN = Head(200, Headers((("content-type", "text/plain"),)))


def _steps(events: Iterable[Event], request: Request = ASKED, **options: bool) -> list[Step]:
    writer = Writer(request, **options)
    return [step for event in events for step in writer.write(event)]


def _sent(written: Iterable[Step]) -> bytes:
    return b"".join(step.data for step in written if isinstance(step, Send))


def _parsed(written: Iterable[Step], method: str = "POST") -> tuple[h11.Response, bytes, h11.Connection]:
    """What h11 makes of it as a client; RemoteProtocolError where it is no HTTP."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("host", "h")]))
    client.send(h11.EndOfMessage())
    response, body = None, b""
    for step in written:
        client.receive_data(step.data if isinstance(step, Send) else b"")
        while (event := client.next_event()) is not h11.NEED_DATA and event is not h11.PAUSED:
            match event:
                case h11.Response():
                    response = event
                case h11.Data():
                    body += bytes(event.data)
                case h11.EndOfMessage() | h11.ConnectionClosed():
                    break
    assert response is not None
    return response, body, client


@given(chunks=st.lists(st.binary(min_size=1, max_size=50), max_size=8), length=st.booleans())
def test_h11_reads_the_body_that_was_written_and_the_connection_can_be_used_again(
    chunks: list[bytes], length: bool
) -> None:
    size = (("content-length", str(sum(map(len, chunks)))),) if length else ()
    writer = Writer(ASKED)
    events = [Head(200, Headers(size)), *map(Chunk, chunks), End()]
    written = [step for event in events for step in writer.write(event)]
    response, body, client = _parsed(written)
    assert (response.status_code, body) == (200, b"".join(chunks))
    assert client.their_state is h11.DONE
    assert writer.keeps_alive


def test_each_event_is_one_send_and_each_chunk_one_chunk_of_http() -> None:
    written = _steps([PLAIN, Chunk(b"Hello, wor"), Chunk(b"ld"), End()])
    assert written == [
        Send(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"),
        Send(b"a\r\nHello, wor\r\n"),
        Send(b"2\r\nld\r\n"),
        Send(b"0\r\n\r\n"),
    ]


@pytest.mark.parametrize(
    "method, status, headers",
    [("HEAD", 200, (("content-length", "5"),)), ("POST", 204, ()), ("POST", 304, (("content-length", "5"),))],
)
def test_an_answer_that_has_no_body_gets_none(method: str, status: int, headers: tuple[tuple[str, str], ...]) -> None:
    written = _steps([Head(status, Headers(headers)), Chunk(b"never"), End()], Request(method, "http://h/"))
    assert b"never" not in _sent(written)
    assert b"transfer-encoding" not in _sent(written)
    assert _parsed(written, method)[2].their_state is h11.DONE


def test_connection_close_without_a_length_is_a_body_up_to_the_end_of_the_connection() -> None:
    written = _steps([Head(200, Headers((("connection", "close"),))), Chunk(b"all of it"), End()])
    assert written[-1] == Close("fin")
    assert _sent(written).endswith(b"\r\n\r\nall of it")
    assert _parsed(written)[1] == b"all of it"


def test_a_client_of_http_1_0_gets_no_chunks() -> None:
    head = Head(200, Headers((("transfer-encoding", "chunked"),)))
    written = _steps([head, Chunk(b"all of it"), End()], http10=True)
    assert _sent(written) == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nall of it"
    assert written[-1] == Close("fin")


def test_a_length_beside_chunks_is_dropped() -> None:
    head = Head(200, Headers((("Content-Length", "3"), ("Transfer-Encoding", "chunked"))))
    assert _sent(_steps([head])) == b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("length", [4, 6])
def test_a_length_that_is_not_true_is_sent_as_it_is_and_the_connection_is_closed(length: int) -> None:
    written = _steps([Head(200, Headers((("content-length", str(length)),))), Chunk(b"Hello"), End()])
    assert f"content-length: {length}".encode() in _sent(written)
    assert written[-1] == Close("fin")
    if length > 5:
        with pytest.raises(h11.RemoteProtocolError, match="received 5 bytes, expected 6"):
            _parsed(written)


@pytest.mark.parametrize(
    "event, step",
    [
        (Reset("RemoteProtocolError", "closed"), Close("fin")),
        (Reset("ReadError", "[Errno 104]"), Close("rst")),
        (Reset("WriteError"), Close("rst")),
        (Reset("ConnectError", "[Errno 111] refused"), Refuse("ConnectError", "[Errno 111] refused")),
        (TimedOut("connect", "timed out"), Refuse("ConnectTimeout", "timed out")),
        (TimedOut("pool"), Refuse("PoolTimeout")),
        (TimedOut("read"), Silence()),
    ],
)  # fmt: skip
def test_a_failure_before_anything_came_is_what_the_connection_does(event: Reset | TimedOut, step: Step) -> None:
    assert _steps([event]) == [step]


def test_a_cut_body_is_one_that_h11_refuses() -> None:
    written = _steps([PLAIN, Chunk(b"half"), Reset("RemoteProtocolError")])
    assert written[-1] == Close("fin")
    with pytest.raises(h11.RemoteProtocolError, match="incomplete chunked read"):
        _parsed(written)


def test_what_was_connected_cannot_be_refused_any_more() -> None:
    assert _steps([PLAIN, Reset("ConnectError")])[-1] == Close("rst")


def test_raw_bytes_stand_on_the_connection_as_they_are_and_end_it() -> None:
    assert _steps([Raw(b"\x16\x03\x01"), End()]) == [Send(b"\x16\x03\x01"), Close("fin")]
    written = _steps([PLAIN, Raw(b"ZZZ\r\n"), End()])
    assert written[1:] == [Send(b"ZZZ\r\n"), Send(b"0\r\n\r\n"), Close("fin")]
    with pytest.raises(h11.RemoteProtocolError):
        _parsed(written)


@pytest.mark.parametrize(
    "head",
    [
        Head(200, Headers((("x-note", "a\r\nset-cookie: b"),))),
        Head(200, Headers((("x-note", "a\nb"),))),
        Head(200, Headers((("x-note\r\nset-cookie", "a"),))),
        Head(200, Headers((("", "a"),))),
        Head(200, reason="OK\r\nset-cookie: b"),
    ],
)
def test_what_would_become_another_header_is_refused(head: Head) -> None:
    with pytest.raises(ValueError, match=r"line break|no name of a header"):
        _steps([head])


def test_a_status_that_has_no_words_of_its_own_is_written_without_any() -> None:
    assert _sent(_steps([Head(529)])).startswith(b"HTTP/1.1 529 \r\n")
    assert _parsed(_steps([Head(529), End()]))[0].status_code == 529


def test_the_connection_ends_with_the_answer_where_somebody_asked_for_it() -> None:
    writer = Writer(ASKED, closes=True)
    written = [step for event in (PLAIN, Chunk(b"x"), End()) for step in writer.write(event)]
    assert written[-1] == Close("fin")
    assert b"connection: close\r\n" in _sent(written)
    assert not writer.keeps_alive
    assert _parsed(written)[1] == b"x"


def test_a_whole_timeline_keeps_its_times_and_its_silence() -> None:
    at = (Nanos(5), Nanos(7), Nanos(9))
    timeline = Timeline(((at[0], PLAIN), (at[1], Chunk(b"x"))), "open", at[2])
    timed = steps(timeline, ASKED)
    assert [when for when, _ in timed] == list(at)
    assert timed[-1][1] == Silence()
    assert steps(Timeline.failed(Reset("ReadError"), at=at[0]), ASKED) == ((at[0], Close("rst")),)
