"""Many at once: sessions in tasks and threads, and many callers of one cassette, with every client."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest
import requests
import trio
import urllib3
from aiohttp import web

import harness
from harness.errors import Miss
from harness.model import Cassette, Head, Interaction, Request, Timeline
from harness.transports import is_intercepting

URL = "http://model.test/v1"
THREADS = 16


def _cassette(*pairs: tuple[str, str], name: str = "cassette") -> Cassette:
    """One interaction for every question and its answer."""
    return Cassette(
        tuple(
            Interaction(Request("POST", URL, body=asked.encode()), Timeline.of(Head(200), [answer.encode()]), id=answer)
            for asked, answer in pairs
        ),
        name=name,
    )


def by_httpx(url: str, text: str) -> str:
    return httpx.post(url, content=text.encode()).text


def by_requests(url: str, text: str) -> str:
    return requests.post(url, data=text.encode(), timeout=5).text


def by_urllib3(url: str, text: str) -> str:
    return urllib3.request("POST", url, body=text.encode()).data.decode()


async def aio_httpx2(url: str, text: str) -> str:
    async with httpx2.AsyncClient() as client:
        return str((await client.post(url, content=text.encode())).text)


async def aio_aiohttp(url: str, text: str) -> str:
    async with aiohttp.ClientSession() as client, client.post(url, data=text.encode()) as response:
        return await response.text()


sync_clients = pytest.mark.parametrize("call", [by_httpx, by_requests, by_urllib3], ids=lambda call: call.__name__)
async_clients = pytest.mark.parametrize("call", [aio_httpx2, aio_aiohttp], ids=lambda call: call.__name__)


@pytest.fixture(autouse=True)
def no_leftovers() -> Iterator[None]:
    yield
    gc.collect()
    assert not is_intercepting()


def _at_once(jobs: list[Callable[[], str]]) -> list[str]:
    """Every job in a thread of its own, all let go at the same moment."""
    gate = threading.Barrier(len(jobs), timeout=10)

    def run(job: Callable[[], str]) -> str:
        gate.wait()
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result(10) for future in [pool.submit(run, job) for job in jobs]]


# --- many callers of one cassette ------------------------------------------------------------------------------------


@sync_clients
def test_sixteen_threads_get_their_own_answers(call: Any) -> None:
    pairs = [(f"ask {n}", f"answer {n}") for n in range(THREADS)]
    with harness.replay(_cassette(*reversed(pairs)), clock="wall") as session:
        answers = _at_once([lambda asked=asked: call(URL, asked) for asked, _ in pairs])
    assert answers == [answer for _, answer in pairs]
    assert len(session.history) == THREADS


@sync_clients
def test_sixteen_threads_with_one_question_get_no_answer_twice(call: Any) -> None:
    answers = [f"answer {n}" for n in range(THREADS)]
    with harness.replay(_cassette(*(("ask", answer) for answer in answers)), clock="wall"):
        assert sorted(_at_once([lambda: call(URL, "ask")] * THREADS)) == sorted(answers)


@sync_clients
def test_a_seventeenth_is_a_miss(call: Any) -> None:
    with pytest.raises(Miss), harness.replay(_cassette(*[("ask", "x")] * THREADS), clock="wall"):
        _at_once([lambda: call(URL, "ask")] * (THREADS + 1))


@async_clients
def test_gathered_calls_get_their_own_answers(call: Any) -> None:
    pairs = [(f"ask {n}", f"answer {n}") for n in range(THREADS)]

    async def main() -> list[str]:
        return await asyncio.gather(*(call(URL, asked) for asked, _ in pairs))

    with harness.replay(_cassette(*reversed(pairs))):
        assert asyncio.run(main()) == [answer for _, answer in pairs]


@async_clients
def test_gathered_calls_with_one_question_get_the_answers_in_recorded_order(call: Any) -> None:
    answers = [f"answer {n}" for n in range(THREADS)]

    async def main() -> list[str]:
        return await asyncio.gather(*(call(URL, "ask") for _ in answers))

    with harness.replay(_cassette(*(("ask", answer) for answer in answers))):
        assert asyncio.run(main()) == answers


# --- the place of a recording ----------------------------------------------------------------------------------------


@async_clients
def test_the_file_does_not_depend_on_who_finishes_first(call: Any, tmp_path: Path) -> None:
    """The server answers in the reverse of the order in which it was asked."""
    waiting: dict[str, asyncio.Event] = {}
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        text = await request.text()
        waiting[text] = asyncio.Event()
        if len(waiting) == len(asked):
            waiting[asked[-1]].set()
        await waiting[text].wait()
        if before := asked[: asked.index(text)]:
            waiting[before[-1]].set()
        return web.Response(text=f"answer to {text}")

    async def main() -> list[str]:
        asked.extend(f"ask {n}" for n in range(5))
        app = web.Application()
        app.router.add_post("/", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await (site := web.TCPSite(runner, "127.0.0.1", 0)).start()
        url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/"  # type: ignore[union-attr]
        try:
            return await asyncio.gather(*(call(url, text) for text in asked))
        finally:
            await runner.cleanup()

    path = tmp_path / "gathered.yaml"
    with harness.record(path):
        live = asyncio.run(main())
    recorded = harness.load(path).interactions
    assert [interaction.request.body.decode() for interaction in recorded] == asked
    assert [interaction.timeline.body.decode() for interaction in recorded] == live


# --- sessions beside and inside each other ---------------------------------------------------------------------------


@async_clients
def test_two_sessions_in_two_tasks_never_mix(call: Any) -> None:
    async def one(name: str, met: list[asyncio.Event], mine: int) -> list[str]:
        with harness.replay(_cassette(("ask", f"{name} 1"), ("ask", f"{name} 2"))):
            met[mine].set()
            await met[1 - mine].wait()  # both are open now
            answers = [await call(URL, "ask")]
            await asyncio.sleep(0)
            return [*answers, await call(URL, "ask")]

    async def main() -> list[list[str]]:
        met = [asyncio.Event(), asyncio.Event()]
        return await asyncio.gather(one("left", met, 0), one("right", met, 1))

    assert asyncio.run(main()) == [["left 1", "left 2"], ["right 1", "right 2"]]


@sync_clients
def test_two_sessions_in_two_threads_never_mix(call: Any) -> None:
    met = threading.Barrier(2, timeout=10)

    def one(name: str) -> list[str]:
        with harness.replay(_cassette(("ask", f"{name} 1"), ("ask", f"{name} 2")), clock="wall"):
            met.wait()
            first = call(URL, "ask")
            met.wait()
            return [first, call(URL, "ask")]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(one, ["left", "right"])) == [["left 1", "left 2"], ["right 1", "right 2"]]


@sync_clients
def test_the_innermost_session_answers(call: Any) -> None:
    with harness.replay(_cassette(("ask", "outer"))):
        with harness.replay(_cassette(("ask", "inner"))):
            assert call(URL, "ask") == "inner"
        assert call(URL, "ask") == "outer"


@sync_clients
def test_sessions_may_be_closed_in_another_order_than_opened(call: Any) -> None:
    first = harness.replay(_cassette(("ask", "first")), clock="wall").start()
    second = harness.replay(_cassette(("ask", "second")), clock="wall").start()
    first.stop()
    assert is_intercepting()
    assert call(URL, "ask") == "second"
    second.stop()
    gc.collect()
    assert not is_intercepting()


@sync_clients
def test_the_patch_is_gone_after_an_exception(call: Any) -> None:
    with pytest.raises(ZeroDivisionError), ExitStack() as stack:
        stack.enter_context(harness.replay(_cassette(("ask", "outer"))))
        stack.enter_context(harness.replay(_cassette(("ask", "inner"))))
        call(URL, "ask")
        raise ZeroDivisionError
    gc.collect()
    assert not is_intercepting()


def _doors() -> list[Any]:
    return [
        httpx.HTTPTransport.handle_request, httpx2.AsyncHTTPTransport.handle_async_request,
        urllib3.HTTPConnectionPool.__dict__["_make_request"], urllib3.HTTPSConnectionPool.__dict__["_prepare_proxy"],
        aiohttp.ClientSession.__dict__["_request"], threading.Thread.start, ThreadPoolExecutor.submit,
    ]  # fmt: skip


def test_every_door_is_as_it_was() -> None:
    before = _doors()
    with pytest.raises(Miss), harness.replay(_cassette(("ask", "x"))):
        assert not any(now is then for now, then in zip(_doors(), before, strict=True))
        by_requests(URL, "other")
    assert _doors() == before


@sync_clients
def test_a_thread_that_outlives_its_session_gets_a_miss_and_no_network(call: Any) -> None:
    closed, errors = threading.Event(), []

    def late() -> None:
        closed.wait(5)
        try:
            call(URL, "ask")
        except BaseException as error:
            errors.append(error)

    with harness.replay(_cassette(("ask", "too late")), unplayed="ignore", clock="wall") as session:
        thread = threading.Thread(target=late)
        thread.start()
    closed.set()
    thread.join()
    assert [type(error) for error in errors] == [Miss]
    assert "is closed" in str(errors[0])
    assert session.misses == tuple(errors)
    errors.clear()


def test_threads_of_trio_belong_to_the_session_that_is_open_around_them() -> None:
    async def main() -> list[str]:
        answers: list[str] = []

        async def one(n: int) -> None:
            answers.append(await trio.to_thread.run_sync(by_requests, URL, f"ask {n}"))

        async with trio.open_nursery() as nursery:
            for n in range(4):
                nursery.start_soon(one, n)
        return sorted(answers)

    with harness.replay(_cassette(*((f"ask {n}", f"answer {n}") for n in range(4)))):
        assert trio.run(main) == [f"answer {n}" for n in range(4)]
