"""Whose session is it? Threads, executors, tasks, nested sessions, and what comes after the end."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import queue
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from types import ModuleType
from typing import Any

import anyio
import anyio.to_thread
import httpx
import httpx2
import pytest
import trio

from harness.errors import Miss
from harness.model import Cassette, Head, Interaction, Request, Timeline
from harness.transports import is_intercepting

URL = "http://model.test/v1"


def _cassette(*answers: str) -> Cassette:
    """Every answer says which session it came from; each can be had once."""
    return Cassette(
        tuple(
            Interaction(Request("POST", URL, body=b"ask"), Timeline.of(Head(200), [answer.encode()]), id=answer)
            for answer in answers
        )
    )


def _ask(module: ModuleType = httpx2) -> str:
    with module.Client() as client:
        return str(client.post(URL, content=b"ask").text)


async def _aask(module: ModuleType = httpx2) -> str:
    async with module.AsyncClient() as client:
        return str((await client.post(URL, content=b"ask")).text)


def _outcome(fn: Any) -> Any:
    try:
        return fn()
    except BaseException as error:
        return error


@pytest.fixture(autouse=True)
def no_leftovers() -> Any:
    yield
    _workers_let_go()
    gc.collect()
    assert not is_intercepting()


def _workers_let_go() -> None:
    """A worker of a pool delivers its result first and drops the job, with its context, then."""
    names = {thread.name: thread for thread in threading.enumerate()}
    if "AnyIO worker thread" in names:
        names["AnyIO worker thread"].join(5)
    if any(name.startswith("Trio thread") for name in names):
        trio.run(trio.to_thread.run_sync, int)  # the worker that was idle last takes it, after what it had


def test_a_thread_belongs_to_the_session_that_started_it(memory: Any, family: ModuleType) -> None:
    answers: list[str] = []
    with memory(_cassette("outer")), memory(_cassette("inner")):
        thread = threading.Thread(target=lambda: answers.append(_ask(family)))
        thread.start()
        thread.join()
    assert answers == ["inner"]


def test_a_subclass_of_thread_belongs_too(memory: Any) -> None:
    class Asking(threading.Thread):
        answer = ""

        def run(self) -> None:
            self.answer = _ask()

    with memory(_cassette("outer")), memory(_cassette("inner")):
        thread = Asking()
        thread.start()
        thread.join()
    assert thread.answer == "inner"
    assert "run" not in vars(thread)


def test_two_threads_with_a_session_each_never_mix(memory: Any) -> None:
    both_open = threading.Barrier(2)
    answers: dict[str, list[str]] = {}

    def work(name: str) -> None:
        with memory(_cassette(*[name] * 8), name=name):
            both_open.wait(5)
            answers[name] = [_ask() for _ in range(8)]
            both_open.wait(5)

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {"a": ["a"] * 8, "b": ["b"] * 8}


def test_two_tasks_with_a_session_each_never_mix(memory: Any) -> None:
    async def work(name: str) -> list[str]:
        with memory(_cassette(*[name] * 4), name=name):
            answers = []
            for _ in range(4):
                await asyncio.sleep(0)
                answers += await asyncio.gather(_aask())
            return answers

    async def main() -> Any:
        return await asyncio.gather(work("a"), work("b"))

    assert asyncio.run(main()) == [["a"] * 4, ["b"] * 4]


def test_sixteen_threads_get_each_answer_once(memory: Any) -> None:
    names = [str(n) for n in range(16)]
    with memory(_cassette(*names)), ThreadPoolExecutor(16) as pool:
        answers = [future.result() for future in [pool.submit(_ask) for _ in names]]
    assert sorted(answers) == sorted(names)


def test_an_executors_job_belongs_to_whoever_submitted_it(memory: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()  # the worker is older than every session
        with memory(_cassette("outer")), memory(_cassette("inner")):
            assert pool.submit(_ask).result() == "inner"


def test_a_reused_worker_belongs_to_the_job_it_runs(memory: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        with memory(_cassette("first"), name="first"):
            assert pool.submit(_ask).result() == "first"
        with memory(_cassette("second"), name="second"), memory(_cassette("third"), name="third"):
            assert pool.submit(_ask).result() == "third"


def test_a_job_without_a_session_on_a_worker_that_was_started_in_one(memory: Any) -> None:
    with memory(_cassette("outer")), memory(_cassette("inner")), ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        outside = contextvars.Context()
        assert isinstance(_outcome(outside.run(pool.submit, _ask).result), Miss)


def test_to_thread_of_asyncio_and_run_in_executor_carry_the_session(memory: Any) -> None:
    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        return [await asyncio.to_thread(_ask), await loop.run_in_executor(None, _ask)]

    with memory(_cassette("outer")), memory(_cassette("inner", "inner")):
        assert asyncio.run(main()) == ["inner", "inner"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_to_thread_of_anyio_carries_the_session(memory: Any, backend: str) -> None:
    with memory(_cassette("outer")), memory(_cassette("inner")):
        assert anyio.run(anyio.to_thread.run_sync, _ask, backend=backend) == "inner"


def test_to_thread_of_trio_carries_the_session(memory: Any) -> None:
    with memory(_cassette("outer")), memory(_cassette("inner")):
        assert trio.run(trio.to_thread.run_sync, _ask) == "inner"


def test_a_loop_in_another_thread_works_for_whoever_calls_in(memory: Any) -> None:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        with memory(_cassette("outer")), memory(_cassette("inner")):
            assert asyncio.run_coroutine_threadsafe(_aask(), loop).result(5) == "inner"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_a_thread_older_than_the_session_gets_the_only_open_one(memory: Any) -> None:
    jobs: queue.Queue[Any] = queue.Queue()
    answers: queue.Queue[Any] = queue.Queue()

    def work() -> None:
        while (job := jobs.get()) is not None:
            answers.put(_outcome(job))

    thread = threading.Thread(target=work)
    thread.start()
    with memory(_cassette("only")):
        jobs.put(_ask)
        assert answers.get(timeout=5) == "only"
    jobs.put(None)
    thread.join()


def test_a_thread_of_nobody_with_two_sessions_open_is_a_miss_that_names_both(memory: Any) -> None:
    with ThreadPool(1) as pool:
        with memory(_cassette("x"), name="one") as one, memory(_cassette("y"), name="two") as two:
            error = pool.apply(_outcome, (_ask,))
        assert isinstance(error, Miss)
        assert "'one', 'two'" in str(error)
        assert one.told == two.told == [error]


def test_the_innermost_session_answers_and_the_outer_one_after_it(memory: Any) -> None:
    with memory(_cassette("outer")):
        with memory(_cassette("inner")):
            assert _ask() == "inner"
        assert _ask() == "outer"


def test_a_thread_that_outlives_its_session_gets_a_miss_and_no_network(memory: Any) -> None:
    closed = threading.Event()
    errors: list[Any] = []

    def late() -> None:
        closed.wait(5)
        errors.append(_outcome(_ask))

    with memory(_cassette("too late"), name="gone") as session:
        thread = threading.Thread(target=late)
        thread.start()
    assert is_intercepting()
    closed.set()
    thread.join()
    assert isinstance(errors[0], Miss)
    assert "'gone' is closed" in str(errors[0])
    assert session.told == errors
    assert not is_intercepting()


def test_a_task_that_outlives_its_session_gets_a_miss_and_nobody_elses_answer(memory: Any) -> None:
    async def main() -> Any:
        go = asyncio.Event()

        async def late() -> Any:
            await go.wait()
            return await _aask()

        with memory(_cassette("first"), name="first"):
            task = asyncio.create_task(late())
            await asyncio.sleep(0)
        with memory(_cassette("second"), name="second") as second:
            go.set()
            (result,) = await asyncio.gather(task, return_exceptions=True)
        return result, second.history

    result, history = asyncio.run(main())
    assert isinstance(result, Miss)
    assert len(history) == 0


def test_the_patch_is_gone_when_the_last_session_ends(memory: Any, family: ModuleType) -> None:
    before = _patched(family)
    with memory(_cassette("outer")):
        with memory(_cassette("inner")):
            assert _ask(family) == "inner"
        assert all(now is not then for now, then in zip(_patched(family), before, strict=True))
    assert _patched(family) == before
    assert "start" in vars(threading.Thread)


def test_the_patch_is_gone_after_trio_whose_contexts_wait_for_their_collection(memory: Any) -> None:
    gc.collect()
    gc.disable()  # so that what the run leaves is young when the session ends, as it is on most days
    try:
        with memory(_cassette("here")):
            assert trio.run(_aask) == "here"
        assert not is_intercepting()
    finally:
        gc.enable()


def _patched(family: ModuleType) -> list[Any]:
    return [
        family.HTTPTransport.handle_request,
        family.AsyncHTTPTransport.handle_async_request,
        threading.Thread.start,
        ThreadPoolExecutor.submit,
    ]


def test_somebody_who_wrapped_us_meanwhile_keeps_his_patch_and_we_pass_on(memory: Any, server: Any) -> None:
    seen: list[str] = []
    original = httpx.HTTPTransport.handle_request
    try:
        with memory(_cassette("ours")):
            ours = httpx.HTTPTransport.handle_request

            def theirs(self: Any, request: Any) -> Any:
                seen.append(str(request.url))
                return ours(self, request)

            httpx.HTTPTransport.handle_request = theirs
            assert _ask(httpx) == "ours"
        assert httpx.HTTPTransport.handle_request is theirs
        assert httpx.post(f"{server.url}/whole").status_code == 200
        with memory(_cassette("again")):
            assert _ask(httpx) == "again"
        assert httpx.HTTPTransport.handle_request is theirs
    finally:
        httpx.HTTPTransport.handle_request = original
    assert len(seen) == 2


def test_without_a_session_nothing_is_touched(memory: Any, server: Any, driver: Any) -> None:
    heard = driver.stream(f"{server.url}/whole")
    assert heard.chunks == [b'{"ok": true}']


def test_mock_asgi_and_transports_of_the_users_own_are_left_alone(memory: Any, family: ModuleType) -> None:
    mock = family.MockTransport(lambda request: family.Response(200, text="mocked"))
    with memory(_cassette("replayed")) as session, family.Client(transport=mock) as client:
        assert client.post(URL, content=b"ask").text == "mocked"
    assert len(session.history) == 0


def test_an_ignored_host_is_neither_answered_nor_recorded(memory: Any, driver: Any, server: Any) -> None:
    with memory(_cassette(), ignored_hosts=(f"127.0.0.1:{server.port}",)) as session:
        assert driver.stream(f"{server.url}/whole").chunks == [b'{"ok": true}']
    assert len(session.history) == 0
    assert session.refused == []


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_a_family_that_is_imported_inside_the_session_is_caught(name: str) -> None:
    script = f"""
        import sys
        from harness.engine import CassetteSource, Engine
        from harness.model import Cassette, Head, Interaction, Request, Timeline
        from harness.clock import VirtualClock
        from harness.transports import intercepting

        assert "{name}" not in sys.modules
        ask = Request("POST", "{URL}", body=b"ask")
        engine = Engine(CassetteSource(Cassette((Interaction(ask, Timeline.of(Head(200), [b"caught"])),))))

        class Session:
            name, clock, closed, records, replays = "late", VirtualClock(), False, False, True
            allowed_hosts = ignored_hosts = ()
            def open(self, request, patience):
                return engine.open(request, self.clock.now(), patience)

        session, path = Session(), list(sys.meta_path)
        with intercepting(session):
            import {name}
            text = {name}.post("{URL}", content=b"ask").text
            loader = {name}.__spec__.loader
            session.closed = True
        print(text, type(loader).__name__, sys.meta_path == path, {name}.HTTPTransport.handle_request.__module__)
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    assert ran.stdout.split() == ["caught", "SourceFileLoader", "True", f"{name}._transports.default"], ran.stderr
