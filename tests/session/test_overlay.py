"""Faults laid over a recording: the recording stays as it is, and a fault that never strikes fails the session."""

from pathlib import Path

import httpx
import pytest

import harness
from harness.errors import FaultNotStruckError

CASSETTE = Path(__file__).parents[2] / "cassettes" / "demo.yaml"
QUESTION = {
    "messages": [{"role": "user", "content": "Tell a very short story about a clock."}],
    "model": "smollm2-135m-instruct",
    "max_tokens": 64,
    "stream": True,
    "temperature": 0,
}


def heard(times: int = 1) -> list[bytes]:
    pieces: list[bytes] = []
    for _ in range(times):
        with httpx.stream("POST", "http://127.0.0.1:8801/v1/chat/completions", json=QUESTION) as answer:
            pieces.extend(answer.iter_raw())
    return pieces


def test_a_fault_strikes_a_recording_at_its_place() -> None:
    before = CASSETTE.read_bytes()
    pieces: list[bytes] = []
    with (
        harness.replay(CASSETTE, faults="call=1/chunk=5/kind=reset") as session,
        pytest.raises(httpx.ReadError),
        httpx.stream("POST", "http://127.0.0.1:8801/v1/chat/completions", json=QUESTION) as answer,
    ):
        pieces.extend(answer.iter_raw())
    assert len(pieces) == 5
    assert session.history[0].outcome == "ReadError"
    assert CASSETTE.read_bytes() == before


def test_a_fault_that_finds_no_place_fails_the_session() -> None:
    with (
        pytest.raises(FaultNotStruckError, match="call=2/chunk=5"),
        harness.replay(CASSETTE, faults=["call=2/chunk=5/kind=reset"]),
    ):
        heard()


def test_a_persistent_fault_strikes_every_answer_after_it() -> None:
    faults = "call=1/chunk=5/kind=truncate-clean/persistent"
    with harness.replay(CASSETTE, faults=faults, on_exhausted="repeat"):
        assert len(heard(2)) == 10


def test_an_unknown_fault_is_refused_before_anything_runs() -> None:
    with pytest.raises(ValueError, match="Did you mean 'reset'"):
        harness.replay(CASSETTE, faults="call=1/chunk=5/kind=rest")


def test_what_a_fault_took_the_place_of_is_heard_by_the_next_attempt() -> None:
    with harness.replay(CASSETTE, faults="call=1/kind=http-503-overloaded") as session:
        assert b"overloaded" in b"".join(heard())
        whole = b"".join(heard())
        assert session.history[1].reply is not None
        assert session.history[1].reply.finish is not None
        assert whole == session.history[1].timeline.body
        assert [(entry.call, entry.attempt, entry.outcome) for entry in session.history] == [
            (1, 1, "http 503"),
            (1, 2, "ok"),
        ]


def test_a_stall_that_outlasts_the_client_leaves_the_answer_to_its_next_attempt() -> None:
    fault = "call=1/kind=stall-before-headers,for=90s"
    with harness.replay(CASSETTE, faults=fault) as session, httpx.Client(timeout=30) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post("http://127.0.0.1:8801/v1/chat/completions", json=QUESTION)
        assert client.post("http://127.0.0.1:8801/v1/chat/completions", json=QUESTION).status_code == 200
        assert [entry.attempt for entry in session.history] == [1, 2]
