"""What goes into a file comes back: every byte, every chunk, every end, times to the millisecond."""

from __future__ import annotations

import base64
import json
from itertools import pairwise

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model import Cassette, Chunk, End, Head, Headers, Interaction, Nanos, Request, Reset, TimedOut, Timeline
from harness.storage import dump, parse

STRANGE = [
    "- request:\n    body: x\n",
    "---\n",
    "...\n",
    "version: 1\n",
    "interactions:\n- request: {}\n",
    "\r\n",
    "\r",
    "\x00",
    "\x85",
    "\u2028",
    "\u2029",
    "\ufeff",
    "\x7f",
    "\x9f",
    "\t",
    "🎉",
    "é",
    "\U0010ffff",
    "'",
    '"',
    "\\",
    "#",
    " # x",
    ": ",
    " ",
    "  \n",
    "\n",
    "\n\n\n",
    "data: {}\n\n",
    "%",
    "&a *a",
    "!!binary",
    "|",
    ">",
    "null",
    "~",
    "yes",
    "1",
    "1.0",
    "2024-01-01",
    "0x1f",
    "=",
    "<<",
    "",
]
TEXT = st.one_of(
    st.lists(st.sampled_from(STRANGE), max_size=6).map("".join),
    st.text(max_size=80),
    st.lists(st.text(max_size=20), max_size=5).map("\n".join),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=12,
)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (",", ": ")])
DOCUMENT = st.builds(
    lambda value, separators, ascii_only, indent, tail: (
        json.dumps([value, "x" * 60], separators=separators, ensure_ascii=ascii_only, indent=indent) + tail
    ),
    JSON,
    SEPARATORS,
    st.booleans(),
    st.sampled_from([None, None, 2]),
    st.sampled_from(["", "\n", "\n\n", " "]),
)
BODY = st.one_of(
    TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")),
    DOCUMENT.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=60),
)
NAME = st.from_regex(r"x-[a-z]{1,8}", fullmatch=True)
FIELDS = st.lists(st.tuples(NAME, TEXT), max_size=4, unique_by=lambda pair: pair[0])
MEDIA = st.sampled_from(["application/json", "application/json; charset=utf-8", "text/event-stream", "text/plain"])
HEADERS = st.builds(lambda media, fields: Headers((("content-type", media), *fields)), MEDIA, FIELDS)
TIMES = st.lists(st.integers(0, 5_000_000_000), min_size=12, max_size=12).map(sorted)
REQUEST = st.builds(Request, st.sampled_from(["GET", "POST"]), TEXT.map(lambda t: f"https://x/{t}"), HEADERS, BODY)
FAILURES = [Reset("ReadError", "connection: reset"), Reset("RemoteProtocolError"), TimedOut("read", "timed out")]


def cut(body: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({min(c, len(body)) for c in cuts} | {0, len(body)})
    return [body[a:b] for a, b in pairwise(edges)]


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    times = draw(TIMES)
    if draw(st.integers(0, 5)) == 0:
        return Timeline.failed(draw(st.sampled_from(FAILURES)), at=Nanos(times[0]))
    if draw(st.integers(0, 9)) == 0:
        return Timeline((), draw(st.sampled_from(["closed", "cancelled", "open"])), Nanos(times[0]))
    head = Head(draw(st.integers(100, 599)), draw(HEADERS), draw(st.sampled_from(["OK", "", "Not Found"])))
    chunks = cut(draw(BODY), draw(st.lists(st.integers(0, 200), max_size=8)))
    events = [head, *(Chunk(data) for data in chunks)]
    timed = [(Nanos(at), event) for at, event in zip(times, events, strict=False)]
    if draw(st.booleans()):
        return Timeline((*timed, (Nanos(times[-1]), draw(st.sampled_from([End(), *FAILURES])))))
    return Timeline(tuple(timed), draw(st.sampled_from(["closed", "cancelled", "open"])), Nanos(times[-1]))


CASSETTES = st.lists(st.builds(Interaction, REQUEST, timelines()), max_size=4).map(
    lambda found: Cassette(tuple(found), "drawn")
)


def shape(timeline: Timeline) -> list[object]:
    return [type(event).__name__ for _, event in timeline.events]


@settings(max_examples=150, deadline=None)
@given(CASSETTES)
def test_every_byte_chunk_and_end_comes_back(cassette: Cassette) -> None:
    found = parse(dump(cassette), "drawn")
    assert len(found) == len(cassette)
    assert found.notes == ()
    for was, now in zip(cassette, found, strict=True):
        assert now.request == was.request
        assert now.timeline.chunks == was.timeline.chunks
        assert (now.timeline.end, shape(now.timeline)) == (was.timeline.end, shape(was.timeline))
        assert now.timeline.head == was.timeline.head
        times = [at for at, _ in was.timeline.events]
        assert all(abs(a - b) <= 500_000 for a, b in zip(times, [at for at, _ in now.timeline.events], strict=True))
        if was.timeline.end == "error":
            assert now.timeline.events[-1][1] == was.timeline.events[-1][1]


@settings(max_examples=80, deadline=None)
@given(CASSETTES)
def test_a_second_trip_changes_nothing(cassette: Cassette) -> None:
    once = dump(cassette)
    assert dump(parse(once, "drawn")) == once


@settings(max_examples=80, deadline=None)
@given(CASSETTES)
def test_stock_pyyaml_reads_the_same_bodies(cassette: Cassette) -> None:
    document = yaml.safe_load(dump(cassette))
    answered = [one for one in cassette if one.timeline.head]
    assert len(document["interactions"]) == len(answered)
    for one, item in zip(answered, document["interactions"], strict=True):
        assert set(item["request"]) == {"method", "uri", "headers", "body"}
        timeline, stored = item["response"]["timeline"], item["response"]["body"]["string"]
        if "layout" not in timeline:
            assert (stored if isinstance(stored, bytes) else stored.encode()) == one.timeline.body
        elif timeline["layout"] == "crlf":
            assert stored.encode() == one.timeline.body.replace(b"\r\n", b"\n")
        else:
            assert json.dumps(json.loads(stored)) == json.dumps(json.loads(one.timeline.body))
        if "request_layout" not in timeline:
            stored = item["request"]["body"]
            assert (stored if isinstance(stored, bytes) else stored.encode()) == one.request.body


@pytest.mark.parametrize("text", STRANGE)
def test_a_strange_text_survives_everywhere(text: str) -> None:
    headers = Headers((("x-it", text),))
    request = Request("POST", f"https://x/{text}", headers, text.encode())
    cassette = Cassette((Interaction(request, Timeline.of(Head(200, headers, "OK"), [text.encode()])),))
    (now,) = parse(dump(cassette), "strange")
    assert now.request == request
    assert now.timeline.head == Head(200, headers, "OK")
    assert now.timeline.body == text.encode()


def as_vcrpy_writes(texts: list[str], dumper: type[yaml.SafeDumper], **options: object) -> bytes:
    """Not our emitter: bodies in every style that PyYAML chooses, folded and escaped as it likes."""
    items = [
        {
            "request": {"method": "GET", "uri": "https://x/", "headers": {"x-it": [text]}, "body": text},
            "response": {"status": {"code": 200, "message": text}, "headers": {}, "body": {"string": text}},
        }
        for text in texts
    ]
    written: str = yaml.dump({"interactions": items, "version": 1}, Dumper=dumper, **options)
    return written.encode()


@settings(max_examples=80, deadline=None)
@given(
    st.lists(TEXT, min_size=1, max_size=4),
    st.sampled_from([yaml.CSafeDumper, yaml.SafeDumper]),
    st.booleans(),
    st.sampled_from(["|", ">", '"', "'", None]),
)
def test_reading_item_by_item_is_reading_the_whole(
    texts: list[str], dumper: type[yaml.SafeDumper], unicode: bool, style: str | None
) -> None:
    data = as_vcrpy_writes(texts, dumper, allow_unicode=unicode, default_style=style)
    wanted = [item["response"]["body"]["string"] for item in yaml.safe_load(data)["interactions"]]
    assert [one.timeline.body.decode() for one in parse(data, "theirs")] == wanted
    assert [one.request.headers.get("x-it") for one in parse(data, "theirs")] == wanted


@settings(max_examples=60, deadline=None)
@given(CASSETTES)
def test_a_checkout_with_other_line_ends_changes_nothing(cassette: Cassette) -> None:
    data = dump(cassette)
    assert b"\r" not in data
    found = parse(data.replace(b"\n", b"\r\n"), "drawn")
    assert found == parse(data, "drawn")
    assert found.notes == ()


def test_bytes_that_are_no_utf_8_are_binary() -> None:
    body = b"\x00\xff\xfe" * 100
    data = dump(Cassette((Interaction(Request("GET", "https://x/"), Timeline.of(Head(200), [body])),)))
    assert b"string: !!binary |" in data
    assert base64.b64encode(body)[:40] in data
    assert parse(data, "binary").interactions[0].timeline.body == body


def test_an_answer_without_a_body_stays_without_one() -> None:
    cassette = Cassette((Interaction(Request("GET", "https://x/"), Timeline.of(Head(204, reason="No Content"), [])),))
    (now,) = parse(dump(cassette), "empty")
    assert now.timeline == Timeline.of(Head(204, reason="No Content"), [])


def test_a_recording_of_no_call_stays_one() -> None:
    assert dump(Cassette()) == b"interactions: []\nversion: 1\n"
    assert parse(dump(Cassette()), "none") == Cassette((), "none")


def test_megabytes_of_bytes_are_laid_out_line_by_line() -> None:
    body = bytes(range(256)) * 2**13
    request = Request("POST", "https://x/upload", body=body)
    data = dump(Cassette((Interaction(request, Timeline.of(Head(200), [])),)))
    base64_lines = data.split(b"!!binary |\n", 1)[1].split(b"\n  response", 1)[0].split(b"\n")
    assert {len(line) for line in base64_lines[:-1]} == {len(base64_lines[0])}, "a body of one line is no diff"
    assert parse(data).interactions[0].request.body == body
