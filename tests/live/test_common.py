"""What every live backend does alike: the whole contract, over a socket and in virtual time, and all that waits."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import trio

import harness
from harness.clock import WallClock
from harness.contract import GenerationCancelled, LLMConnectionError
from harness.live import choose
from harness.model import as_seconds
from harness.testing import PROMISES, Act, MakeBackend, Report, Script, check_backend, loopback

TIMEOUT_S = 5.0
RATE = 20.0
WIRED = ["anthropic", "gemini", "ollama"]  # tests/contract holds `openai` to the same
ALL = ["openai", *WIRED]
HELLO = [{"role": "user", "content": "Hello?"}]
FINE = {"choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}]}
LIMITED = {"error": {"message": "Slow down.", "type": "requests", "code": "rate_limit_exceeded"}}


def over_a_socket(name: str) -> MakeBackend:
    @contextmanager
    def make(script: Script) -> Iterator[Any]:
        with loopback(script, rate=RATE) as peer:
            settings = {"model": "scripted", "base_url": peer.base_url, "timeout": TIMEOUT_S}
            yield choose(name, {**settings, "clock": WallClock(RATE)})

    return make


def in_virtual_time(name: str) -> MakeBackend:
    @contextmanager
    def make(script: Script) -> Iterator[Any]:
        with harness.replay(script.source(), unplayed="ignore"):
            yield choose(name, {"model": "scripted", "base_url": "http://model.test", "timeout": TIMEOUT_S})

    return make


def backend(**options: Any) -> Any:
    return harness.get_backend("openai", **{"model": "m", "base_url": "http://model.test/v1", **options})


@pytest.mark.slow
@pytest.mark.parametrize("name", WIRED)
def test_a_live_backend_keeps_every_promise_over_a_socket(name: str, unhurried: Any) -> None:
    def check() -> Report:
        clock = WallClock(RATE)
        return check_backend(over_a_socket(name), now=lambda: as_seconds(clock.now()), retry_after_s=6.5)

    assert len(unhurried(check).kept) == len(PROMISES)


@pytest.mark.parametrize("name", ALL)
def test_a_live_backend_keeps_every_promise_in_virtual_time(name: str) -> None:
    report = check_backend(in_virtual_time(name), skip=["available-when-up", "unavailable-when-down"])
    assert len(report.kept) == len(PROMISES) - 2


@pytest.mark.parametrize("name", ALL)
def test_a_live_backend_works_under_trio_too(name: str) -> None:
    with loopback(Script.of(Act(("Hello", " there.")))) as peer:
        live = choose(name, {"model": "m", "base_url": peer.base_url})

        async def ask() -> tuple[str, list[str]]:
            return (await live.generate("Hello?")).text, [token async for token in live.astream_tokens(HELLO)]

        assert trio.run(ask) == ("Hello there.", ["Hello", " there."])


@pytest.mark.parametrize(
    "headers, wait_s",
    [
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "12", "retry-after-ms": "1500"}, 1.5),
        ({"date": "Sun, 22 Nov 2026 10:00:00 GMT", "retry-after": "Sun, 22 Nov 2026 10:00:42 GMT"}, 42.0),
        ({"retry-after": "soon"}, 1.0),
        ({}, 1.0),
    ],
)
@pytest.mark.parametrize("status", [429, 503, 529])
def test_the_server_s_wait_is_honoured(answering: Any, status: int, headers: dict[str, str], wait_s: float) -> None:
    with answering((LIMITED, status, headers), FINE) as world:
        assert backend().complete(HELLO).narrative_text == "fine"
        assert world.now() == pytest.approx(wait_s)


def test_a_wait_longer_than_the_cap_is_a_failure_at_once(answering: Any) -> None:
    with answering((LIMITED, 429, {"retry-after": "60"})) as world:
        with pytest.raises(LLMConnectionError, match=r"HTTP 429 \(rate-limit\): Slow down"):
            backend(retry_wait_max=59).complete(HELLO)
        assert (len(world.asked), world.now()) == (1, 0.0)


def test_retries_are_counted_told_and_counted_down(answering: Any) -> None:
    heard: list[tuple[float, str]] = []
    with answering((LIMITED, 429, {"retry-after": "12"}), (LIMITED, 429, {"retry-after": "1"})) as world:
        asking = backend(retries=2)
        asking.on_status = lambda text: heard.append((world.now(), text))
        with pytest.raises(LLMConnectionError):
            asking.complete(HELLO)
        assert len(world.asked) == 3
    assert heard == [
        (0.0, "Rate limited (m), attempt 1/2 — retry in 12s"),
        (5.0, "… retry in 7s"),
        (10.0, "… retry in 2s"),
        (12.0, "Rate limited (m), attempt 2/2 — retry in 1s"),
    ]


def test_a_fallback_is_asked_when_the_first_model_stays_exhausted(answering: Any) -> None:
    limited = (LIMITED, 429, {"retry-after": "1"})
    with answering(limited, limited, FINE) as world:
        result = asyncio.run(backend(retries=1, fallback_model="n").generate("Hello?"))
    assert [body["model"] for body in world.bodies] == ["m", "m", "n"]
    assert (result.text, result.model) == ("fine", "n")


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_wait_ends_at_once_when_it_is_cancelled(answering: Any, colour: str) -> None:
    with answering((LIMITED, 429, {"retry-after": "100"}), FINE) as world:
        asking = backend()
        asking.cancel_event = event = threading.Event()
        asking.on_status = lambda text: event.set() if "95s" in text else None
        with pytest.raises(GenerationCancelled):
            asking.complete(HELLO) if colour == "sync" else asyncio.run(asking.acomplete(HELLO))
        assert (len(world.asked), world.now()) == (1, pytest.approx(5.0))


def test_requests_are_spaced_among_all_threads(answering: Any) -> None:
    with answering(FINE) as world:
        pacing = backend(requests_per_minute=6)
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda _: pacing.complete(HELLO), range(4)))
        assert world.now() == pytest.approx(30.0)


def test_a_pause_for_pacing_can_be_cancelled_and_is_told(answering: Any) -> None:
    heard: list[str] = []
    with answering(FINE) as world:
        pacing = backend(requests_per_minute=1)
        pacing.complete(HELLO)
        pacing.cancel_event = event = threading.Event()
        pacing.on_status = lambda text: (heard.append(text), event.set())
        with pytest.raises(GenerationCancelled):
            pacing.complete(HELLO)
        assert (len(world.asked), heard) == (1, ["Pacing (m) — next request in 60s"])


@pytest.mark.parametrize("name", ALL)
def test_health_is_false_where_nobody_listens_and_where_nobody_answers(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection, and says nothing
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        live = choose(name, {"model": "m", "base_url": url, "health_timeout": 0.1, "timeout": 60})
        started = time.monotonic()
        assert live.is_available() is False
        assert time.monotonic() - started < 2
    assert live.is_available() is False
    for url in ("http://", "nonsense", "http://[::1", "http://127.0.0.1:99999"):
        assert choose(name, {"model": "m", "base_url": url}).is_available() is False


@pytest.mark.parametrize("name", ALL)
def test_health_asks_where_the_provider_lists_its_models(name: str, answering: Any) -> None:
    paths = {"openai": "/models", "anthropic": "/v1/models", "gemini": "/v1beta/models?pageSize=1"}
    with answering({}, "<html>log in here</html>", ({}, 401)) as world:
        live = choose(name, {"model": "m", "base_url": "http://model.test", "api_key": "k"})
        assert [live.is_available() for _ in range(3)] == [True, False, False]
    request = world.asked[0]
    assert (request.method, request.url) == ("GET", f"http://model.test{paths.get(name, '/api/tags')}")
    assert any("k" in (value, value.removeprefix("Bearer ")) for _, value in request.headers)


@pytest.mark.parametrize("name", ALL)
def test_a_cancel_in_mid_stream_closes_the_connection(name: str) -> None:
    act = Act(("one ", "two ", "three "), gap_s=0.05, then="stall", stall_s=30)
    with loopback(Script.of(act)) as peer:
        live = choose(name, {"model": "m", "base_url": peer.base_url})
        live.cancel_event = event = threading.Event()
        heard: list[str] = []
        started = time.monotonic()
        with pytest.raises(GenerationCancelled):
            for token in live.stream_tokens(HELLO):
                heard.append(token)
                if len(heard) == 3:  # the next thing to come is thirty seconds away
                    threading.Timer(0.05, event.set).start()
        assert "".join(heard) == "one two three "
        assert time.monotonic() - started < 2
