"""The demo, with a stand-in for the model: the flow is ours, the model is llama.cpp's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from harness.cli import _demo, main
from harness.cli import _demo_model as model
from harness.cli import _demo_weights as weights
from harness.storage import load

WORDS = ["Once ", "upon ", "a ", "time."]


class _Model(BaseHTTPRequestHandler):
    """Streams a few words over chunked HTTP, as llama.cpp's server does."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert asked == _demo.QUESTION
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for word in WORDS:
            data = b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": word}}]}).encode() + b"\n\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _stand_in(_: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Model) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def _a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "is_installed", lambda: True)
    monkeypatch.setattr(weights, "cached", lambda: Path("weights.gguf"))
    monkeypatch.setattr(model, "running", _stand_in)


@pytest.mark.usefixtures("_a_model")
def test_a_live_session_is_replayed_chunk_for_chunk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "kept.yaml"
    assert main(["demo", "--json", "--keep", str(kept)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["live"]
    assert told["identical"]
    assert told["chunks"] == len(WORDS)
    reply = load(kept).interactions[0].reply
    assert reply is not None
    assert reply.text == "Once upon a time."


@pytest.mark.usefixtures("_a_model")
def test_a_person_sees_both_sides_and_both_times(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    shown = capsys.readouterr().out
    assert "refuses connections" in shown
    assert shown.count('"Once "') == 2
    assert f"identical: {len(WORDS)} of {len(WORDS)} chunks" in shown


@pytest.mark.usefixtures("_a_model")
def test_a_model_that_goes_on_answering_proves_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(model, "is_gone", lambda _: False)
    assert main(["demo"]) == 1
    assert "would prove nothing" in capsys.readouterr().err


@pytest.mark.usefixtures("_a_model")
def test_one_differing_chunk_fails_the_demo(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def ask(url: str) -> tuple[bytes, ...]:
        asked.append(url)
        chunks = real(url)
        return chunks if len(asked) == 1 else (*chunks[:-1], b"something else")

    real = _demo._ask
    monkeypatch.setattr(_demo, "_ask", ask)
    assert main(["demo"]) == 1
    assert f"different: {len(WORDS) - 1} of {len(WORDS)} chunks are equal" in capsys.readouterr().out


def test_without_a_model_the_shipped_recording_is_replayed_and_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(model, "is_installed", lambda: False)
    assert main(["demo"]) == 0
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if "the recording that ships with the package is used" in line]
    assert "identical: " in shown


def test_nothing_is_downloaded_without_consent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fetch() -> Path:
        pytest.fail("nobody agreed to a download")

    monkeypatch.setattr(model, "is_installed", lambda: True)
    monkeypatch.setattr(weights, "cached", lambda: None)
    monkeypatch.setattr(weights, "fetch", fetch)
    assert main(["demo"]) == 0
    assert "--yes fetches" in capsys.readouterr().out


def test_a_failed_download_falls_back_and_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fetch() -> Path:
        message = "no route to the index"
        raise weights.WeightsError(message)

    monkeypatch.setattr(model, "is_installed", lambda: True)
    monkeypatch.setattr(weights, "cached", lambda: None)
    monkeypatch.setattr(weights, "fetch", fetch)
    assert main(["demo", "--yes"]) == 0
    assert "no route to the index" in capsys.readouterr().out


def test_the_demo_overwrites_nothing(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("precious")
    assert main(["demo", "--offline", "--keep", str(file)]) == 2
    assert file.read_text() == "precious"


def test_the_shipped_recording_answers_the_question_the_demo_asks() -> None:
    asked = json.loads(load(_demo.shipped_cassette()).interactions[0].request.body)
    assert asked == _demo.QUESTION
