"""Framing, where an example says more than a property."""

from __future__ import annotations

from harness.dialects import (
    JsonArrayParser,
    LineParser,
    SSEParser,
    WholeJson,
    split_json_array,
    split_ndjson,
    split_sse,
)


def test_an_event_that_the_stream_cut_is_delivered_and_says_so() -> None:
    parser = SSEParser()
    assert [frame.data for frame in parser.feed(b"data: one\n\ndata: tw")] == ["one"]
    (cut,) = parser.close()
    assert (cut.data, cut.complete) == ("tw", False)


def test_a_crlf_in_two_chunks_ends_one_event_once() -> None:
    parser = SSEParser()
    assert parser.feed(b"data: one\r\n\r") == []
    assert [frame.raw for frame in parser.feed(b"\ndata: two\r\n\r\n")] == [b"data: one\r\n\r\n", b"data: two\r\n\r\n"]


def test_an_event_that_is_complete_comes_out_at_once() -> None:
    assert [frame.data for frame in SSEParser().feed(b"data: one\n\n")] == ["one"]
    assert [frame.data for frame in LineParser().feed(b'{"a": 1}\n')] == ['{"a": 1}']
    assert [frame.data for frame in JsonArrayParser().feed(b'[{"a": 1}')] == ['{"a": 1}']
    assert WholeJson().feed(b'{"a": 1}') == []


def test_invalid_utf8_is_kept_raw_and_replaced_in_the_view() -> None:
    (frame,) = SSEParser().feed(b"data: \xff\n\n")
    assert (frame.data, frame.raw) == ("�", b"data: \xff\n\n")


def test_a_line_separator_of_unicode_is_no_line_end() -> None:
    (frame,) = SSEParser().feed("data: a\u2028b\x85c\n\n".encode())
    assert frame.data == "a\u2028b\x85c"


def test_comments_and_blank_lines_are_frames_that_say_nothing() -> None:
    frames = SSEParser().feed(b": keep-alive\n\n\n\ndata: x\n\n")
    assert [frame.is_blank for frame in frames] == [True, False]


def test_gemini_sends_the_comma_before_the_element() -> None:
    body = b'[{"a": "]}"}\n,\r\n{"b": [2]}\n]'
    assert split_json_array(body) == (b'[{"a": "]}"}', b'\n,\r\n{"b": [2]}', b"\n]")


def test_a_split_body_joins_to_itself() -> None:
    body = b"\xef\xbb\xbfdata: a\n\r\ndata: b\r\r\n\n"
    assert b"".join(split_sse(body)) == body
    assert split_ndjson(b'{"a": 1}\n\n{"b": 2}\r\n{"c') == (b'{"a": 1}\n', b'\n{"b": 2}\r\n', b'{"c')
    assert split_sse(b"") == ()
