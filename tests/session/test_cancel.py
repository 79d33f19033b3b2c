"""Cancels at every kind of place, by every way of saying stop, against backends and the providers' own clients."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import harness
from harness import GenerationCancelled
from harness.clock import installed_clock
from harness.engine import Cancel
from harness.errors import FaultNotStruckError, ScenarioError, SessionError
from harness.session import Session

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


@pytest.mark.parametrize("via", ["event", "thread"])
@pytest.mark.parametrize("place,chunks", [("call=1", 0), ("call=1/headers", 0), ("call=1/token=3", 3), ("t=2500ms", 2)])
def test_a_whole_answer_is_given_up_in_the_moment_of_its_cancel(words: Any, place: str, chunks: int, via: str) -> None:
    with words() as session:
        backend = backend_of(session)
        session.cancel_at(place, via=via)
        with pytest.raises(GenerationCancelled):
            backend.complete(ASK)
        cancel = session.cancels[0]
        assert (cancel.chunks_before, cancel.chunks_after, cancel.lasted) == (chunks, 0, 0)
        backend.cancel_event.clear()
        assert backend.complete(ASK).narrative_text == "one two three four "


def test_a_backend_that_ignores_its_cancel_goes_on_and_the_drivers_own_guard_has_to_stop(words: Any) -> None:
    with words() as session:
        backend = backend_of(session, ignores_cancel=True)
        session.cancel_at("call=1/token=2")
        shown = []
        for token in backend.stream_tokens(ASK):
            if backend.cancel_event.is_set():
                break
            shown.append(token)
        assert shown == ["one"]
        cancel = session.cancels[0]
        assert (cancel.chunks_before, cancel.result) == (2, "")
    with words() as session:
        backend = backend_of(session, ignores_cancel=True)
        session.cancel_at("call=1/token=2")
        assert len(list(backend.stream_tokens(ASK))) == 5
        assert session.cancels[0].chunks_after == 4, "three tokens and what says that it is done"


def test_a_file_can_say_that_its_cancel_is_ignored(words: Any) -> None:
    with words(cancel="cancel: {at: call=1/token=2, ignored: true}") as session:
        assert len(list(backend_of(session).stream_tokens(ASK))) == 5
        assert (session.cancels[0].chunks_before, session.cancels[0].chunks_after) == (2, 4)


def test_a_file_names_no_code_to_press_cancel_with(words: Any) -> None:
    named = pytest.raises(ScenarioError, match=r"session\.cancel_at\(place, fn\)")
    with named, words(cancel="cancel: {at: call=1, via: 'callable:os:abort'}"):
        pass
    assert installed_clock() is None, "what did not open is closed again"


@pytest.mark.parametrize("place,text", [("call=1/token=2", "one two"), ("t=1500ms", "one"), ("call=1", "")])
def test_ctrl_c_comes_at_its_place_and_the_backend_is_usable_afterwards(words: Any, place: str, text: str) -> None:
    with words() as session:
        backend = session.backend()
        session.cancel_at(place, via="signal")
        assert until_it_ends(backend.stream_tokens(ASK), KeyboardInterrupt) == text
        assert session.cancels[0].is_released
        assert backend.complete(ASK).narrative_text == "one two three four "


def test_a_process_that_ignores_ctrl_c_is_told_so(words: Any) -> None:
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(SessionError, match="this process ignores it"), words() as session:
            session.cancel_at("call=1/token=1", via="signal")
            session.backend().complete(ASK)
    finally:
        signal.signal(signal.SIGINT, heard)


def test_who_has_no_task_or_no_stream_hears_what_to_say_instead(words: Any) -> None:
    for via, instead in (("task", "what reads is a thread"), ("close", "has no stream")):
        with pytest.raises(SessionError, match=instead), words() as session:
            session.cancel_at("call=1/token=1", via=via)
            session.backend().complete(ASK)


# --- the async twins -------------------------------------------------------------------------------------------------


async def _stream(backend: Any, text: list[str]) -> None:
    async for token in backend.astream_tokens(ASK):
        text.append(token)  # noqa: PERF401 - what came before the cancel is what counts


async def _whole(backend: Any, text: list[str]) -> None:
    text.append((await backend.acomplete(ASK)).narrative_text)


async def _cancelled_task(session: Session, ask: Callable[..., Any]) -> list[str]:
    """A task that asks and is cancelled, and then another one that is not."""
    backend, text = session.backend(), list[str]()
    task = asyncio.get_running_loop().create_task(ask(backend, text))
    await asyncio.wait([task])
    assert task.cancelled()
    assert (await backend.acomplete(ASK)).narrative_text == "one two three four "
    return text


async def _cancelled_scope(session: Session, ask: Callable[..., Any]) -> list[str]:
    backend, text = session.backend(), list[str]()
    with trio.CancelScope() as scope:
        await ask(backend, text)
    assert scope.cancelled_caught
    assert (await backend.acomplete(ASK)).narrative_text == "one two three four "
    return text


def on_asyncio(main: Callable[..., Any], *args: Any) -> Any:
    return asyncio.run(main(*args))


def on_trio(main: Callable[..., Any], *args: Any) -> Any:
    return trio.run(partial(main, *args), clock=MockClock(autojump_threshold=0))


TASK_PLACES = [
    ("call=1", 0, 0, []),
    ("call=1/headers", 1, 0, []),
    ("call=1/token=2", 2, 2, ["one", " two"]),
    ("t=2500ms", 2.5, 2, ["one", " two"]),
    ("call=1/await=1", 0, 0, []),
    ("call=1/await=6", 2, 2, ["one", " two"]),
]


@pytest.mark.parametrize("ask", [_stream, _whole])
@pytest.mark.parametrize(
    "run,main", [(on_asyncio, _cancelled_task), (on_trio, _cancelled_scope)], ids=["asyncio", "trio"]
)
@pytest.mark.parametrize("place,at_s,chunks,text", TASK_PLACES, ids=[place[0] for place in TASK_PLACES])
def test_a_task_ends_in_the_moment_of_its_cancel(
    words: Any, place: str, at_s: float, chunks: int, text: list[str], run: Any, main: Any, ask: Any
) -> None:
    with words() as session:
        session.cancel_at(place, via="task")
        said = run(main, session, ask)
        assert said == (text if ask is _stream else [])
        cancel = session.cancels[0]
        assert (cancel.at, cancel.chunks_before, cancel.chunks_after) == (at_s * SECOND, chunks, 0)
        assert (cancel.lasted, cancel.how, cancel.result) == (0, "cancelled", "")


def test_suspensions_are_counted_from_a_request_to_the_next_one_of_its_task(words: Any) -> None:
    async def main(session: Session) -> None:
        backend = session.backend()
        await _whole(backend, [])
        for _ in range(7):
            await asyncio.sleep(1)
        await _whole(backend, [])

    with words() as session:
        session.count_awaits()
        asyncio.run(main(session))
        first, second = session.history
        assert first.awaits == second.awaits + 7
        assert second.awaits > second.chunks


def test_a_session_that_is_kept_keeps_no_task_of_it() -> None:
    """The context of a task that could still ask keeps the patches in place."""

    async def ask() -> tuple[Session, weakref.ref[Any]]:
        with harness.replay(lambda _: "hello") as session:
            session.cancel_at("call=1/chunk=1", fn=lambda: None)
            await session.backend().acomplete(ASK)
        return session, weakref.ref(asyncio.current_task())

    session, task = asyncio.run(ask())
    gc.collect()
    assert session.cancels
    assert task() is None
