"""85 recordings of other people's: each loads byte for byte, or is one of the few that are no HTTP and say so.

The bytes are compared with a second reader, below, that shares no code with the room: PyYAML and json, twenty lines.
The recordings are data to test on and no part of the project: without them the tests are skipped.
"""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.errors import CassetteError
from harness.model import Cassette
from harness.storage import check, dump, load, parse

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
SUFFIXES = (".yaml", ".yml", ".json", ".gz")
FILES = sorted(p for p in CORPUS.rglob("*") if p.name.endswith(SUFFIXES)) if CORPUS.is_dir() else []
NO_HTTP = {
    "should-comprehensively-test-all-token-count-types.json": "nock",
    "should-handle-mistral-pixtral-models.json": "nock",
    "test_multimodal_tool_return_matrix[direct-url_force_download-document-xai].xai.yaml": "gRPC",
    "test_history_seeding_parity[google-previous].yaml": "WebSocket",
}
HTTP = [path for path in FILES if path.name not in NO_HTTP]
OTHER = [path for path in FILES if path.name in NO_HTTP]
pytestmark = pytest.mark.skipif(not FILES, reason=f"the corpus is not beside this repository: {CORPUS.name} is missing")


def short(path: Path) -> str:
    return path.name[:60]


class Plain(yaml.CSafeLoader):
    """PyYAML as it is, and the header names of multidict as texts."""


Plain.add_multi_constructor(
    "tag:yaml.org,2002:python/object/",
    lambda loader, suffix, node: loader.construct_sequence(node)[0],
)


def pairs(path: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    data = path.read_bytes()
    data = gzip.decompress(data) if path.suffix == ".gz" else data
    document = json.loads(data) if path.suffix == ".json" else yaml.load(data, Loader=Plain)
    if "requests" in document:
        return list(zip(document["requests"], document["responses"], strict=True))
    items = document.get("interactions", [document])
    return [(item["request"], item["response"]) for item in items]


def plain(body: Any) -> bytes:
    body = body.get("string") if isinstance(body, dict) and "string" in body else body
    if body is None:
        return b""
    if isinstance(body, dict):
        return json.dumps(body).encode()
    return body if isinstance(body, bytes) else str(body).encode()


def body_of(side: dict[str, Any]) -> bytes:
    body = (
        json.dumps(side["parsed_body"]).encode()
        if "parsed_body" in side
        else plain(side.get("body", side.get("content")))
    )
    packed = body.startswith(b"\x1f\x8b")
    return zlib.decompress(body, wbits=31) if packed else body


def fields(side: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    found = (side.get("headers") or {}).items()
    return tuple(
        (name, plain(one).decode()) for name, value in found for one in (value if isinstance(value, list) else [value])
    )


@pytest.mark.parametrize("path", HTTP, ids=short)
def test_a_recording_loads_byte_for_byte(path: Path) -> None:
    found = load(path)
    wanted = pairs(path)
    assert len(found) == len(wanted) > 0
    for one, (request, response) in zip(found, wanted, strict=True):
        assert one.request.method == request["method"].upper()
        assert one.request.url == request.get("uri", request.get("url"))
        assert one.request.body == body_of(request)
        status = response.get("status", response.get("status_code"))
        assert one.timeline.head is not None
        assert one.timeline.head.status == (status["code"] if isinstance(status, dict) else status)
        assert one.timeline.body == body_of(response)
        assert one.request.headers.pairs == fields(request)
        dropped, corrected = "content-encoding", "content-length"
        heard = [(k, v) for k, v in fields(response) if k.lower() != dropped]
        assert [k for k, _ in one.timeline.head.headers] == [k for k, _ in heard]
        assert all(a == b for a, b in zip(one.timeline.head.headers, heard, strict=True) if a[0].lower() != corrected)
        assert (one.timeline.end, one.timeline.end_at) == ("eof", 0)
    assert found.notes == ()


@pytest.mark.parametrize("path", HTTP, ids=short)
def test_a_recording_survives_being_written_by_us(path: Path) -> None:
    found = load(path)
    again = parse(dump(found), "again")
    for was, now in zip(found, again, strict=True):
        assert (now.request.method, now.request.url, now.request.body) == (
            was.request.method,
            was.request.url,
            was.request.body,
        )
        assert now.timeline.chunks == was.timeline.chunks
    assert dump(again) == dump(found)


@pytest.mark.parametrize("path", HTTP, ids=short)
def test_check_finds_nothing_in_a_sound_recording(path: Path) -> None:
    assert check(path) == []


@pytest.mark.parametrize("path", OTHER, ids=short)
def test_what_is_no_http_says_what_it_is(path: Path) -> None:
    with pytest.raises(CassetteError, match=NO_HTTP[path.name]) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_the_corpus_is_the_whole_one() -> None:
    assert len(FILES) == 85
    assert {path.name for path in OTHER} == set(NO_HTTP)
    streamed = [one for path in HTTP for one in load(path) if len(one.timeline.chunks) > 1]
    assert len(streamed) > 30


def test_a_recording_cut_anywhere_never_loads_in_silence() -> None:
    """Cut in 200 places in all, a few in each file: an error, a remark, or the whole recording."""
    silent = []
    for number, path in enumerate(HTTP):
        data = path.read_bytes()
        for part in (1, 2, 3):
            size = len(data) * (part * 17 + number) % len(data)
            found = parse_or_none(data[:size])
            if found is not None and not found.notes and found.interactions != load(path).interactions:
                silent.append((path.name, size))
    assert silent == []


def parse_or_none(data: bytes) -> Cassette | None:
    try:
        return parse(data, "cut")
    except CassetteError:
        return None
