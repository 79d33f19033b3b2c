"""Bad input: each is one clear error with the file, the place and what to do; nothing is treated as empty."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import CassetteError, CassetteNotFoundError
from harness.model import Cassette, Head, Headers, Interaction, Nanos, Request, Reset, Timeline
from harness.storage import dump, load, parse

ITEM = "- request: {method: GET, uri: 'https://x/', headers: {}, body: ''}\n  response: "
GOOD = "{status: {code: 200, message: OK}, headers: {}, body: {string: hi}}\n"


def refusal(data: bytes | str) -> str:
    with pytest.raises(CassetteError) as caught:
        parse(data if isinstance(data, bytes) else data.encode(), "some.yaml")
    assert not isinstance(caught.value, CassetteNotFoundError)
    assert str(caught.value).startswith("some.yaml: ")
    return str(caught.value)


def test_a_missing_file_says_how_to_record_it(tmp_path: Path) -> None:
    with pytest.raises(CassetteNotFoundError) as caught:
        load(tmp_path / "refund.yaml")
    assert isinstance(caught.value, FileNotFoundError)
    assert str(tmp_path / "refund.yaml") in str(caught.value)
    assert "--harness-record=once" in str(caught.value)


def test_a_missing_file_names_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "refunds.yaml").write_bytes(dump(Cassette()))
    with pytest.raises(CassetteNotFoundError, match=r"There is 'refunds\.yaml' beside it"):
        load(tmp_path / "refund.yaml")


def test_a_folder_is_no_cassette(tmp_path: Path) -> None:
    with pytest.raises(CassetteError, match="cannot be read: Is a directory"):
        load(tmp_path)


def test_messages_use_the_name_they_are_given(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("interactions: 1\n")
    with pytest.raises(CassetteError, match=r"^the refund: interactions: expected a list, found a number"):
        load(tmp_path / "x.yaml", name="the refund")


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "the file is empty (zero bytes). Delete it and record again"),
        ("\n \n", "nothing but blanks"),
        ("# only a comment\n", "this is no cassette: it is nothing"),
        ("hello", "this is no cassette: it is a text"),
        ("42", "this is no cassette: it is a number"),
        ("{}", "it has no `interactions` (its keys: none)"),
        ("interaction:\n- a\n", "Did you mean 'interactions'?"),
        ("interactions:\nversion: 1\n", "`interactions` holds nothing"),
        ("interactions: {}\nversion: 1\n", "interactions: expected a list, found a mapping"),
        ("interactions: [1]\nversion: 1\n", "interaction #1: expected a mapping, found a number"),
        ("interactions:\n- request: {}\nversion: 1\n", "interaction #1: it has no `response`"),
        (f"interactions:\n{ITEM}{GOOD}{ITEM}{{}}\nversion: 1\n", "#2, response: the response has no `status`"),
        (f"interactions:\n{ITEM}{{status: {{code: 200}}}}\nversion: 1\n", "response: the response has no `body`"),
        (f"interactions:\n{ITEM}{{status: 200, body: {{strin: x}}}}\nversion: 1\n", "Did you mean 'string'?"),
        (f"interactions:\n{ITEM}{{status: 2000, body: {{string: x}}}}\nversion: 1\n", "2000 is no HTTP status"),
        (f"interactions:\n{ITEM}{{status: ok, body: {{string: x}}}}\nversion: 1\n", "expected a whole number"),
        ("interactions:\n- request: {uri: x}\n  response: {}\nversion: 1\n", "interaction #1, response"),
        ("interactions:\n- a: 'x\n  y: 1\n", "line 4, column 1: it is no YAML: while scanning"),
        ("interactions: [\n", "it is no YAML"),
        ("a: 1\n---\nb: 2\n", "it is no YAML"),
        ('{"interactions": [{"request": ', "it is no JSON"),
        ("a: \x01\n", "it is no YAML"),
        ("x: &a [*a]\ninteractions: []\n", "an alias refers to what it stands in"),
        ("x: *a\ninteractions: []\n", "found undefined alias"),
        ("x: !!python/object/apply:os.system [ls]\ninteractions: []\n", "!!python/object/apply:os.system is refused"),
        ("x: !!python/name:os.system ''\ninteractions: []\n", "is refused"),
        ("x: !mine 1\ninteractions: []\n", "the tag !mine is refused"),
        ("x: !!binary '*'\ninteractions: []\n", "!!binary is no base64"),
        ("interactions: []\nversion: 1\ninteractions: []\nversion: 1\n", "'interactions' stands twice in one mapping"),
        (f"interactions:\n{ITEM}{GOOD}version: 1\ninteractions:\n{ITEM}{GOOD}version: 1\n", "stands twice"),
        (f"interactions:\n- request: {{uri: x, uri: y}}\n  response: {GOOD}version: 1\n", "'uri' stands twice"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_cassette_says_why(text: str, said: str) -> None:
    assert said in refusal(text)


def test_a_place_deep_in_a_long_file_is_the_line_of_the_file() -> None:
    text = "interactions:\n" + f"{ITEM}{GOOD}" * 50 + "- request: {a: 'x\nversion: 1\n"
    assert "line 104" in refusal(text) or "line 103" in refusal(text)


def test_text_in_another_encoding_is_named() -> None:
    assert "line 2: it is no UTF-8 text" in refusal(b"interactions: []\nx: \xff\xfe\n")


def test_utf_16_and_a_byte_order_mark_are_read() -> None:
    text = f"interactions:\n{ITEM}{GOOD}version: 1\n"
    for data in (text.encode("utf-16"), text.encode("utf-8-sig")):
        assert parse(data, "x").interactions[0].timeline.body == b"hi"


@pytest.mark.parametrize(
    "document, said",
    [
        ({"interactions": [{"request_sample": {}, "response_sample": {}}]}, "gRPC"),
        ({"interactions": [{"kind": "message", "direction": "sent", "data": {}}]}, "WebSocket"),
        ([{"scope": "https://x", "method": "GET", "path": "/"}], "nock"),
        ([{"request": {}, "response": {}}], "vcrpy before 1.0"),
        ({"scope": "https://x", "method": "GET", "path": "/"}, "nock"),
        ({"Sign-In_82": {"log": {"entries": []}}}, "HAR"),
        ({"log": {"entries": []}}, "HAR"),
    ],
)
def test_recordings_of_other_kinds_are_named(document: object, said: str) -> None:
    assert said in refusal(json.dumps(document))


def test_a_billion_laughs_end_in_a_sentence() -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "aliases add more than" in refusal("\n".join([*lines, "interactions: []", "version: 1"]))


def test_one_long_text_aliased_often_ends_in_a_sentence() -> None:
    text = f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 1000)}]\ninteractions: []\n"
    assert "aliases add more than" in refusal(text)


def test_merge_keys_cannot_multiply() -> None:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 12)]
    assert "aliases add more than" in refusal("\n".join([*lines, "interactions: []"]))


@pytest.mark.parametrize("key, opening", [("x: ", "["), ("x: ", "{a: "), ("", "- "), ("", '{"a":'), ("", "[")])
def test_nesting_is_bounded_before_it_kills_the_interpreter(key: str, opening: str) -> None:
    assert "nested" in refusal(key + opening * 100_000)


def test_a_small_file_cannot_unpack_to_a_huge_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.storage._coding.BYTES_MAX", 1000)
    assert "unpacks to more than" in refusal(gzip.compress(b"x" * 100_000))


def test_a_compressed_body_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.storage._coding.BYTES_MAX", 1000)
    body = gzip.compress(b"x" * 100_000)
    head = Head(200, Headers((("x", "gzip"),)))
    data = dump(Cassette((Interaction(Request("GET", "https://x/"), Timeline.of(head, [body])),)))
    found = data.replace(b"      x:", b"      content-encoding:").replace(b"timeline: ", b"protocol: ")
    assert "cannot be decoded: it unpacks to more than" in refusal(found)


def test_a_file_that_is_too_large_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.storage._document.BYTES_MAX", 10)
    assert "more than the 10 that a cassette may have" in refusal("interactions: []\n")


def test_a_gzip_file_cut_short_is_refused() -> None:
    packed = gzip.compress(f"interactions:\n{ITEM}{GOOD}version: 1\n".encode())
    assert parse(packed, "x").interactions
    for size in range(2, len(packed)):
        assert "gzip" in refusal(packed[:size])


SLOW = """
import yaml, sys
yaml.__with_libyaml__ = False
from harness.errors import CassetteError
from harness.storage import dump, parse
data = sys.stdin.buffer.read()
found = parse(data, "slow")
assert dump(found) == data, "another file"
for bad in (b"x: " + b"[" * 5000, b"a: 'x"):
    try:
        parse(bad, "slow")
    except CassetteError as error:
        print(error)
"""


def test_without_libyaml_the_same_is_read_and_refused() -> None:
    ran = subprocess.run([sys.executable, "-c", SLOW], input=dump(recording()), capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    assert ran.stdout.decode().splitlines() == [
        "slow: this is no cassette: it is nested deeper than 200 levels.",
        "slow: line 1, column 6: it is no YAML: while scanning a quoted scalar, found unexpected end of stream.",
    ]


def recording() -> Cassette:
    media = Headers((("content-type", "text/event-stream"),))
    stream = Timeline.of(Head(200, media, "OK"), [b"data: one\n\n", b"data: two\n\n"], every=Nanos(1_000_000))
    left = Timeline((*stream.events[:2],), "cancelled", Nanos(9_000_000))
    failed = Timeline.failed(Reset("ConnectError", "refused"))
    binary = Timeline.of(Head(200, reason="OK"), [b"\xff\xfe" * 50])
    timelines = [stream, left, failed, binary, stream, failed]
    return Cassette(
        tuple(Interaction(Request("GET", f"https://x/{n}"), t) for n, t in enumerate(timelines)), "cut.yaml"
    )


def test_a_file_of_ours_cut_anywhere_is_refused_or_is_whole() -> None:
    whole = recording()
    data = dump(whole)
    for size in range(len(data)):
        try:
            found = parse(data[:size], "cut.yaml")
        except CassetteError:
            continue
        assert found == whole, f"cut at {size} of {len(data)} it loads as something else"
        assert size >= data.rindex(b"version: 1")


def test_a_file_of_ours_with_one_interaction_cut_anywhere_is_refused_or_is_whole() -> None:
    whole = Cassette(recording().interactions[:1], "cut.yaml")
    data = dump(whole)
    survivors = []
    for size in range(len(data)):
        try:
            survivors.append(parse(data[:size], "cut.yaml"))
        except CassetteError:
            continue
    assert survivors  # the line break at the end is no loss
    assert all(found == whole for found in survivors)


def test_a_foreign_file_without_its_last_line_loads_with_a_remark() -> None:
    found = parse(f"interactions:\n{ITEM}{GOOD}".encode(), "foreign.yaml")
    assert len(found) == 1
    (note,) = found.notes
    assert note.startswith("foreign.yaml: the line `version: 1` is missing")
    assert note.endswith("the file may have been cut short")


def test_a_chunk_of_a_body_is_never_lost_to_the_split() -> None:
    bodies = ["- request:\n- request: {}\n", "version: 1\n", "\n- x", "interactions:\n- a\n", "---\n...\n"]
    whole = Cassette(
        tuple(
            Interaction(Request("POST", "https://x/", body=text.encode()), Timeline.of(Head(200), [text.encode()]))
            for text in bodies
        ),
        "x",
    )
    assert parse(dump(whole), "x") == whole
