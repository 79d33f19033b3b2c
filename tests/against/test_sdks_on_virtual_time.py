"""The providers' SDKs on virtual time: their own timeouts, retries and backoff, at exactly their times, in no time.

Each case runs by two seams, and comes to the same.
`transport` is a fake of this file, whose waits are the program's (`time.sleep`, `anyio.sleep`); it keeps the client's
read timeout as a transport has to, because httpx only passes it on.
`session` is a replay session that plays the same answers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import httpx
import httpx2
import pytest
import trio
from trio.testing import MockClock

from harness.clock import BOOT, VirtualClock, real_monotonic, virtual_time
from harness.model import (
    PER_SECOND,
)  # fmt: skip
from tests.against.peers import (
    ANTHROPIC,
    ANTHROPIC_529,
    GEMINI,
    GEMINI_503,
    OLLAMA,
    OPENAI,
    OPENAI_429,
    Answer,
    by_session,
    by_transport,
    refusal,
    with_stall,
)

anthropic = pytest.importorskip("anthropic")
openai = pytest.importorskip("openai")
ollama = pytest.importorskip("ollama")
genai = pytest.importorskip("google.genai")
genai_types = pytest.importorskip("google.genai.types")
genai_http = pytest.importorskip("google.genai._api_client").httpx

HOUR = 3600
SILENCE = float(10 * HOUR)
ASK: list[Any] = [{"role": "user", "content": "hi"}]


# --- drivers: the text they heard and how it ended -----------------------------------------------------------------


def openai_sync(peer: Any, **options: Any) -> tuple[str, str]:
    text = ""
    with openai.OpenAI(
        api_key="k", http_client=openai.DefaultHttpxClient(transport=peer.transport(httpx2)), **options
    ) as client:
        try:
            for chunk in client.chat.completions.create(model="m", messages=ASK, stream=True):
                text += chunk.choices[0].delta.content or ""
        except openai.OpenAIError as error:
            return text, type(error).__name__
    return text, "end"


async def openai_async(peer: Any, **options: Any) -> tuple[str, str]:
    text, http_client = "", openai.DefaultAsyncHttpxClient(transport=peer.transport(httpx2))
    async with openai.AsyncOpenAI(api_key="k", http_client=http_client, **options) as client:
        try:
            async for chunk in await client.chat.completions.create(model="m", messages=ASK, stream=True):
                text += chunk.choices[0].delta.content or ""
        except openai.OpenAIError as error:
            return text, type(error).__name__
    return text, "end"


def anthropic_sync(peer: Any, **options: Any) -> tuple[str, str]:
    text, http_client = "", anthropic.DefaultHttpxClient(transport=peer.transport(httpx2))
    with anthropic.Anthropic(api_key="k", http_client=http_client, **options) as client:
        try:
            with client.messages.stream(model="c", max_tokens=9, messages=ASK) as stream:
                for piece in stream.text_stream:
                    text += piece
        except (anthropic.AnthropicError, httpx2.HTTPError) as error:
            return text, type(error).__name__
    return text, "end"


async def anthropic_async(peer: Any, **options: Any) -> tuple[str, str]:
    text, http_client = "", anthropic.DefaultAsyncHttpxClient(transport=peer.transport(httpx2))
    async with anthropic.AsyncAnthropic(api_key="k", http_client=http_client, **options) as client:
        try:
            async with client.messages.stream(model="c", max_tokens=9, messages=ASK) as stream:
                async for piece in stream.text_stream:
                    text += piece
        except (anthropic.AnthropicError, httpx2.HTTPError) as error:
            return text, type(error).__name__
    return text, "end"


def gemini_sync(peer: Any, heard: list[str] | None = None, **options: Any) -> tuple[str, str]:
    http_client, text = genai_http.Client(transport=peer.transport(genai_http)), [] if heard is None else heard
    http_options = genai_types.HttpOptions(httpx_client=http_client, **options)
    client = genai.Client(api_key="k", http_options=http_options)
    for chunk in client.models.generate_content_stream(model="g", contents="hi"):
        text.append(chunk.text or "")
    return "".join(text), "end"


async def gemini_async(peer: Any, heard: list[str] | None = None, **options: Any) -> tuple[str, str]:
    http_client, text = genai_http.AsyncClient(transport=peer.transport(genai_http)), [] if heard is None else heard
    http_options = genai_types.HttpOptions(httpx_async_client=http_client, **options)
    client = genai.Client(api_key="k", http_options=http_options)
    async for chunk in await client.aio.models.generate_content_stream(model="g", contents="hi"):
        text.append(chunk.text or "")
    return "".join(text), "end"


async def ollama_async(peer: Any, **options: Any) -> tuple[str, str]:
    client = ollama.AsyncClient(host="http://ollama:11434", transport=peer.transport(httpx), **options)
    chunks = await client.chat(model="m", messages=ASK, stream=True)
    return "".join([chunk.message.content or "" async for chunk in chunks]), "end"


# --- the cases -----------------------------------------------------------------------------------------------------

Driver = Callable[..., Any]
Seam = Callable[[list[Answer]], AbstractContextManager[Any]]
Outcome = tuple[tuple[str, str], list[float], float]


def _on_threads(driver: Driver, answers: list[Answer], options: dict[str, Any], seam: Seam = by_transport) -> Outcome:
    with virtual_time() as clock, seam(answers) as peer:
        return driver(peer, **options), peer.asked_at, round(clock.elapsed, 3)


async def _heard(driver: Callable[..., Awaitable[Any]], peer: Any, clock: VirtualClock, **options: Any) -> Outcome:
    # The time is taken before the loop shuts down, which may have its own waits.
    heard = await driver(peer, **options)
    return heard, peer.asked_at, round(clock.elapsed, 3)


def _on_asyncio(driver: Driver, answers: list[Answer], options: dict[str, Any], seam: Seam = by_transport) -> Outcome:
    with virtual_time() as clock, seam(answers) as peer, asyncio.Runner() as runner:
        return runner.run(_heard(driver, peer, clock, **options))


def _on_trio(driver: Driver, answers: list[Answer], options: dict[str, Any], seam: Seam = by_transport) -> Outcome:
    with virtual_time() as clock, seam(answers) as peer:
        main = partial(_heard, driver, peer, clock, **options)
        return trio.run(main, clock=MockClock(autojump_threshold=0))


SEAMS = pytest.mark.parametrize("seam", [by_transport, by_session], ids=["transport", "session"])
OPENAI_RUNS = [
    pytest.param(_on_threads, openai_sync, id="threads"),
    pytest.param(_on_asyncio, openai_async, id="asyncio"),
    pytest.param(
        _on_trio,
        openai_async,
        id="trio",
        # The SDK leaves its own generators to the garbage collector, and trio says so.
        marks=pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning"),
    ),
]
ANTHROPIC_RUNS = [
    pytest.param(_on_threads, anthropic_sync, id="threads"),
    pytest.param(_on_asyncio, anthropic_async, id="asyncio"),
    pytest.param(
        _on_trio,
        anthropic_async,
        id="trio",
        marks=pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning"),
    ),
]
GEMINI_RUNS = [
    pytest.param(_on_threads, gemini_sync, id="threads"),
    pytest.param(_on_asyncio, gemini_async, id="asyncio"),
    pytest.param(
        _on_trio,
        gemini_async,
        id="trio",
        marks=pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning"),
    ),
]


@SEAMS
@pytest.mark.parametrize("run, driver", OPENAI_RUNS)
def test_openai_sits_out_a_stall_within_its_patience(run: Any, driver: Driver, seam: Seam) -> None:
    assert run(driver, [with_stall(OPENAI, 2, 30)], {}, seam) == (("w0 w1 w2 w3 ", "end"), [0.0], 30.0)


@SEAMS
@pytest.mark.parametrize("run, driver", OPENAI_RUNS)
def test_openai_times_out_of_a_stall_longer_than_its_patience(run: Any, driver: Driver, seam: Seam) -> None:
    heard, asked_at, elapsed_s = run(driver, [with_stall(OPENAI, 2, 30)], {"timeout": 10}, seam)
    assert heard[0] == "w0 w1 "
    assert heard[1] != "end"
    assert (asked_at, elapsed_s) == ([0.0], 10.0)


@SEAMS
@pytest.mark.parametrize("run, driver", OPENAI_RUNS)
def test_openai_waits_as_long_as_retry_after_says(run: Any, driver: Driver, seam: Seam) -> None:
    answers = [OPENAI_429, OPENAI_429, Answer(list(OPENAI))]
    assert run(driver, answers, {}, seam) == (("w0 w1 w2 w3 ", "end"), [0.0, 30.0, 60.0], 60.0)


@SEAMS
@pytest.mark.parametrize("run, driver", OPENAI_RUNS)
def test_openai_gives_up_on_silence_with_the_same_jitter_every_time(run: Any, driver: Driver, seam: Seam) -> None:
    silent = [Answer([], silence=SILENCE)]
    heard, asked_at, elapsed_s = run(driver, silent, {"timeout": 20}, seam)
    assert heard == ("", "APITimeoutError")
    assert len(asked_at) == 3
    assert elapsed_s == pytest.approx(asked_at[-1] + 20, abs=0.002)
    assert run(driver, silent, {"timeout": 20}, seam) == (heard, asked_at, elapsed_s)


@SEAMS
@pytest.mark.parametrize("run, driver", ANTHROPIC_RUNS)
def test_anthropic_waits_as_long_as_retry_after_says(run: Any, driver: Driver, seam: Seam) -> None:
    answers = [ANTHROPIC_529, ANTHROPIC_529, Answer(list(ANTHROPIC))]
    assert run(driver, answers, {}, seam) == (("w0 w1 w2 ", "end"), [0.0, 20.0, 40.0], 40.0)


@SEAMS
@pytest.mark.parametrize("run, driver", ANTHROPIC_RUNS)
def test_anthropic_lets_the_read_timeout_through(run: Any, driver: Driver, seam: Seam) -> None:
    answers = [with_stall(ANTHROPIC, 4, 30)]
    assert run(driver, answers, {"timeout": 10}, seam) == (("w0 w1 ", "ReadTimeout"), [0.0], 10.0)


@SEAMS
@pytest.mark.parametrize("run, driver", GEMINI_RUNS)
def test_gemini_backs_off_at_the_same_times_every_run(run: Any, driver: Driver, seam: Seam) -> None:
    options = {"retry_options": genai_types.HttpRetryOptions(attempts=5)}
    answers = [GEMINI_503, GEMINI_503, Answer(list(GEMINI))]
    heard, asked_at, elapsed_s = run(driver, answers, options, seam)
    assert heard == ("a b c", "end")
    assert asked_at[0] == 0.0 < asked_at[1] < asked_at[2]
    assert run(driver, answers, options, seam) == (heard, asked_at, elapsed_s)


@SEAMS
@pytest.mark.parametrize("run, driver", GEMINI_RUNS)
def test_gemini_times_out_of_a_stall_longer_than_its_patience(run: Any, driver: Driver, seam: Seam) -> None:
    heard: list[str] = []
    with pytest.raises(genai_http.ReadTimeout):
        run(partial(driver, heard=heard), [with_stall(GEMINI, 2, 30)], {"timeout": 10_000}, _ending_at(10.0, seam))
    assert heard == ["a ", "b "]


def _ending_at(elapsed_s: float, seam: Seam) -> Seam:
    """`seam`, in which time has come so far at the end, whatever ended it."""

    @contextmanager
    def judged(answers: list[Answer]) -> Iterator[Any]:
        with seam(answers) as peer:
            try:
                yield peer
            finally:
                assert time.monotonic() - BOOT / PER_SECOND == elapsed_s

    return judged


@SEAMS
@pytest.mark.parametrize("run, driver", [GEMINI_RUNS[1], pytest.param(_on_asyncio, ollama_async, id="ollama")])
def test_who_has_no_timeout_sits_out_an_hour(run: Any, driver: Driver, seam: Seam) -> None:
    chunks = OLLAMA if driver is ollama_async else GEMINI
    started = real_monotonic()
    heard, asked_at, elapsed_s = run(driver, [with_stall(chunks, 1, HOUR)], {}, seam)
    assert heard[1] == "end"
    assert heard[0].startswith("a b ")
    assert (asked_at, elapsed_s) == ([0.0], 3600.0)
    assert real_monotonic() - started < 60


@SEAMS
def test_a_retry_after_that_is_a_date_is_read_on_the_same_clock(seam: Seam) -> None:
    slow_down = refusal(429, {"error": {"message": "slow down"}}, "Thu, 01 Jan 2026 00:00:25 GMT")
    heard, asked_at, _ = _on_threads(openai_sync, [slow_down, Answer(list(OPENAI))], {}, seam)
    assert heard == ("w0 w1 w2 w3 ", "end")
    assert asked_at == [0.0, 25.0]
