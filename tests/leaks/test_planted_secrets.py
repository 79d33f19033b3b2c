"""Five hundred secrets of thirty kinds in every position, through a real server: none survives in anything we write."""

from __future__ import annotations

import base64
import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

import harness
from harness.cli import main
from harness.errors import Miss
from harness.storage import load
from tests.leaks.planting import KINDS, POSITIONS, Planted, plant

COUNT = 570  # every kind in every position
SEED = random.SystemRandom().randrange(10**9)
PLANTED = plant(COUNT, SEED)


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every chunk waits for the acknowledgement of the last

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        one = PLANTED[int(self.headers["x-number"])][2]
        self.send_response(200)
        for name, value in one.answer_headers.items():
            self.send_header(name, value)
        self.send_header("content-type", one.answer_type)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in one.answer or [b'{"ok": true}']:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args: object) -> None:
        """Nothing: the log of the peer is not ours."""


@contextmanager
def _server() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def _ask(client: httpx.Client, port: int, number: int, one: Planted) -> bytes:
    url = f"http://{one.userinfo}127.0.0.1:{port}/v1/chat/completions{one.query}"
    headers = {"x-number": str(number), "content-type": one.content_type, **one.headers}
    body = one.body or json.dumps({"messages": [{"role": "user", "content": f"question {number}"}]}).encode()
    with client.stream("POST", url, headers=headers, content=body) as answer:
        return b"".join(answer.iter_raw())


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("planted")
    with _server() as port, httpx.Client() as client:
        with harness.record(folder / "planted.yaml") as session:
            answers = [_ask(client, port, number, one) for number, (_, _, one) in enumerate(PLANTED)]
            journals = b"".join(path.read_bytes() for path in folder.rglob("*.journal"))
            transcript = session.transcript()
        yield {"folder": folder, "port": port, "answers": answers, "journals": journals, "transcript": transcript}


def _forms(secret: str) -> list[bytes]:
    """How a secret may be spelled in a file."""
    plain = {secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1], secret.replace("/", "\\/")}
    return [*(form.encode() for form in plain), base64.b64encode(secret.encode()).rstrip(b"=")[:-2]]


def _survivors(data: bytes) -> list[str]:
    return [
        f"{kind} in {position}"
        for kind, position, one in PLANTED
        for s in one.secrets
        if any(f in data for f in _forms(s))
    ]


def test_the_proof_is_about_every_kind_in_every_position() -> None:
    assert len(KINDS) >= 25
    assert {(kind, position) for kind, position, _ in PLANTED} == {(k, p) for k in KINDS for p in POSITIONS}
    asked = [b"".join([repr((one.headers, one.query, one.userinfo)).encode(), one.body]) for _, _, one in PLANTED]
    assert all(asked), "every plant plants"


def test_no_secret_survives_in_any_byte_that_was_written(recorded: dict[str, Any]) -> None:
    files = [path for path in recorded["folder"].rglob("*") if path.is_file()]
    assert [path.name for path in files] == ["planted.yaml"]
    assert _survivors(files[0].read_bytes()) == [], SEED
    meaning = json.dumps([one.reply.text + repr(one.reply.tool_calls) for one in load(files[0]) if one.reply])
    assert _survivors(meaning.encode()) == [], SEED
    assert len(load(files[0])) == COUNT


def test_no_secret_survives_in_the_transcript(recorded: dict[str, Any]) -> None:
    assert _survivors(recorded["transcript"].encode()) == [], SEED


def test_what_the_code_heard_was_the_answer_itself(recorded: dict[str, Any]) -> None:
    """The redaction is for what is written: the live answer passes as it came."""
    for (_, _, one), heard in zip(PLANTED, recorded["answers"], strict=True):
        assert heard == b"".join(one.answer or [b'{"ok": true}'])


def test_every_request_with_its_secret_finds_its_answer(recorded: dict[str, Any]) -> None:
    with httpx.Client() as client, harness.replay(recorded["folder"] / "planted.yaml") as session:
        for number, (_, _, one) in enumerate(PLANTED):
            _ask(client, recorded["port"], number, one)
        transcript = session.transcript()
    assert _survivors(transcript.encode()) == [], SEED


def test_no_secret_survives_in_a_miss(recorded: dict[str, Any]) -> None:
    told = []
    session = harness.replay(recorded["folder"] / "planted.yaml", unplayed="ignore")
    with httpx.Client() as client, pytest.raises(Miss) as first, session:
        for number, (_, _, one) in enumerate(PLANTED[::9]):
            said = json.dumps({"moved": number, "messages": [{"role": "user", "content": one.body.decode()}]})
            moved = Planted(headers=one.headers, query=one.query, userinfo=one.userinfo, body=said.encode())
            with pytest.raises(Miss) as miss:
                _ask(client, recorded["port"], number, moved)
            told.append(str(miss.value))
    told += [str(first.value), *getattr(first.value, "__notes__", [])]
    assert len(told) > 60
    assert _survivors("\n".join(told).encode()) == [], SEED


def test_no_secret_survives_in_what_show_and_check_print(
    recorded: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(recorded["folder"] / "planted.yaml")
    assert main(["show", "--full", file]) == 0
    assert main(["show", "--json", file]) == 0
    assert main(["check", file]) == 0
    printed = capsys.readouterr()
    assert _survivors((printed.out + printed.err).encode()) == [], SEED


def test_scrubbing_a_cassette_of_somebody_else_leaves_none(tmp_path: Path, recorded: dict[str, Any]) -> None:
    from harness.model import Cassette, Head, Headers, Interaction, Request, Timeline
    from harness.storage import save

    raw = []
    for number, (_, _, one) in enumerate(PLANTED):
        url = f"http://{one.userinfo}127.0.0.1/v1/chat/completions{one.query}"
        headers = Headers.of({"content-type": one.content_type, "x-number": str(number), **one.headers}.items())
        head = Head(200, Headers.of({"content-type": one.answer_type, **one.answer_headers}.items()))
        raw.append(Interaction(Request("POST", url, headers, one.body), Timeline.of(head, one.answer or [b"{}"])))
    path = tmp_path / "theirs.yaml"
    save(path, Cassette(tuple(raw)))
    assert len(_survivors(path.read_bytes())) > COUNT // 2, "they were there"
    assert main(["scrub", "--dry-run", str(path)]) == 4
    assert len(_survivors(path.read_bytes())) > COUNT // 2, "a dry run writes nothing"
    assert main(["scrub", str(path)]) == 0
    assert _survivors(path.read_bytes()) == [], SEED
    assert main(["scrub", "--dry-run", str(path)]) == 0
