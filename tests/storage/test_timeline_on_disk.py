"""The timeline of a file: what it may say, and what happens where it does not fit the body beside it."""

from __future__ import annotations

import pytest

from harness.errors import CassetteError
from harness.model import Cassette, Chunk, End, Head, Headers, Interaction, Nanos, Request, Reset, TimedOut, Timeline
from harness.storage import dump, parse

MS = 1_000_000
SSE = b'data: {"a":1}\n\ndata: {"b":2}\n\ndata: [DONE]\n\n'
FILE = """\
interactions:
- request: {{method: POST, uri: 'https://api.openai.com/v1/chat/completions', headers: {{}}, body: '{{}}'}}
  response:
    status: {{code: 200, message: OK}}
    headers: {{content-type: [text/event-stream]}}
    {timeline}
    body:
      string: |+
        data: {{"a":1}}

        data: {{"b":2}}

        data: [DONE]

version: 1
"""


def reading(timeline: str) -> Cassette:
    return parse(FILE.format(timeline=timeline).encode(), "edited.yaml")


def timed(found: Cassette) -> list[tuple[int, bytes]]:
    events = found.interactions[0].timeline.events
    return [(at // MS, event.data) for at, event in events if isinstance(event, Chunk)]


def test_chunks_arrive_when_the_timeline_says() -> None:
    found = reading("timeline: {v: 1, unit: ms, headers_at: 2, chunks: 2+10 102+34, end: eof, end_ms: 104}")
    assert found.notes == ()
    assert found.interactions[0].timeline.events == (
        (Nanos(2 * MS), Head(200, Headers((("content-type", "text/event-stream"),)), "OK")),
        (Nanos(2 * MS), Chunk(SSE[:10])),
        (Nanos(102 * MS), Chunk(SSE[10:])),
        (Nanos(104 * MS), End()),
    )


def test_without_a_timeline_the_dialects_frames_play_at_time_zero() -> None:
    found = reading("protocol: null")
    assert found.notes == ()
    assert timed(found) == [(0, frame + b"\n\n") for frame in SSE.split(b"\n\n")[:-1]]
    assert found.interactions[0].timeline.end == "eof"
    assert found.interactions[0].timeline.end_at == 0


def test_an_edited_body_with_as_many_frames_keeps_its_times() -> None:
    found = reading("timeline: {v: 1, unit: ms, headers_at: 2, chunks: 2+10 102+16 200+14, end: eof, end_ms: 204}")
    assert [at for at, _ in timed(found)] == [2, 102, 200]
    assert b"".join(data for _, data in timed(found)) == SSE
    (note,) = found.notes
    assert note.startswith("edited.yaml: interaction #1: the timeline adds up to 40 bytes and the body has 44")
    assert "Record it again" in note


def test_an_edited_body_with_other_frames_plays_when_the_head_arrives() -> None:
    found = reading("timeline: {v: 1, unit: ms, headers_at: 7, chunks: 8+10, end: eof, end_ms: 204}")
    assert [at for at, _ in timed(found)] == [7, 7, 7]
    assert found.interactions[0].timeline.end_at == 204 * MS
    assert "(3)" in found.notes[0]


@pytest.mark.parametrize("end", ["closed", "cancelled", "open"])
def test_an_edit_never_makes_a_clean_end_of_a_recording_that_stopped_early(end: str) -> None:
    found = reading(f"timeline: {{v: 1, unit: ms, headers_at: 7, chunks: 8+10, end: {end}, end_ms: 204}}")
    assert found.interactions[0].timeline.end == end
    assert found.notes


@pytest.mark.parametrize(
    "event, written",
    [
        (TimedOut("read", "timed out"), "ReadTimeout: timed out"),
        (TimedOut("connect"), "ConnectTimeout"),
        (TimedOut("write", "x: y"), "WriteTimeout: x: y"),
        (TimedOut("pool"), "PoolTimeout"),
        (Reset("RemoteProtocolError", "peer closed connection"), "RemoteProtocolError: peer closed connection"),
        (Reset("ReadError"), "ReadError"),
        (Reset("ConnectError", "[Errno 111] Connection refused\n"), "[Errno 111] Connection refused"),
    ],
)
def test_a_failure_is_written_under_the_name_that_the_client_gives_it(event: Reset | TimedOut, written: str) -> None:
    middle = Timeline(((Nanos(0), Head(200)), (Nanos(MS), Chunk(b"x")), (Nanos(9 * MS), event)))
    before = Timeline.failed(event, at=Nanos(9 * MS))
    data = dump(Cassette(tuple(Interaction(Request("GET", "https://x/"), t) for t in (middle, before))))
    assert data.decode().count(written) == 2
    assert [one.timeline for one in parse(data, "x")] == [middle, before]


@pytest.mark.parametrize(
    "timeline, message",
    [
        ("timeline: [1, 2]", "interaction #1, response.timeline: expected a mapping, found a list"),
        ("timeline: {v: 2}", "version 2, and only version 1 is known here. Upgrade"),
        ("timeline: {v: 1, unit: s}", "the unit 's' is not known"),
        ("timeline: {v: 1, chunks: 2+x}", "chunks: chunk 1 is '2+x'"),
        ("timeline: {v: 1, chunks: 0+0}", "with a length of one or more"),
        ("timeline: {v: 1, chunks: 9+22 3+22}", "its times go back"),
        ("timeline: {v: 1, headers_at: -1}", "headers_at: expected a whole number"),
        ("timeline: {v: 1, end: close}", "Did you mean 'closed'?"),
        ("timeline: {v: 1, chunks: 0+44, layout: compct}", "Did you mean 'compact'?"),
    ],
)
def test_a_timeline_that_is_none_is_one_clear_error(timeline: str, message: str) -> None:
    with pytest.raises(CassetteError) as caught:
        reading(timeline)
    assert str(caught.value).startswith("edited.yaml: interaction #1, response.timeline")
    assert message in str(caught.value)


def test_requests_without_an_answer_come_back_at_their_place() -> None:
    failed = Timeline.failed(Reset("ConnectError", "refused"), at=Nanos(3 * MS))
    left = Timeline((), "cancelled", Nanos(4 * MS))
    clean = Timeline.of(Head(200), [b"x"])
    for order in ([failed, clean], [clean, failed], [failed, left], [clean, left, clean, failed, clean], [left]):
        cassette = Cassette(tuple(Interaction(Request("GET", f"https://x/{n}"), t) for n, t in enumerate(order)))
        found = parse(dump(cassette), "x")
        assert found == Cassette(cassette.interactions, "x")
        assert [one.id for one in found] == [f"#{n}" for n in range(1, len(order) + 1)]


def test_places_that_no_longer_fit_keep_their_order() -> None:
    text = """\
interactions:
- request: {method: GET, uri: 'https://x/only', headers: {}, body: ''}
  response: {status: {code: 200, message: OK}, headers: {}, body: {string: ''}}
unanswered:
- {position: 9, request: {method: GET, uri: 'https://x/last', headers: {}, body: ''}, at: 1, error: ConnectError}
- {position: 7, request: {method: GET, uri: 'https://x/later', headers: {}, body: ''}, at: 1, end: open}
version: 1
"""
    assert [one.request.url[-4:] for one in parse(text.encode(), "x")] == ["only", "ater", "last"]


def test_a_mistake_in_an_unanswered_request_names_it() -> None:
    text = "interactions: []\nunanswered:\n- {position: 1, request: {uri: 'https://x'}, at: 0}\nversion: 1\n"
    with pytest.raises(CassetteError, match="unanswered #1, request: the request has no `method`"):
        parse(text.encode(), "x")


def test_a_body_laid_out_and_edited_by_hand_is_put_back_compact() -> None:
    one = Interaction(
        Request("GET", "https://x/"),
        Timeline.of(
            Head(200, Headers((("content-type", "application/json"),))), [b'{"a":1,"pad":"' + b"x" * 60 + b'"}']
        ),
    )
    edited = dump(Cassette((one,))).replace(b'"a": 1', b'"a": 12345')
    found = parse(edited, "edited.yaml")
    assert found.interactions[0].timeline.body == b'{"a":12345,"pad":"' + b"x" * 60 + b'"}'
    assert len(found.notes) == 1
