"""ReplayBackend over a session: results, countdowns, fallback, pacing, cancellation, and the history of it all."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import trio
import trio.testing

import harness
from harness import LLMConnectionError, LLMParseError, LLMResponse, LLMResult, LLMTimeout, Miss
from harness.backends import ReplayBackend
from harness.contract import GenerationCancelled, LLMBackend
from harness.errors import SessionError
from harness.model import Problem, Reset, ToolCall
from harness.session import Session
from harness.testing import Act, Script

ASK: Any = [{"role": "user", "content": "hi"}]


def playing(*acts: Act) -> Session:
    return harness.replay(Script.of(*acts).source())


def limited(retry_after_s: float | None = 12.0) -> Act:
    return Act.failing(429, "rate-limit", retry_after_s=retry_after_s)


def test_both_contracts_are_answered_from_one_session() -> None:
    with playing(Act(("Subject: Hi\n", "\nBody."), gap_s=0.5)) as session:
        backend = session.backend()
        assert asyncio.run(backend.generate("Write.")) == LLMResult(
            success=True, text="Subject: Hi\n\nBody.", model="replay", latency_ms=1000
        )
        assert backend.complete(ASK) == LLMResponse("Subject: Hi\n\nBody.", None, "stop")
        assert list(backend.stream_tokens(ASK)) == ["Subject: Hi\n", "\nBody."]
        assert backend.last_finish_reason == "stop"
        assert isinstance(backend, LLMBackend)
        assert isinstance(backend, ReplayBackend)


def test_a_generation_past_the_cap_takes_no_real_time() -> None:
    started = time.perf_counter()
    with playing(Act(("late",), gap_s=3600)) as session:
        backend = session.backend(timeout=600)
        with pytest.raises(LLMTimeout, match=r"replay at script did not finish within 600 s \(nothing had arrived\)"):
            asyncio.run(backend.generate("x"))
        with pytest.raises(LLMTimeout):
            backend.complete(ASK)
        assert session.clock.now() == 1200 * 10**9
    assert time.perf_counter() - started < 5


def test_a_countdown_is_told_in_slices_and_stands_in_the_history() -> None:
    heard: list[str] = []
    with playing(limited(), Act(("ok",))) as session:
        backend = session.backend(model="gemini-main")
        backend.on_status = heard.append
        assert backend.complete(ASK) == LLMResponse("ok")
        notes = [(note.at // 10**9, note.label, note.text) for entry in session.history for note in entry.notes]
    assert heard == ["Rate limited (gemini-main), attempt 1/3 — retry in 12s", "… retry in 7s", "… retry in 2s"]
    assert notes == [
        *((at, "status", text) for at, text in zip((0, 5, 10), heard, strict=True)),
        (12, "result", "LLMResponse(narrative_text='ok', tool_call=None, finish_reason='stop')"),
    ]


def test_when_the_retries_are_used_up_the_fallback_model_is_asked() -> None:
    heard: list[str] = []
    with playing(limited(1), limited(1), limited(1), Act(("from the other",))) as session:
        backend = session.backend(model="first", fallback_model="second", retries=2)
        backend.on_status = heard.append
        result = asyncio.run(backend.generate("x"))
        asked = [entry.prompt.model for entry in session.history]
    assert (result.text, result.model) == ("from the other", "second")
    assert asked == ["first", "first", "first", "second"]
    assert heard[-1] == "first is exhausted, asking second"


def test_without_a_fallback_an_exhausted_model_is_a_connection_error_that_says_so() -> None:
    with playing(limited(1)) as session:
        with pytest.raises(LLMConnectionError, match=r"HTTP 429 \(rate-limit\): scripted 429"):
            session.backend(retries=1).complete(ASK)
        assert len(session.history) == 2


def test_a_quota_that_is_used_up_is_not_asked_again() -> None:
    with playing(Act(problem=Problem("quota", "limit: 0", status=429))) as session:
        with pytest.raises(LLMConnectionError, match=r"quota.*limit: 0"):
            session.backend().complete(ASK)
        assert len(session.history) == 1


def test_requests_are_paced_and_the_wait_is_told() -> None:
    heard: list[str] = []
    with playing(Act(("ok",))) as session:
        backend = session.backend(requests_per_minute=6)
        backend.on_status = heard.append
        for _ in range(3):
            backend.complete(ASK)
        assert [entry.at // 10**9 for entry in session.history] == [0, 10, 20]
    assert heard[0] == "Pacing (replay) — next request in 10s"


@pytest.mark.parametrize(
    "act, raised",
    [
        (Act.failing(500, "server-error"), LLMConnectionError),
        (Act.failing(401, "auth"), LLMConnectionError),
        (Act(refused=True), LLMConnectionError),
        (Act(garbage=True), LLMParseError),
        (Act(("x",), then="reset"), LLMConnectionError),
    ],
)
def test_chat_failures_are_the_contract_s_exceptions_and_leave_an_error_behind(
    act: Act, raised: type[Exception]
) -> None:
    with playing(act) as session:
        backend = session.backend()
        with pytest.raises(raised):
            backend.complete(ASK)
        assert backend.last_finish_reason == "error"
        assert session.history[0].notes[-1].text == f"{raised.__name__} (harness)"


def test_soft_failures_carry_what_is_known() -> None:
    failure = Act(problem=Problem("failure", extra={"rc": 1, "stderr": "model not found"}))
    with playing(failure) as session:
        backend = session.backend()
        result = asyncio.run(backend.generate("x"))
        assert (result.success, result.text, result.extra) == (False, "", {"rc": 1, "stderr": "model not found"})
        assert backend.complete(ASK) == LLMResponse("", None, "error")
    with playing(Act.failing(400, "context-length")) as session:
        result = asyncio.run(session.backend().generate("x"))
        assert (result.success, result.extra["status"]) == (False, 400)
        assert "scripted 400" in result.extra["body"]
    with playing(Act.failing(404, "not-found")) as session, pytest.raises(LLMConnectionError, match="HTTP 404"):
        asyncio.run(session.backend().generate("x"))


@pytest.mark.parametrize(
    "finish, expected",
    [("filter", "error"), ("refusal", "error"), ("length", "length"), ("pause", "stop"), ("load", "error")],
)
def test_every_finish_reason_is_one_of_three(finish: Any, expected: str) -> None:
    with playing(Act(("text",), finish=finish)) as session:
        backend = session.backend()
        assert backend.complete(ASK).finish_reason == expected
        assert asyncio.run(backend.generate("x")).success is (expected != "error")


def test_an_error_after_text_is_a_finish_reason_and_no_exception() -> None:
    act = Act(("Half an ", "answer"), problem=Problem("overloaded", "in the middle"))
    with playing(act) as session:
        backend = session.backend()
        assert backend.complete(ASK) == LLMResponse("Half an answer", None, "error")
        result = asyncio.run(backend.generate("x"))
        assert (result.success, result.extra) == (False, {"error": "in the middle"})


def test_a_tool_call_that_was_cut_short_keeps_its_text() -> None:
    with playing(Act(tool=ToolCall("move", '{"to": "no'))) as session:
        assert session.backend().complete(ASK).tool_call == {"name": "move", "arguments": '{"to": "no'}


def test_a_miss_goes_through_every_except_of_a_driver() -> None:
    cassette = Script().cassette("openai-chat")
    with pytest.raises(Miss, match=r"\$\.messages\[0\]"), harness.replay(cassette, unplayed="ignore") as session:
        try:
            session.backend().complete([{"role": "user", "content": "never asked"}])
        except Exception as error:
            pytest.fail(f"a driver could swallow it: {error!r}")


def test_a_silence_that_nothing_ends_is_a_miss_and_no_hang() -> None:
    open_ended = Script.of(Act(("Hello", " there."), gap_s=1)).cassette().interactions[0]
    cut = harness.Cassette((harness.Interaction(open_ended.request, open_ended.timeline.cut(1)),))
    with pytest.raises(Miss, match="the wire is silent"), harness.replay(cut) as session:
        session.backend(timeout=float("inf")).complete([{"role": "user", "content": "Say something."}])


def test_parameters_left_at_their_defaults_match_anything_and_others_do_not() -> None:
    cassette = Script().cassette("openai-chat")
    messages = [{"role": "user", "content": "Say something."}]
    with harness.replay(cassette, unplayed="ignore") as session:
        backend = session.backend()
        assert backend.complete(messages, temperature=0.7).narrative_text == "Hello there."
        assert session.history[0].prompt.parameters == {}
    with pytest.raises(Miss), harness.replay(cassette, unplayed="ignore") as session:
        session.backend().complete(messages, temperature=0.1, max_tokens=5)


def test_messages_may_be_objects_and_have_names() -> None:
    class Message:
        role, content, name = "user", "hi", "ada"

    with playing(Act(("ok",))) as session:
        session.backend().complete([Message(), {"role": "assistant", "content": "x"}])  # type: ignore[list-item]
        first, second = session.history[0].prompt.messages
    assert (first.role, first.content, first.name) == ("user", "hi", "ada")
    assert (second.role, second.name) == ("assistant", "")


def test_health_answers_come_in_order_and_the_last_one_stays() -> None:
    with playing() as session:
        assert session.backend().is_available() is True
        session.available = (False, True)
        backend = session.backend()
        assert [backend.is_available() for _ in range(3)] == [False, True, True]


def test_a_recording_session_has_no_model_to_ask(tmp_path: Any) -> None:
    with harness.record(tmp_path / "new.yaml") as session, pytest.raises(SessionError, match="records"):
        session.backend().complete(ASK)


# --- stopping


def test_a_cancel_at_an_exact_moment_ends_a_wait_at_that_moment() -> None:
    heard: list[str] = []
    with playing(limited(), Act(("ok",))) as session:
        backend = session.backend()
        backend.cancel_event = threading.Event()
        backend.on_status = heard.append
        session.cancel_at("t=6s")
        with pytest.raises(GenerationCancelled):
            backend.complete(ASK)
        assert session.clock.now() == 6 * 10**9
        assert backend.last_finish_reason is None
    assert [text[-12:] for text in heard] == ["retry in 12s", " retry in 7s"], "nothing is told after the cancel"


def test_a_cancel_stops_between_the_tokens_of_one_chunk() -> None:
    interaction = Script.of(Act(("one ", "two ", "three"))).cassette().interactions[0]
    coalesced = interaction.timeline.rechunked([len(interaction.timeline.body)])
    with harness.replay(harness.Cassette((harness.Interaction(interaction.request, coalesced),))) as session:
        backend = session.backend()
        backend.cancel_event = event = threading.Event()
        stream = backend.stream_tokens([{"role": "user", "content": "Say something."}])
        assert next(iter(stream)) == "one "
        event.set()
        with pytest.raises(GenerationCancelled):
            next(iter(stream))


def test_what_is_lost_after_the_model_was_done_is_not_lost() -> None:
    interaction = Script.of(Act(("whole",))).cassette().interactions[0]
    lost = interaction.timeline.cut(99).then(Reset("RemoteProtocolError"))
    with harness.replay(harness.Cassette((harness.Interaction(interaction.request, lost),))) as session:
        response = session.backend().complete([{"role": "user", "content": "Say something."}])
    assert response == LLMResponse("whole", None, "stop")


def test_a_cancel_ends_a_stall_too() -> None:
    with playing(Act(("late",), gap_s=50)) as session:
        backend = session.backend()
        backend.cancel_event = threading.Event()
        session.cancel_at("t=6s")
        with pytest.raises(GenerationCancelled):
            list(backend.stream_tokens(ASK))
        assert session.clock.now() == 6 * 10**9
        assert session.history[0].left == "cancelled"


@pytest.mark.parametrize("act", [limited(), Act(("late",), gap_s=50)], ids=["retry", "stall"])
def test_a_cancel_event_ends_the_waits_of_a_task_within_a_tenth_of_a_second(act: Act) -> None:
    with playing(act, Act(("ok",))) as session:
        backend = session.backend()
        backend.cancel_event = threading.Event()
        session.cancel_at("t=6s")
        with pytest.raises(GenerationCancelled):
            asyncio.run(backend.acomplete(ASK))
        assert 6.0 <= session.clock.now() / 1e9 <= 6.1


def test_a_stream_that_is_left_is_closed() -> None:
    with playing(Act(("one", "two", "three"), gap_s=1)) as session:
        stream = session.backend().stream_tokens(ASK)
        assert next(iter(stream)) == "one"
        stream.close()  # type: ignore[attr-defined]
        assert session.history[0].left == "closed"


def test_a_stream_asks_nothing_before_its_first_token_is_wanted() -> None:
    with playing(Act(("one",))) as session:
        stream = session.backend().stream_tokens(ASK)
        assert len(session.history) == 0
        assert list(stream) == ["one"]


def test_an_anyio_cancel_scope_leaves_the_backend_usable() -> None:
    anyio = pytest.importorskip("anyio")

    async def drive(backend: ReplayBackend) -> str:
        with anyio.move_on_after(2):
            await backend.acomplete(ASK)
        return str((await backend.acomplete(ASK)).narrative_text)

    with playing(Act(("late",), gap_s=50), Act(("fine",))) as session:
        assert asyncio.run(drive(session.backend())) == "fine"
        assert session.history[0].left == "cancelled"


# --- many at once


def test_one_backend_serves_many_threads() -> None:
    with harness.replay(lambda prompt: f"you said {prompt.text}") as session:
        backend = session.backend()

        def ask(number: int) -> str:
            return str(backend.complete([{"role": "user", "content": str(number)}]).narrative_text)

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(ask, range(20)))
    assert answers == [f"you said {number}" for number in range(20)]


def test_one_backend_serves_several_loops_and_tasks() -> None:
    async def all_at_once(ask: Callable[[str], Any]) -> list[str]:
        results = await asyncio.gather(*(ask(str(number)) for number in range(5)))
        return [result.text for result in results]

    with harness.replay(lambda prompt: prompt.text) as session:
        backend = session.backend()
        for _ in range(3):
            assert asyncio.run(all_at_once(backend.generate)) == ["0", "1", "2", "3", "4"]


def test_a_backend_answers_under_trio_and_survives_its_cancel_scopes() -> None:
    async def drive(backend: ReplayBackend) -> tuple[str, float]:
        said = str((await backend.acomplete(ASK)).narrative_text)
        with trio.move_on_after(1):
            await backend.acomplete(ASK)
        return said, trio.current_time()

    with playing(limited(), Act(("ok",), gap_s=3)) as session:
        backend = session.backend()
        assert trio.run(drive, backend, clock=trio.testing.MockClock(autojump_threshold=0)) == ("ok", 16.0)
        assert session.clock.now() == 16 * 10**9
        assert session.history[-1].left == "cancelled"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_has_settings_of_its_own_and_asks_the_same_session(copied: Callable[[Any], Any]) -> None:
    with playing(Act(("hi",))) as session:
        backend = session.backend()
        patient = copied({"llm": backend})["llm"] if copied is copy.deepcopy else copied(backend)
        patient.timeout = 600.0
        assert backend.timeout == 60.0
        assert patient.complete(ASK).narrative_text == "hi"


def test_pickling_says_why_it_cannot_be() -> None:
    with playing(Act(("hi",))) as session, pytest.raises(TypeError, match="it cannot be pickled"):
        pickle.dumps(session.backend(contract={"LLMBackend": type("LLMBackend", (), {})}))


def test_a_long_patience_is_told_in_seconds_and_not_in_powers_of_ten() -> None:
    with (
        playing(Act(("hi",), gap_s=7200.0)) as session,
        pytest.raises(LLMTimeout, match="did not finish within 3600 s"),
    ):
        asyncio.run(session.backend(timeout=3600).generate("x"))


def test_what_is_no_source_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="5 cannot be replayed: pass a path"):
        harness.replay(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("messages", ["hi", {"role": "user", "content": "hi"}, None, ["hi"], [None]])
def test_one_text_is_no_list_of_messages(messages: Any) -> None:
    with playing(Act(("hi",))) as session, pytest.raises(TypeError, match="messages is a list of"):
        session.backend().complete(messages)


@pytest.mark.parametrize("prompt", [None, b"hi", [{"role": "user", "content": "hi"}]])
def test_what_is_no_text_is_no_prompt(prompt: Any) -> None:
    with playing(Act(("hi",))) as session, pytest.raises(TypeError, match="generate takes a prompt, which is a text"):
        asyncio.run(session.backend().generate(prompt))


def test_a_conversation_is_begun_with_a_text_or_a_prompt() -> None:
    with (
        playing(Act(("hi",))) as session,
        pytest.raises(TypeError, match=r"converse takes a text or a harness\.Prompt"),
    ):
        list(session.converse(ASK))
