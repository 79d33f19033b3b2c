"""Framing: the same frames at every chunking, and every byte kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.dialects import Frame, FrameParser, JsonArrayParser, LineParser, SSEParser, WholeJson

PIECES = {
    SSEParser: [
        b'data: {"a": 1}', b"data:x", b": ping", b"event: p", b"id: 7", b"retry: 1", b"data", b"\xf0\x9f\x8c\x8d",
        b"\xff", b"\xef\xbb\xbf", b"\n", b"\n", b"\r\n", b"\r\n", b"\r", b"\xe2\x80\xa8",
    ],
    LineParser: [b'{"a": 1}', b"{", b'"\xc3\xa9"', b"\xc3", b" ", b"\n", b"\n", b"\r\n", b"\r"],
    JsonArrayParser: [b"[", b"]", b"{", b"}", b'"', b"\\", b'\\"', b",\r\n", b'{"a": [1, "}"]}', b"\xff", b" ", b"1"],
    WholeJson: [b"{", b"\n", b"\xff", b"x"],
}  # fmt: skip

parsers = pytest.mark.parametrize("parser", list(PIECES), ids=lambda p: p.__name__)


def parsed(parser: Callable[[], FrameParser], chunks: list[bytes]) -> list[Frame]:
    one = parser()
    return [frame for chunk in chunks for frame in one.feed(chunk)] + one.close()


def cut(body: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(body) + 1) for place in places}), len(body)]
    return [body[a:b] for a, b in pairwise(edges)]


@parsers
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_frames_are_the_same_at_every_chunking_and_join_to_the_body(
    parser: Callable[[], FrameParser], data: st.DataObject
) -> None:
    body = b"".join(data.draw(st.lists(st.sampled_from(PIECES[parser]), max_size=20)))  # type: ignore[index]
    whole = parsed(parser, [body])
    assert b"".join(frame.raw for frame in whole) == body
    assert parsed(parser, [bytes([byte]) for byte in body]) == whole
    assert parsed(parser, cut(body, data.draw(st.lists(st.integers(0, 99), max_size=6)))) == whole
    assert all(frame.complete for frame in whole[:-1])


line_ends = st.sampled_from(["\n", "\r\n", "\r"])
line = st.text(alphabet=st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=8)


@given(datas=st.lists(st.lists(line, min_size=1, max_size=3), max_size=4), end=line_ends, bom=st.booleans())
@settings(max_examples=100, deadline=None)
def test_what_an_sse_sender_said_is_what_is_read(datas: list[list[str]], end: str, bom: bool) -> None:
    events = ["".join(f"data: {part}{end}" for part in data) + end for data in datas]
    body = (b"\xef\xbb\xbf" if bom and events else b"") + "".join(events).encode()
    frames = parsed(SSEParser, [body])
    assert [frame.data for frame in frames] == ["\n".join(data) for data in datas]
    assert all(frame.complete for frame in frames)


@given(
    values=st.lists(st.dictionaries(line, line | st.integers(), max_size=3), min_size=1, max_size=4),
    indent=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_the_elements_of_an_array_are_its_frames(values: list[dict[str, object]], indent: bool) -> None:
    body = json.dumps(values, indent=2 if indent else None).encode()
    told = [frame for frame in parsed(JsonArrayParser, [body]) if not frame.is_blank]
    assert [json.loads(frame.data) for frame in told] == values
