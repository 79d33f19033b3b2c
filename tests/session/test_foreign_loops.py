"""A caller that was cancelled by a timer of its own, replayed in a loop that was running before the session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import anyio
import httpx
import pytest

import harness
from harness.clock import real_monotonic
from harness.model import Cassette, Chunk, Head, Interaction, Nanos, Request, Timeline, seconds

URL = "https://api.example/v1/slow"


def recording(left_at_s: float) -> Cassette:
    """A head, one chunk, silence, and a caller that was cancelled."""
    events = ((Nanos(0), Head(200)), (seconds(1), Chunk(b"one")))
    timeline = Timeline(events, "cancelled", seconds(left_at_s))
    return Cassette((Interaction(Request("GET", URL), timeline, "#1"),))


@asynccontextmanager
async def _anyio_timeout(length_s: float) -> AsyncIterator[None]:
    with anyio.fail_after(length_s):
        yield


async def _within(length_s: float, limit: Callable[[float], Any]) -> list[bytes]:
    heard: list[bytes] = []
    async with httpx.AsyncClient(timeout=60) as client, limit(length_s), client.stream("GET", URL) as response:
        async for chunk in response.aiter_bytes():
            heard.append(chunk)  # noqa: PERF401 - what came before the cancel is what counts
    return heard


@pytest.mark.parametrize("timeout", [asyncio.timeout, _anyio_timeout])
def test_the_callers_own_timer_strikes_where_it_struck_live(timeout: Callable[[float], Any]) -> None:
    async def main() -> None:
        started = real_monotonic()
        with harness.replay(recording(9.98)) as session:
            with pytest.raises(TimeoutError):
                await _within(10, timeout)
            assert session.history[0].outcome == "cancelled"
            assert session.history[0].chunks == 1
            assert session.clock.now() == seconds(9.98)
        assert real_monotonic() - started < 5

    asyncio.run(main())


def test_wait_for_gives_up_where_it_gave_up_live() -> None:
    async def main() -> None:
        with harness.replay(recording(9.98)) as session:
            async with httpx.AsyncClient(timeout=60) as client:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(client.get(URL), 10)
            assert session.history[0].outcome == "cancelled"
            assert session.clock.now() == seconds(9.98)

    asyncio.run(main())


def test_a_timer_of_somebody_else_is_left_alone() -> None:
    async def main() -> None:
        loop, fired = asyncio.get_running_loop(), list[str]()
        timers = [loop.call_later(length_s, fired.append, f"{length_s}") for length_s in (2, 30)]
        with harness.replay(recording(9.98)), pytest.raises(httpx.ReadTimeout):
            await _within(10, lambda _: nullcontext())
        assert fired == []
        assert not any(timer.cancelled() for timer in timers)
        for timer in timers:
            timer.cancel()

    asyncio.run(main())
