"""Cancels at every kind of place, by every way of saying stop, against backends and the providers' own clients."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import harness
from harness import GenerationCancelled
from harness.engine import Cancel
from harness.errors import FaultNotStruckError
from harness.session import Session

anthropic = pytest.importorskip("anthropic")
openai = pytest.importorskip("openai")
genai = pytest.importorskip("google.genai")

ASK: list[Any] = [{"role": "user", "content": "hi"}]
SECOND = 10**9
SCENARIO = """
harness: 1
name: words
defaults: {timing: {ttft: 1s, per_token: 1s}}
calls:
  - {id: words, when: {user: hi}, sequence: [{text: "one two three four "}], then: last}
"""
LIMITED = """
harness: 1
name: limited
calls:
  - id: words
    when: {user: hi}
    sequence:
      - {fault: {kind: http-429-rate-limit, retry_after: 12s}}
      - {text: "one two "}
    then: last
"""
LAST = {"connect": 0, "headers": 0, "chunk=2": 2, "token=2": 2}


@pytest.fixture
def words(tmp_path: Path) -> Callable[..., Session]:
    def opened(text: str = SCENARIO, cancel: str = "", unplayed: Any = "fail") -> Session:
        file = tmp_path / "words.yaml"
        file.write_text(text + cancel)
        return harness.scenario(file, unplayed=unplayed)

    return opened


def backend_of(session: Session, **options: Any) -> Any:
    backend = session.backend(**options)
    backend.cancel_event = threading.Event()
    return backend


def until_it_ends(said: Iterator[str], error: type[BaseException]) -> str:
    """What came before `error`, which has to come."""
    text = ""
    with pytest.raises(error):
        for token in said:
            text += token
    return text


# --- the sync chat contract ------------------------------------------------------------------------------------------

PLACES = [
    ("call=1", 0, 0, ""),
    ("call=1/connect", 0, 0, ""),
    ("call=1/headers", 1, 0, ""),
    ("call=1/token=1", 1, 1, ""),
    ("call=1/chunk=2", 2, 2, "one"),
    ("call=1/token=2", 2, 2, "one"),
    ("t=1500ms", 1.5, 1, "one"),
    ("t=0s", 0, 0, ""),
]


@pytest.mark.parametrize("via", ["event", "thread"])
@pytest.mark.parametrize("place,at_s,chunks,text", PLACES)
def test_a_stream_ends_in_the_moment_of_its_cancel(
    words: Any, place: str, at_s: float, chunks: int, text: str, via: str
) -> None:
    with words() as session:
        backend = backend_of(session)
        session.cancel_at(place, via=via)
        assert until_it_ends(backend.stream_tokens(ASK), GenerationCancelled) == text
        cancel = session.cancels[0]
        assert (cancel.at, cancel.chunks_before, cancel.chunks_after) == (at_s * SECOND, chunks, 0)
        assert (cancel.lasted, cancel.how, cancel.result) == (0, cancel.how, "GenerationCancelled (harness)")
        assert cancel.how in {"cancelled", "closed"}
        assert cancel.requests_after == 0
        backend.cancel_event.clear()
        assert "".join(backend.stream_tokens(ASK)) == "one two three four "


def test_a_cancel_after_the_last_token_leaves_a_whole_answer(words: Any) -> None:
    with words() as session:
        backend = backend_of(session)
        session.cancel_at("call=1/end")
        with pytest.raises(GenerationCancelled):
            list(backend.stream_tokens(ASK))
        cancel = session.cancels[0]
        assert (cancel.at, cancel.text, cancel.how) == (6 * SECOND, "one two three four ", "ok")


def test_a_cancel_in_a_countdown_ends_it_in_that_moment_and_nothing_is_asked_again(words: Any) -> None:
    with words(LIMITED, unplayed="ignore") as session:
        backend = backend_of(session)
        session.cancel_at("t=6s")
        with pytest.raises(GenerationCancelled):
            backend.complete(ASK)
        cancel = session.cancels[0]
        assert (cancel.at, cancel.ended_at, cancel.requests_after) == (6 * SECOND, 6 * SECOND, 0)
        assert (cancel.how, cancel.result) == ("http 429", "GenerationCancelled (harness)")


def test_a_cancel_whose_place_never_comes_fails_the_test(words: Any) -> None:
    never = pytest.raises(FaultNotStruckError, match="the cancel at call=1/chunk=99 via event was never reached")
    with never, words() as session:
        session.cancel_at("call=1/chunk=99")
        session.backend().complete(ASK)
    assert session.cancels == (Cancel("call=1/chunk=99", "event"),)


def test_a_way_that_is_none_is_refused_at_once(words: Any) -> None:
    with words() as session:
        with pytest.raises(ValueError, match="via='post' is no way to cancel"):
            session.cancel_at("call=1", via="post")
        with pytest.raises(ValueError, match="give one of them"):
            session.cancel_at("call=1", print, via="event")
        backend_of(session).complete(ASK)
