"""What a session says at its end, and that nothing in between can keep it from saying so."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time

import httpx
import pytest

import harness
from harness.clock import installed_clock
from harness.errors import NothingInterceptedError, SessionError, UnplayedError, VirtualTimeError
from harness.model import Cassette, Head, Headers, Interaction, Request, Timeline, seconds

URL = "https://api.example/v1/chat/completions"


def chat(text: str, answer: str, place: int = 1) -> Interaction:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
    choice = {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
    head = Head(200, Headers.of([("content-type", "application/json")]))
    timeline = Timeline.of(head, [json.dumps({"choices": [choice]}).encode()], at=seconds(30))
    return Interaction(Request("POST", URL, Headers(), body), timeline, id=f"#{place}")


CASSETTE = Cassette((chat("France?", "Paris"), chat("Spain?", "Madrid", 2)), name="capitals.yaml")


def ask(text: str) -> str:
    body = {"messages": [{"content": text, "role": "user"}], "model": "m"}
    return httpx.post(URL, json=body, timeout=60).json()["choices"][0]["message"]["content"]


def test_requests_match_by_content_and_not_by_arrival() -> None:
    with harness.replay(CASSETTE):
        assert [ask("Spain?"), ask("France?")] == ["Madrid", "Paris"]


def test_an_answer_that_nobody_asked_for_fails_the_session() -> None:
    with (
        pytest.raises(UnplayedError, match=r"1 of 2 answers in cassette capitals\.yaml not asked for\n  #2"),
        harness.replay(CASSETTE),
    ):
        ask("France?")


def test_unplayed_answers_can_be_ignored_or_warned_of() -> None:
    with harness.replay(CASSETTE, unplayed="ignore"):
        ask("France?")
    with (
        pytest.warns(UserWarning, match="not asked for in cassette capitals"),
        harness.replay(CASSETTE, unplayed="warn"),
    ):
        ask("France?")


def test_a_session_that_nothing_was_asked_of_fails() -> None:
    with (
        pytest.raises(NothingInterceptedError, match="nothing was asked of cassette capitals"),
        harness.replay(CASSETTE),
    ):
        pass


def test_a_miss_says_what_is_closest_and_where_it_differs() -> None:
    with pytest.raises(harness.Miss) as caught, harness.replay(CASSETTE):
        ask("Italy?")
    text = str(caught.value)
    assert "$.messages[0].content: recorded" in text
    assert "Italy?" in text
    assert "played before: nothing" in text


@pytest.mark.parametrize("swallow", [Exception, BaseException])
def test_a_swallowed_miss_is_raised_at_the_end(swallow: type[BaseException]) -> None:
    def driver() -> None:
        with contextlib.suppress(swallow):
            ask("Italy?")

    with pytest.raises(harness.Miss, match="no answer for POST"), harness.replay(CASSETTE):
        driver()


def test_a_miss_in_a_thread_is_raised_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    with pytest.raises(harness.Miss, match="no answer for POST"), harness.replay(CASSETTE):
        thread = threading.Thread(target=ask, args=("Italy?",))
        thread.start()
        thread.join()


def test_the_end_never_masks_what_went_wrong() -> None:
    with pytest.raises(ZeroDivisionError) as caught, harness.replay(CASSETTE):
        try:
            ask("Italy?")
        except BaseException:
            _ = 1 / 0
    assert any("no answer for POST" in note for note in caught.value.__notes__)


def test_a_session_is_used_once() -> None:
    session = harness.replay(CASSETTE, unplayed="ignore")
    with session:
        ask("France?")
    with pytest.raises(SessionError, match="used once"), session:
        pass


def test_a_function_is_a_source() -> None:
    with harness.replay(lambda prompt: f"you said {prompt.text}") as session:
        assert session.backend().complete([{"role": "user", "content": "hi"}]).narrative_text == "you said hi"


def test_thirty_recorded_seconds_take_no_time_and_are_all_there() -> None:
    with harness.replay(CASSETTE, unplayed="ignore") as session:
        ask("France?")
        assert session.clock.now() == seconds(30)
    assert session.history[0].outcome == "ok"


async def _ask_in_a_loop() -> str:
    async with harness.replay(CASSETTE, unplayed="ignore") as session, httpx.AsyncClient() as client:
        body = {"messages": [{"content": "France?", "role": "user"}], "model": "m"}
        answer = await client.post(URL, json=body, timeout=60)
        assert "counting only" in session.transcript()
    return answer.json()["choices"][0]["message"]["content"]


def test_inside_a_foreign_loop_time_is_counted_and_said_to_be() -> None:

    assert asyncio.run(_ask_in_a_loop()) == "Paris"


def test_cancel_at_fires_once_at_its_place() -> None:
    fired: list[int] = []
    with harness.replay(CASSETTE) as session:
        session.cancel_at("call=2/headers", lambda: fired.append(session.history[-1].call))
        ask("France?")
        ask("Spain?")
    assert fired == [2]
    with (
        harness.replay(CASSETTE, unplayed="ignore") as session,
        pytest.raises(SessionError, match="no place to cancel at"),
    ):
        ask("France?")
        session.cancel_at("call=1/byte=3")


def test_a_cancel_that_nobody_can_press_is_an_error_also_where_the_driver_swallows_it() -> None:
    nobody = pytest.raises(SessionError, match="no backend of this session has a cancel_event")
    with nobody, harness.replay(CASSETTE) as session:
        session.cancel_at("call=1")
        with contextlib.suppress(Exception):
            ask("France?")
        ask("Spain?")


def test_two_sessions_share_one_window_in_whatever_order_they_close() -> None:
    first, second = harness.replay(CASSETTE, unplayed="ignore"), harness.replay(CASSETTE, unplayed="ignore")
    first.start()
    second.start()
    first.stop()
    started = time.monotonic()
    time.sleep(30)
    assert time.monotonic() - started == 30
    assert ask("France?") == "Paris"
    second.stop()
    assert installed_clock() is None


def test_virtual_time_cannot_be_asked_for_in_a_loop_that_runs_already() -> None:
    async def main() -> None:
        with harness.replay(CASSETTE, clock="virtual"):
            pass

    with pytest.raises(VirtualTimeError, match="use the fixture virtual_time"):
        asyncio.run(main())
