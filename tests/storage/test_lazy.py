"""A large cassette that is opened and not read gives what a parse of the whole file gives, or the same error."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import harness
from harness.errors import CassetteError
from harness.model import Cassette, Head, Headers, Interaction, Request, Timeline
from harness.storage import LazyCassette, dump, load, open_lazily, parse
from harness.storage._lazy import LARGE

JSON = Headers((("content-type", "application/json"),))
# What a body can hold that looks like the layout of a cassette.
TIMELINE = (
    "\n    timeline: {v: 1, unit: ms, headers_at: 2, chunks: 2+42, end: eof, end_ms: 104, request_layout: crlf}\n"
)
HOSTILE = [
    "- request:\n    method: GET\n", "\n- request:\n", "\n  response:\n    status:\n", "---\n", "\n...\n", TIMELINE,
    "version: 1\n", "\ninteractions:\n- a\n", "unanswered: []\n", "'\"'\"", "\t tab", "\r\n\r", "\x85", "\u2028\u2029",
    "\x00\x1b", "😀 é", "# no", "&id001 *id001", "{[", "request_layout: spaced", "  \n", "\n\n\n", "%TAG ! x",
    "native://", "- \n-\n", "a: |\n b", "\ufeff",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.storage._lazy.LARGE", 1)


def hostile(dice: random.Random) -> str:
    return "".join(dice.choice([*HOSTILE, "word ", '{"a": [1, 2.50], "b": "c"}']) for _ in range(dice.randrange(5)))


def interactions(dice: random.Random) -> Iterator[Interaction]:
    for number in range(dice.randrange(1, 5)):
        body = dice.choice(
            [hostile(dice).encode(), b'{"n": %d, "text": "some words that are long enough"}' % number, b"\xff\x00"]
        )
        chunks = [hostile(dice).encode() or b"x" for _ in range(dice.randrange(4))]
        headers = Headers((("x-it", "a, 'b' #c"), *JSON)) if dice.random() < 0.7 else Headers()
        yield Interaction(
            Request("POST", f"https://x/{number % 2}", headers, body), Timeline.of(Head(200, JSON), chunks)
        )


def ours(dice: random.Random) -> bytes:
    return dump(Cassette(tuple(interactions(dice))))


def others(dice: random.Random) -> bytes:
    """As PyYAML writes it for vcrpy, in all the ways that its users choose."""
    items = [
        {
            "request": {"method": "POST", "uri": f"https://x/{n}", "headers": {"a": ["b"]}, "body": hostile(dice)},
            "response": {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": {"string": hostile(dice)}},
            **({"recorded_at": hostile(dice)} if dice.random() < 0.2 else {}),
        }
        for n in range(dice.randrange(1, 5))
    ]
    if dice.random() < 0.15:
        shared = items[0]["request"]["headers"]  # type: ignore[index]
        items[-1]["response"]["headers"] = shared  # type: ignore[index]
    document: dict[str, object] = {"interactions": items, "version": 1}
    if dice.random() < 0.1:
        document["metadata"] = {"a": [1]}
    dumper = dice.choice([yaml.CSafeDumper, yaml.SafeDumper])
    text = yaml.dump(
        document,
        Dumper=dumper,
        sort_keys=dice.random() < 0.7,
        allow_unicode=dice.random() < 0.5,
        width=dice.choice([20, 80, 10**9]),
        default_flow_style=dice.choice([False, False, False, None]),
    )
    return text.encode("utf-8", "surrogatepass")


def damaged(dice: random.Random) -> bytes:
    """Either of them, after somebody's editor."""
    data = dice.choice([ours, others])(dice)
    at = dice.randrange(len(data))
    return dice.choice([
        data[:at],
        data[:at] + dice.choice(HOSTILE).encode() + data[at:],
        data.replace(b"\n", b"\r\n"),
        data.replace(b"\n- request", dice.choice([b"\n-  request", b"\n# a remark\n- request", b"\n\n- request"])),
        data.replace(b"  response:", dice.choice([b"  request: {}\n  response:", b'  "request": {}\n  response:'])),
        data.replace(b"version: 1", dice.choice([b"version: 1\nmore: 2", b"interactions: []", b"...", b""])),
        data[:at] + data[at + dice.randrange(1, 30) :],
    ])  # fmt: skip


def outcome(read: object) -> object:
    try:
        return list(read())  # type: ignore[operator]
    except CassetteError as error:
        return str(error)


def _is_whole_or_refused(opened: LazyCassette, place: int, whole: list[Interaction]) -> bool:
    try:
        return opened.interaction(place) == whole[place]
    except CassetteError as error:
        return "reads differently" in str(error)


def compare(data: bytes, path: Path, *, by_a_dumper: bool = True) -> bool:
    """That nothing tells the two apart. Returns whether it was opened lazily."""
    path.write_bytes(data)
    whole = outcome(lambda: parse(data, str(path)))
    try:
        lazy = open_lazily(path)
    except CassetteError as error:
        assert str(error) == whole  # noqa: PT017 - most files raise nothing
        return False
    is_lazy = isinstance(lazy, LazyCassette)
    found = outcome(lambda: lazy)
    assert found == whole, data
    if isinstance(whole, list):
        assert len(lazy) == len(whole)
        assert [it.id for it in lazy] == [f"#{n + 1}" for n in range(len(whole))]
    if isinstance(whole, list) and isinstance(lazy, LazyCassette):
        again = open_lazily(path)
        assert isinstance(again, LazyCassette)
        alone = list(again.requests)
        if alone == [it.request for it in whole]:
            assert list(again) == whole
        else:
            assert not by_a_dumper, data
            assert all(_is_whole_or_refused(again, place, whole) for place in range(len(alone))), data
    return is_lazy


def difference(seed: int, count: int, folder: Path) -> dict[str, int]:
    dice = random.Random(seed)
    seen = {"lazy": 0, "all": 0}
    for _ in range(count):
        made = dice.choice([ours, others, others, damaged])
        seen["lazy"] += compare(made(dice), folder / "c.yaml", by_a_dumper=made is not damaged)
        seen["all"] += 1
    return seen


def test_no_file_tells_the_lazy_cassette_from_the_parsed_one(tmp_path: Path) -> None:
    seen = difference(1, 1500, tmp_path)
    assert seen["lazy"] > seen["all"] // 3, seen


@pytest.mark.crash
@pytest.mark.parametrize("seed", range(2, 22))
def test_none_of_tens_of_thousands_of_files_tells_them_apart(seed: int, tmp_path: Path) -> None:
    seen = difference(seed, 2_000, tmp_path)
    print(f"files: {seen}")
    assert seen["lazy"] > seen["all"] // 3, seen


def small(count: int = 3) -> Cassette:
    return Cassette(
        tuple(
            Interaction(Request("GET", f"https://x/{n}", body=b"%d" % n), Timeline.of(Head(200), [b"answer %d" % n]))
            for n in range(count)
        )
    )


def test_what_is_not_laid_out_plainly_is_parsed_whole(tmp_path: Path) -> None:
    plain = dump(small())
    for data in (
        plain.replace(b"\n", b"\r\n"),
        plain.replace(b"version: 1\n", b""),
        b"\xef\xbb\xbf" + plain,
        plain.replace(b"\n- ", b"\n  - ").replace(b"\n  ", b"\n    "),
        dump(Cassette((*small(), Interaction(Request("GET", "https://x/"), Timeline((), "open"))))),
        plain.replace(b"https://x/1", b"native://backend/is_available"),
    ):
        (tmp_path / "c.yaml").write_bytes(data)
        assert outcome(lambda: open_lazily(tmp_path / "c.yaml")) == outcome(lambda: load(tmp_path / "c.yaml"))
        try:
            assert isinstance(open_lazily(tmp_path / "c.yaml"), Cassette)
        except CassetteError:
            continue
    (tmp_path / "c.yaml").write_bytes(plain)
    assert isinstance(open_lazily(tmp_path / "c.yaml"), LazyCassette)


def test_a_small_file_is_parsed_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.storage._lazy.LARGE", LARGE)
    (tmp_path / "c.yaml").write_bytes(dump(small()))
    assert isinstance(open_lazily(tmp_path / "c.yaml"), Cassette)


def test_a_file_that_is_replaced_meanwhile_does_not_change_what_is_played(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(dump(small()))
    opened = open_lazily(path)
    (tmp_path / "new").write_bytes(b"something else")
    (tmp_path / "new").replace(path)
    assert list(opened) == list(small())


def test_a_block_may_end_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(dump(small(2)))
    whole = list(load(path))
    for size in range(1, 120):
        monkeypatch.setattr("harness.storage._scan._BLOCK", size)
        opened = open_lazily(path)
        assert isinstance(opened, LazyCassette) or size < len(b"interactions:\n")
        assert list(opened) == whole


def test_a_replay_of_a_large_file_finds_what_it_would_find_in_a_small_one(tmp_path: Path) -> None:
    import httpx

    path = tmp_path / "c.yaml"
    path.write_bytes(dump(small(6)))
    before = path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_atime_ns, sorted(tmp_path.iterdir())
    with harness.replay(path) as session, httpx.Client() as client:
        for number in (0, 1, 4, 3, 2, 5):
            said = client.request("GET", f"https://x/{number}", content=b"%d" % number).text
            assert said == f"answer {number}"
    assert isinstance(session.plan.source.cassette, LazyCassette)
    assert (path.read_bytes(), path.stat().st_mtime_ns, before[2], sorted(tmp_path.iterdir())) == before


def test_what_a_large_file_cannot_answer_is_a_miss_that_names_the_nearest(tmp_path: Path) -> None:
    import httpx

    path = tmp_path / "c.yaml"
    path.write_bytes(dump(small(6)))
    with pytest.raises(harness.Miss, match="nearest is #"), harness.replay(path), httpx.Client() as client:
        client.request("GET", "https://x/3", content=b"something else")
    with pytest.raises(harness.VerificationError, match=r"(?s)5 of 6 answers.*#2 GET https://x/1"):  # noqa: SIM117
        with harness.replay(path), httpx.Client() as client:
            client.request("GET", "https://x/0", content=b"0")


def test_an_item_that_is_damaged_far_behind_is_a_miss_with_the_line_and_not_a_retry(tmp_path: Path) -> None:
    import httpx

    path = tmp_path / "c.yaml"
    path.write_bytes(dump(small(6)).replace(b"'answer 4'", b"'answer 4").replace(b"'4'", b"'4'"))
    with pytest.raises(harness.Miss, match=r"c\.yaml"), harness.replay(path), httpx.Client() as client:
        for number in range(6):
            client.request("GET", f"https://x/{number}", content=b"%d" % number)


def test_a_file_that_reads_differently_in_parts_is_an_error_and_never_a_wrong_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The layout is checked before a request is read alone; what if that check had a hole?"""
    path = tmp_path / "c.yaml"
    path.write_bytes(dump(small()).replace(b"  response:\n", b"  response:\n", 1))
    opened = open_lazily(path)
    assert isinstance(opened, LazyCassette)
    monkeypatch.setattr("harness.storage._lazy._request_alone", lambda data: Request("GET", "https://x/another"))
    assert opened.request(1).url == "https://x/another"
    with pytest.raises(CassetteError, match="interaction #2 reads differently"):
        opened.interactions[1]


def test_it_lets_go_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(dump(small()))
    opened = open_lazily(path)
    assert isinstance(opened, LazyCassette)
    handle = opened._handle
    del opened
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handle)
