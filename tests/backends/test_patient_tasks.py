"""A task that may be told to stop: it looks at `cancel_event` when somebody could have set it, and not all the time."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import harness
from harness import GenerationCancelled, LLMTimeout
from harness.dialects import native_request
from harness.errors import Silence
from harness.model import ZERO, Head, Headers, Message, Prompt, Timeline
from harness.testing import Act, Script

ASK: Any = [{"role": "user", "content": "hi"}]
LOOKS_MAX = 20
"""An hour in steps of a tenth of a second is 36,000."""


class Looked(threading.Event):
    """Counts how often somebody looked at it."""

    looks = 0

    def is_set(self) -> bool:
        self.looks += 1
        return super().is_set()


def test_a_silent_wire_is_told_at_once_and_not_after_all_the_time_there_is() -> None:
    head = Head(200, Headers((("content-type", "application/x-ndjson"),)))
    request = native_request("complete", Prompt((Message("user", "hi"),)))
    silent = harness.Cassette((harness.Interaction(request, Timeline(((ZERO, head),), left="open")),))
    with pytest.raises(Silence), harness.replay(silent) as session:
        backend = session.backend(timeout=None)
        backend.cancel_event = event = Looked()
        asyncio.run(backend.acomplete(ASK))
    assert event.looks < LOOKS_MAX


def test_an_hour_is_waited_for_in_few_looks() -> None:
    with harness.replay(Script.of(Act(("late",), gap_s=7200)).source()) as session:
        backend = session.backend(timeout=3600)
        backend.cancel_event = event = Looked()
        with pytest.raises(LLMTimeout):
            asyncio.run(backend.generate("x"))
        assert session.clock.now() == 3600 * 10**9
    assert event.looks < LOOKS_MAX


@pytest.mark.parametrize("pressed_s", [0.03, 12.34, 1800.07])
def test_who_presses_meanwhile_is_heard_within_a_tenth_of_a_second(pressed_s: float) -> None:
    with harness.replay(Script.of(Act(("late",), gap_s=3600)).source()) as session:
        backend = session.backend(timeout=None)
        backend.cancel_event = event = Looked()

        async def pressed() -> None:
            asyncio.get_running_loop().call_later(pressed_s, event.set)
            await backend.acomplete(ASK)

        with pytest.raises(GenerationCancelled):
            asyncio.run(pressed())
        assert pressed_s <= session.clock.now() / 10**9 <= pressed_s + 0.1
    assert event.looks < LOOKS_MAX


def test_another_task_that_waits_in_turns_is_heard_too() -> None:
    with harness.replay(Script.of(Act(("late",), gap_s=3600)).source()) as session:
        backend = session.backend(timeout=None)
        backend.cancel_event = event = Looked()

        async def press() -> None:
            for _ in range(10):
                await asyncio.sleep(6)
            event.set()

        async def both() -> None:
            await asyncio.gather(backend.acomplete(ASK), press())

        with pytest.raises(GenerationCancelled):
            asyncio.run(both())
        assert 60 <= session.clock.now() / 10**9 <= 60.1
