"""Stock vcrpy is the oracle of the format: it replays every file we write, and keeps our times when it saves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import httpx2
import pytest
import requests
import vcr
import yaml
from vcr.cassette import Cassette as VcrCassette
from vcr.errors import CannotOverwriteExistingCassetteException
from vcr.request import Request as VcrRequest

from harness.model import Cassette, Chunk, End, Head, Headers, Interaction, Nanos, Request, Reset, TimedOut, Timeline
from harness.storage import dump, load, save

JSON = Headers((("content-type", "application/json"),))
SSE = Headers((("content-type", "text/event-stream; charset=utf-8"),))
MATCH_ON = ("method", "scheme", "host", "port", "path", "query", "body")
URL = "https://api.example.com/v1/chat/completions"
TOKENS = ["Grüße", " 🎉", "\u2028", "\x85", "- request:", "\n---\n", "version: 1"]
STREAM = "".join(f"data: {json.dumps({'token': token}, ensure_ascii=False)}\n\n" for token in TOKENS).encode()
CLEAN_STREAM = b'data: {"a": 1}\n\ndata: [DONE]\n\n'
MS = 1_000_000


def asking(number: int, **more: object) -> Request:
    body = {"model": "m", "number": number, "messages": [{"role": "user", "content": "Wie spät ist es? 🎉"}], **more}
    return Request("POST", URL, JSON, json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode())


def timed(head: Head, *chunks: bytes) -> Timeline:
    return Timeline.of(head, chunks, at=Nanos(3 * MS), every=Nanos(40 * MS))


def stopped(timeline: Timeline, how: object) -> Timeline:
    at = timeline.end_at
    if isinstance(how, str):
        return Timeline(timeline.events[:-1], how, at)  # type: ignore[arg-type]  # the words are checked on the way
    return Timeline((*timeline.events[:-1], (at, how)))  # type: ignore[arg-type]


def recording() -> Cassette:
    """Every kind of body and every kind of end that a file may hold."""
    unary = json.dumps({"choices": [{"message": {"content": "Grüße 🎉 " + "x" * 60}}]}, separators=(",", ":")).encode()
    split = [STREAM[:9], STREAM[9:20], STREAM[20:]]
    half = timed(Head(200, SSE, "OK"), *split[:2])
    timelines = [
        timed(Head(200, SSE, "OK"), *split),
        timed(Head(200, SSE, "OK"), CLEAN_STREAM),
        timed(Head(200, SSE), CLEAN_STREAM.replace(b"\n", b"\r\n")),
        timed(Head(200, Headers((*JSON, ("content-length", str(len(unary))))), "OK"), unary),
        timed(
            Head(200, Headers((("content-type", "audio/wav"), ("content-length", "300"))), "OK"), b"\xff\x00\x85" * 100
        ),
        timed(Head(204, reason="No Content")),
        timed(
            Head(429, Headers((*JSON, ("retry-after", "7"))), "Too Many Requests"), b'{"error": {"message": "slow"}}'
        ),
        stopped(half, "closed"),
        stopped(half, "cancelled"),
        stopped(half, "open"),
        stopped(half, Reset("ReadError", "connection reset")),
        stopped(half, TimedOut("read", "timed out")),
        Timeline.failed(Reset("ConnectError", "[Errno 111] Connection refused"), at=Nanos(2 * MS)),
        Timeline.failed(TimedOut("connect", "timed out"), at=Nanos(5000 * MS)),
        Timeline((), "cancelled", Nanos(9 * MS)),
    ]
    asked = [asking(number) for number in range(len(timelines) - 1)]
    plain = Request("GET", "https://api.example.com/v1/models?b=2&a=%20x", Headers((("accept", "*/*"),)))
    found = [Interaction(*pair) for pair in zip([*asked, plain], timelines, strict=True)]
    answered = [Interaction(plain, timed(Head(200, JSON, "OK"), b'{"data": []}'))]
    return Cassette((*answered, *found))


ANSWERED = [one for one in recording() if one.timeline.head]
FAILED = [one for one in recording() if not one.timeline.head]
FAILED_POSTS = [one for one in FAILED if one.request.body]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save(tmp_path / "ours.yaml", recording())
    return tmp_path / "ours.yaml"


@pytest.fixture
def replaying(path: Path) -> Iterator[VcrCassette]:
    with vcr.VCR(record_mode="none", match_on=MATCH_ON).use_cassette(str(path)) as cassette:
        yield cassette


def check_answer(one: Interaction, status: int, reason: str, body: bytes) -> None:
    """Status and bytes as recorded; JSON as a value and CR LF as LF, since vcrpy knows nothing of layouts."""
    head = one.timeline.head
    assert head is not None
    assert (status, reason or head.reason) == (head.status, head.reason or reason)
    recorded = one.timeline.body
    if "json" in head.headers.get("content-type"):
        assert json.loads(body) == json.loads(recorded)
    else:
        assert body in {recorded, recorded.replace(b"\r\n", b"\n")}


@pytest.mark.parametrize("family", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_every_answer_replays_through_httpx_with_the_body_matched(family: object, replaying: VcrCassette) -> None:
    with family.Client() as client:  # type: ignore[attr-defined]  # one module or its twin
        for one in ANSWERED:
            asked = one.request
            got = client.request(asked.method, asked.url, headers=list(asked.headers), content=asked.body)
            check_answer(one, got.status_code, got.reason_phrase, got.content)
    assert replaying.play_count == len(ANSWERED)
    assert replaying.all_played


def test_every_answer_replays_through_requests_with_the_body_matched(replaying: VcrCassette) -> None:
    for one in ANSWERED:
        if not one.request.body:
            continue  # requests asks with no body where httpx asks with an empty one, and vcrpy tells them apart
        asked = one.request
        got = requests.request(asked.method, asked.url, headers=dict(asked.headers), data=asked.body, timeout=5)
        check_answer(one, got.status_code, got.reason, got.content)
    assert replaying.play_count == len(ANSWERED) - 1


def test_a_reason_that_vcrpy_cannot_say_is_left_out(tmp_path: Path) -> None:
    """Its httpx stub encodes the reason as ASCII and raises UnicodeEncodeError on anything else."""
    one = Interaction(asking(0), timed(Head(200, SSE, "Schön"), CLEAN_STREAM))
    save(tmp_path / "reason.yaml", Cassette((one,)))
    with vcr.VCR(record_mode="none").use_cassette(str(tmp_path / "reason.yaml")):
        assert httpx.post(URL, content=one.request.body).content == CLEAN_STREAM


def test_a_get_replays_through_requests(path: Path) -> None:
    with vcr.VCR(record_mode="none").use_cassette(str(path)):
        assert requests.get("https://api.example.com/v1/models?a=%20x&b=2", timeout=5).json() == {"data": []}


def test_another_body_is_not_answered(replaying: VcrCassette) -> None:
    other = asking(0, temperature=1)
    with pytest.raises(CannotOverwriteExistingCassetteException), httpx.Client() as client:
        client.post(other.url, headers=list(other.headers), content=other.body)
    assert replaying.play_count == 0


def test_a_request_that_was_never_answered_is_not_answered(replaying: VcrCassette) -> None:
    assert len(FAILED_POSTS) == 2
    for one in FAILED_POSTS:
        with pytest.raises(CannotOverwriteExistingCassetteException), httpx.Client() as client:
            client.post(one.request.url, headers=list(one.request.headers), content=one.request.body)


def test_a_file_with_nothing_but_failures_loads(tmp_path: Path) -> None:
    save(tmp_path / "failed.yaml", Cassette(tuple(FAILED)))
    with vcr.VCR(record_mode="none").use_cassette(str(tmp_path / "failed.yaml")) as cassette:
        assert len(cassette) == 0


def test_a_recording_of_no_call_loads(tmp_path: Path) -> None:
    save(tmp_path / "none.yaml", Cassette())
    with vcr.VCR(record_mode="none").use_cassette(str(tmp_path / "none.yaml")) as cassette:
        assert len(cassette) == 0
        with pytest.raises(CannotOverwriteExistingCassetteException):
            httpx.get("https://api.example.com/")


def by_name(one: Interaction) -> list[object]:
    """The events, with the head's fields sorted: vcrpy sorts every mapping that it writes."""
    return [
        (at, sorted(event.headers), event.status, event.reason) if isinstance(event, Head) else (at, event)
        for at, event in one.timeline.events
    ]


def resave(path: Path) -> None:
    """Have vcrpy write the file again, as it does when it records one more interaction."""
    cassette = VcrCassette.load(path=str(path), record_mode="all")
    extra = VcrRequest("GET", "https://api.example.com/extra", b"", {})
    answer = {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": {"string": b"more"}}
    cassette.append(extra, answer)
    cassette._save()


def test_vcrpys_own_saving_keeps_our_times(path: Path) -> None:
    before = load(path)
    resave(path)
    after = load(path)
    kept = [one for one in before if one.timeline.head]
    assert len(after) == len(kept) + 1
    for was, now in zip(kept, after, strict=False):
        assert now.request == was.request
        assert by_name(now) == by_name(was)
        assert now.timeline.end == was.timeline.end
    assert after.notes == ()


def test_only_what_vcrpy_tolerates_is_written(path: Path) -> None:
    document = yaml.safe_load(path.read_bytes())
    assert set(document) == {"interactions", "unanswered", "version"}
    for item in document["interactions"]:
        assert set(item) == {"request", "response"}
        assert set(item["request"]) == {"method", "uri", "headers", "body"}
        assert set(item["response"]) == {"status", "headers", "timeline", "body"}
        scalars = item["response"]["timeline"].values()
        assert all(isinstance(value, str | int) for value in scalars)


def test_the_lever_is_connected(tmp_path: Path) -> None:
    """A key in `request:` is what vcrpy refuses, and the file above has none."""
    one = Interaction(asking(0), Timeline(((Nanos(0), Head(200)), (Nanos(0), Chunk(b"x")), (Nanos(0), End()))))
    spoiled = dump(Cassette((one,))).replace(b"    method: POST", b"    timeline: x\n    method: POST")
    (tmp_path / "spoiled.yaml").write_bytes(spoiled)
    with pytest.raises(TypeError):
        VcrCassette.load(path=str(tmp_path / "spoiled.yaml"), record_mode="none")
