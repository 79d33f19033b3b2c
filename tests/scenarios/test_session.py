"""A scenario in a session: what a driver gets, in no time, and what fails when it promises more than was met."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import httpx
import pytest

import harness
from harness.errors import FaultNotStruckError, Miss, UnplayedError
from harness.model import seconds

SHIPPED = Path(__file__).parents[2] / "scenarios" / "rate-limit.yaml"
ASK = [{"role": "user", "content": "What is the weather in Paris?"}]
ANSWER = "It is 21 degrees and sunny in Paris."
CHAT = "https://api.openai.com/v1/chat/completions"


def write(folder: Path, rest: str) -> Path:
    file = folder / "x.yaml"
    file.write_text(f"harness: 1\nname: x\ncalls: [{{id: a, reply: {{text: one two three}}}}]\n{rest}\n")
    return file


def test_a_backend_waits_as_it_was_told_and_then_answers() -> None:
    with harness.scenario(SHIPPED) as session:
        said: list[str] = []
        backend = session.backend()
        backend.on_status = said.append
        assert backend.complete(ASK).narrative_text == ANSWER
        assert said[0].endswith("retry in 12s")
        assert [entry.attempt for entry in session.history] == [1, 2]


def test_a_client_gets_the_refusal_in_its_own_words() -> None:
    with harness.scenario(SHIPPED) as session, httpx.Client() as client:
        refused = client.post(CHAT, json={"model": "m", "messages": ASK})
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "12")
        assert refused.json()["error"]["code"] == "rate_limit_exceeded"
        answered = client.post(CHAT, json={"model": "m", "messages": ASK})
        assert answered.json()["choices"][0]["message"]["content"] == ANSWER
        assert [(entry.call, entry.attempt) for entry in session.history] == [(1, 1), (1, 2)]


def test_a_stall_is_the_client_s_own_timeout_at_exactly_its_time() -> None:
    with harness.scenario(SHIPPED, case="stall") as session, httpx.Client(timeout=30) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post(CHAT, json={"model": "m", "messages": ASK})
        assert session.history[0].events[-1][0] == seconds(30)


def test_a_reset_comes_after_the_tokens_that_did_arrive() -> None:
    with harness.scenario(SHIPPED, case="reset") as session:
        tokens = session.backend().stream_tokens(ASK)
        assert [next(tokens) for _ in range(3)] == ["It", " is", " 21"]
        with pytest.raises(harness.LLMConnectionError, match="Connection reset by peer"):
            next(tokens)
        assert session.history[0].timeline.end == "error"


def test_a_miss_names_the_matcher() -> None:
    with (
        pytest.raises(Miss, match=r"when\.user: \w+ contains 'weather in Paris', asked 'hello'"),
        harness.scenario(SHIPPED) as session,
    ):
        session.backend().complete([{"role": "user", "content": "hello"}])


def test_a_sequence_that_was_not_asked_to_its_end_fails_the_test(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("harness: 1\nname: x\ncalls: [{id: a, sequence: [{text: one}, {text: two}]}]\n")
    with (
        pytest.raises(UnplayedError, match=r"a: item 2 \(text\) was given 0 of 1 times"),
        harness.scenario(file) as session,
    ):
        session.backend().complete(ASK)


def test_a_fault_that_found_no_place_fails_the_test(tmp_path: Path) -> None:
    file = write(tmp_path, "faults: [{at: call=1/chunk=9, kind: reset}]")
    with (
        pytest.raises(FaultNotStruckError, match="reset at call=1/chunk=9 never struck: that answer has"),
        harness.scenario(file) as session,
    ):
        session.backend().complete(ASK)


def test_a_cancel_is_pressed_at_its_place(tmp_path: Path) -> None:
    with harness.scenario(write(tmp_path, "cancel: {at: call=1/chunk=2}")) as session:
        backend = session.backend()
        backend.cancel_event = threading.Event()
        tokens = backend.stream_tokens(ASK)
        assert next(tokens) == "one"
        with pytest.raises(harness.GenerationCancelled):
            list(tokens)
        assert backend.cancel_event.is_set()


def test_is_available_says_what_the_scenario_says_and_then_the_last_of_it(tmp_path: Path) -> None:
    with harness.scenario(write(tmp_path, "available: [false, true]")) as session:
        backend = session.backend()
        assert [backend.is_available() for _ in range(3)] == [False, True, True]
        backend.complete(ASK)


def test_a_plain_function_answers_a_session() -> None:
    with harness.replay(lambda prompt: f"You said {prompt.text}") as session:
        assert session.backend().complete(ASK).narrative_text == "You said What is the weather in Paris?"


def test_a_caller_that_timed_out_and_asks_again_makes_its_next_attempt(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(
        "harness: 1\nname: x\ncalls: [{id: a, reply: {text: one, timing: {ttft: 30s}}}]\n"
        "faults: [{at: call=1/attempt=2, kind: http-429-rate-limit}]\n"
    )
    with harness.scenario(file), httpx.Client(timeout=10) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post(CHAT, json={"model": "m", "messages": ASK})
        assert client.post(CHAT, json={"model": "m", "messages": ASK}, timeout=None).status_code == 429


def test_what_a_scenario_says_beside_its_text_reaches_the_result(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("harness: 1\nname: x\ncalls: [{id: a, reply: {text: hi, extra: {rc: 0}}}]\n")
    with harness.scenario(file) as session:
        result = asyncio.run(session.backend().generate("x"))
        assert (result.success, result.text, result.extra) == (True, "hi", {"rc": 0})


def test_a_soft_failure_is_a_result_that_says_so(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("harness: 1\nname: x\ncalls: [{id: a, reply: {failure: {rc: 1, stderr: no model}}}]\n")
    with harness.scenario(file) as session:
        result = asyncio.run(session.backend().generate("x"))
        assert (result.success, result.text, result.extra) == (False, "", {"rc": 1, "stderr": "no model"})
        assert session.backend().complete(ASK).finish_reason == "error"
