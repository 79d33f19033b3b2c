"""The transcript says by which clock a session ran, and says it as it was."""

from __future__ import annotations

import asyncio
from typing import Any

import trio
from trio.testing import MockClock

import harness
from harness.clock import VirtualTimeLoop, new_event_loop, virtual_time
from harness.session import Session

ASK: list[Any] = [{"role": "user", "content": "hi"}]


def _word(session: Session) -> str:
    return session.transcript().splitlines()[0].partition("function answer")[2].strip()


def answer(_: harness.Prompt) -> str:
    return "hello"


async def ask(session: Session) -> None:
    await session.backend().acomplete(ASK)


async def open_and_ask(**options: Any) -> str:
    async with harness.replay(answer, **options) as session:
        await ask(session)
        return _word(session)


def test_a_thread_is_on_virtual_time_and_can_opt_out() -> None:
    for choice, word in ((None, "virtual"), ("virtual", "virtual"), ("wall", "wall clock")):
        with harness.replay(answer, clock=choice) as session:  # type: ignore[arg-type] # two of the words, and None
            session.backend().complete(ASK)
            assert _word(session) == word


def test_a_loop_that_runs_inside_of_the_session_is_on_virtual_time() -> None:
    with harness.replay(answer) as session:
        asyncio.run(ask(session))
        assert _word(session) == "virtual"


def test_a_loop_of_ours_is_joined() -> None:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        assert runner.run(open_and_ask()) == "virtual"
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        assert runner.run(open_and_ask(clock="wall")) == "wall clock"


def test_a_loop_that_was_there_first_is_counted_for() -> None:
    assert asyncio.run(open_and_ask()).startswith("virtual, counting only: this event loop was running before")


def test_a_foreign_loop_inside_of_the_session_is_counted_for_and_said_to_be() -> None:
    with harness.replay(answer) as session:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            assert not isinstance(runner.get_loop(), VirtualTimeLoop)
            runner.run(ask(session))
        assert _word(session) == "virtual, counting only: this event loop is not of its making"


def test_trio_on_its_real_clock_is_counted_for_and_said_to_be() -> None:
    with harness.replay(answer) as session:
        trio.run(ask, session)
        assert _word(session) == "virtual, counting only: trio runs on its real clock"
    assert trio.run(open_and_ask).startswith("virtual, counting only")


def test_trio_on_its_mock_clock_is_virtual() -> None:
    with harness.replay(answer) as session:
        trio.run(ask, session, clock=MockClock(autojump_threshold=0))
        assert _word(session) == "virtual"
    assert trio.run(open_and_ask, clock=MockClock(autojump_threshold=0)) == "virtual, by trio's MockClock"


def test_a_window_that_is_open_is_joined() -> None:
    with virtual_time() as clock, harness.replay(answer) as session:
        session.backend().complete(ASK)
        assert session.clock is clock
        assert _word(session) == "virtual"
