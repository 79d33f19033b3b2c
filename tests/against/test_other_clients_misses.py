"""A miss cannot be swallowed: whoever asks, wherever it runs, whatever is caught.

Every way of losing an exception, times every client. Each time: one request and no second attempt, no time passes in a
back-off, and the session's verdict is the miss.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import warnings
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import anthropic
import anyio
import anyio.to_thread
import httpx
import ollama
import openai
import pytest
import requests
import requests.adapters
import starlette.applications
import starlette.responses
import starlette.routing
import starlette.testclient
import trio
import urllib3
from google import genai

import harness
from harness.errors import Miss
from harness.model import Cassette, Head, Interaction, Request, Timeline

URL = "http://model.test"
RECORDED = Cassette((Interaction(Request("POST", f"{URL}/v1", body=b"{}"), Timeline.of(Head(200), [b"{}"])),), name="x")
ASK: Any = [{"role": "user", "content": "What is the capital of Spain?"}]
RETRIES = 5


# --- the clients, each told to retry ---------------------------------------------------------------------------------


def openai_sync() -> None:
    client = openai.OpenAI(base_url=f"{URL}/v1", api_key="sk-test", max_retries=RETRIES)
    client.chat.completions.create(model="m", messages=ASK)


def anthropic_sync() -> None:
    anthropic.Anthropic(base_url=URL, api_key="sk-ant-test", max_retries=RETRIES).messages.create(
        model="m", max_tokens=9, messages=ASK
    )


def _genai() -> genai.Client:
    retries = genai.types.HttpRetryOptions(attempts=RETRIES)
    return genai.Client(api_key="test", http_options=genai.types.HttpOptions(base_url=URL, retry_options=retries))


def genai_sync() -> None:
    with _genai() as client:
        client.models.generate_content(model="m", contents="Spain?")


def ollama_sync() -> None:
    ollama.Client(host=URL).chat(model="m", messages=ASK)


def requests_sync() -> None:
    with requests.Session() as client:
        retries = urllib3.Retry(total=RETRIES, backoff_factor=30, allowed_methods=None)
        client.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
        client.post(URL, json=ASK, timeout=5)


def httpx_sync() -> None:
    with httpx.Client(transport=httpx.HTTPTransport(retries=RETRIES)) as client:
        client.post(URL, json=ASK)


async def openai_async() -> None:
    async with openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key="sk-test", max_retries=RETRIES) as client:
        await client.chat.completions.create(model="m", messages=ASK)


async def anthropic_async() -> None:
    async with anthropic.AsyncAnthropic(base_url=URL, api_key="sk-ant-test", max_retries=RETRIES) as client:
        await client.messages.create(model="m", max_tokens=9, messages=ASK)


async def genai_async() -> None:
    async with _genai().aio as client:
        await client.models.generate_content(model="m", contents="Spain?")


async def ollama_async() -> None:
    await ollama.AsyncClient(host=URL).chat(model="m", messages=ASK)


async def aiohttp_async() -> None:
    async with aiohttp.ClientSession() as client:
        await client.post(URL, json=ASK)


SYNC = [openai_sync, anthropic_sync, genai_sync, ollama_sync, requests_sync, httpx_sync]
ASYNC = [openai_async, anthropic_async, genai_async, ollama_async, aiohttp_async]
ON_TRIO = [openai_async, anthropic_async, ollama_async]  # the others are written for asyncio

Sync = Callable[[], None]
Async = Callable[[], Awaitable[None]]


# --- the ways to lose an exception: sync ----------------------------------------------------------------------------


def bare_except(ask: Sync) -> None:
    with contextlib.suppress(BaseException):
        ask()


def except_exception_and_again(ask: Sync) -> None:
    """A driver's own retry loop."""
    for _ in range(3):
        try:
            ask()
        except Exception:
            continue


def raise_another(ask: Sync) -> None:
    with contextlib.suppress(LookupError):
        try:
            ask()
        finally:
            raise LookupError


def in_a_thread(ask: Sync) -> None:
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()


def in_a_daemon_timer(ask: Sync) -> None:
    timer = threading.Timer(0, ask)
    timer.start()
    timer.join()


def in_an_executor_and_never_asked(ask: Sync) -> None:
    with ThreadPoolExecutor(2) as pool:
        pool.submit(ask)


def in_a_finaliser(ask: Sync) -> None:
    class Client:
        def __del__(self) -> None:
            ask()

    Client()


def behind_starlette(ask: Sync) -> None:
    async def index(_: Any) -> starlette.responses.Response:
        await anyio.to_thread.run_sync(ask)
        return starlette.responses.Response()

    _serve(index)


def _serve(index: Any) -> None:
    app = starlette.applications.Starlette(routes=[starlette.routing.Route("/", index)])
    with contextlib.suppress(BaseException), starlette.testclient.TestClient(app, raise_server_exceptions=False) as web:
        web.get("/")


WAYS = [
    bare_except, except_exception_and_again, raise_another, in_a_thread, in_a_daemon_timer,
    in_an_executor_and_never_asked, in_a_finaliser, behind_starlette,
]  # fmt: skip


# --- the ways to lose an exception: async ---------------------------------------------------------------------------


async def _alone(ask: Async) -> None:
    with contextlib.suppress(BaseException):
        await ask()


async def _gathered(ask: Async) -> None:
    await asyncio.gather(ask(), return_exceptions=True)


async def _in_a_task_nobody_awaits(ask: Async) -> None:
    task = asyncio.ensure_future(ask())
    with contextlib.suppress(BaseException):
        await asyncio.wait([task])
    del task


async def _in_a_task_group(ask: Async) -> None:
    with contextlib.suppress(BaseException):
        async with asyncio.TaskGroup() as group:
            group.create_task(ask())  # type: ignore[arg-type]


async def _in_an_anyio_group(ask: Async) -> None:
    with contextlib.suppress(BaseException):
        async with anyio.create_task_group() as group:
            group.start_soon(ask)


async def _shielded_and_timed_out(ask: Async) -> None:
    with contextlib.suppress(BaseException):
        await asyncio.wait_for(asyncio.shield(ask()), 30)


async def _in_a_callback_of_the_loop(ask: Async) -> None:
    done = asyncio.Event()

    def call() -> None:
        task = asyncio.ensure_future(ask())
        task.add_done_callback(lambda _: done.set())

    asyncio.get_running_loop().call_soon(call)
    await done.wait()


async def _in_a_trio_nursery(ask: Async) -> None:
    with contextlib.suppress(BaseException):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)


def _on_asyncio(way: Callable[[Async], Any]) -> Callable[[Async], None]:
    def run(ask: Async) -> None:
        # A miss that is no Exception goes through a task to the loop itself, and out of `run`.
        with contextlib.suppress(BaseException):
            asyncio.run(way(ask))

    run.__name__ = way.__name__.lstrip("_")
    return run


def behind_starlette_async(ask: Async) -> None:
    async def index(_: Any) -> starlette.responses.Response:
        await ask()
        return starlette.responses.Response()

    _serve(index)


AWAYS = [
    *map(_on_asyncio, [
        _alone, _gathered, _in_a_task_nobody_awaits, _in_a_task_group, _in_an_anyio_group, _shielded_and_timed_out,
        _in_a_callback_of_the_loop,
    ]),
    behind_starlette_async,
]  # fmt: skip


# --- the claims ------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What nobody caught is printed by threads, finalisers and loops; here it is meant."""
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    monkeypatch.setattr("sys.unraisablehook", lambda _: None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _verdict(lose: Callable[[Any], None], ask: Any) -> None:
    with pytest.raises(Miss) as caught, harness.replay(RECORDED) as session:
        lose(ask)
    text = str(caught.value)
    assert "no answer for POST http://model.test" in text
    assert "the nearest is" in text
    assert "next:" in text
    assert len(session.history) == 1, "somebody tried again"
    assert session.misses == (caught.value,)
    assert session.clock.now() == 0, "somebody waited before another attempt"
    assert session.remembered().refused == [], "somebody went around us"


@pytest.mark.parametrize("ask", SYNC, ids=lambda ask: ask.__name__)
@pytest.mark.parametrize("lose", WAYS, ids=lambda way: way.__name__)
def test_a_miss_is_the_verdict_however_it_was_lost(lose: Any, ask: Sync) -> None:
    _verdict(lose, ask)


@pytest.mark.parametrize("ask", ASYNC, ids=lambda ask: ask.__name__)
@pytest.mark.parametrize("lose", AWAYS, ids=lambda way: way.__name__)
def test_a_miss_of_a_task_is_the_verdict_however_it_was_lost(lose: Any, ask: Async) -> None:
    _verdict(lose, ask)


@pytest.mark.parametrize("ask", ON_TRIO, ids=lambda ask: ask.__name__)
def test_a_miss_in_a_trio_nursery_is_the_verdict(ask: Async) -> None:
    def lose(asked: Async) -> None:
        trio.run(_in_a_trio_nursery, asked)

    _verdict(lose, ask)


# --- the counter-test: with the protection removed, the same drivers go on as if nothing had been --------------------


class OrdinaryError(OSError):
    """What a miss would be, were it an exception like any other: one of the network."""


@pytest.mark.parametrize("ask", [anthropic_sync, requests_sync], ids=lambda ask: ask.__name__)
def test_an_ordinary_exception_is_tried_again_and_comes_out_as_another(
    ask: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []

    def opened(*asked: Any) -> None:
        attempts.append(asked)
        raise OrdinaryError

    monkeypatch.setattr("harness.session._session.Session.open", opened)
    with (
        pytest.raises(Exception, match=r"(?i)connection|retries") as caught,
        harness.replay(RECORDED, unplayed="ignore") as session,
    ):
        ask()
    assert not isinstance(caught.value, OrdinaryError)
    assert len(attempts) == RETRIES + 1
    assert session.clock.now() > 0


@pytest.mark.parametrize("lose", WAYS, ids=lambda way: way.__name__)
def test_what_nobody_remembers_is_lost(lose: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.session._session.Session.misses", ())
    with harness.replay(RECORDED, unplayed="ignore") as session, contextlib.suppress(BaseException):
        lose(httpx_sync)
    assert len(session.history) == 1
