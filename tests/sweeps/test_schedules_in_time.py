"""When answers come for calls to complete in an order: by the driver's own clock, in asyncio, threads and trio."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import httpx2
import openai
import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import harness
from harness.errors import NoSitesError
from harness.model import Cassette, Chunk, End, Head, Headers, Interaction, Nanos, Request, Timeline
from harness.sweeps._dice import InOrder
from harness.sweeps._schedule import is_kept
from tests.sweeps import agents, concurrent
from tests.sweeps.test_schedules import OTHERS, named, recorded


def test_an_answer_in_another_order_is_never_too_late_for_an_impatient_client() -> None:
    async def impatient(session: harness.Session) -> list[str]:
        model = openai.AsyncOpenAI(api_key=agents.KEY, timeout=0.08, max_retries=0)
        return await asyncio.gather(*(concurrent.ask(model, concurrent.question(one)) for one in concurrent.ANSWERS))

    report = harness.sweep(impatient, recorded(), kinds="order")
    assert report.ok, report.text()


def test_tasks_of_trio_complete_in_every_order() -> None:
    async def keep(client: httpx2.AsyncClient, place: int, texts: list[int]) -> None:
        await client.post(agents.URL, content=recorded().interactions[place].request.body)
        texts.append(place + 1)

    async def main() -> list[int]:
        texts: list[int] = []
        async with httpx2.AsyncClient(verify=False) as client, trio.open_nursery() as nursery:
            for place in range(3):
                nursery.start_soon(keep, client, place, texts)
        return texts

    def run(session: harness.Session) -> list[int]:
        return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))

    report = harness.sweep(run, recorded(), kinds="order", invariants="-order-neutral")
    ended = [tuple(case.outcome.result) for case in report.cases]
    assert {case.outcome.struck for case in report.cases} == {("order",)}
    assert sorted(ended) == OTHERS


def test_tasks_of_asyncio_come_in_the_order_in_which_they_began() -> None:
    async def waits(session: harness.Session) -> list[str]:
        model = concurrent.client()
        tasks = [asyncio.create_task(concurrent.ask(model, concurrent.question(one))) for one in concurrent.ANSWERS]
        done, _ = await asyncio.wait(tasks)
        return [task.result() for task in done]

    report = harness.sweep(waits, recorded(), kinds="order")
    assert report.baseline.outcome.result == list(concurrent.ANSWERS.values())
    assert report.ok, report.text()
    assert "set" not in vars(asyncio.tasks)


def test_a_set_in_order_is_a_set_in_all_else() -> None:
    items = InOrder("cab")
    items.add("c")
    items |= {"z"}
    items.discard("a")
    assert isinstance(items, set)
    assert list(items) == ["c", "b", "z"]
    assert items == {"b", "c", "z"}
    assert [items.pop() for _ in range(3)] == ["c", "b", "z"]
    with pytest.raises(KeyError):
        items.pop()


def streamed(name: str, *events: tuple[int, bytes], ends: int) -> Any:
    """An answer to `name` whose chunks come after so many milliseconds."""
    head = Head(200, Headers.of([("content-type", "text/plain")]), "OK")
    chunks = tuple((Nanos(at * 1_000_000), Chunk(data)) for at, data in events)
    timeline = Timeline(((Nanos(0), head), *chunks, (Nanos(ends * 1_000_000), End())))
    return Interaction(Request("POST", "https://models.example/v1", Headers(), name.encode()), timeline)


async def read(client: httpx2.AsyncClient, name: str, had: list[str], until: bytes = b"") -> None:
    async with client.stream("POST", "https://models.example/v1", content=name.encode()) as answer:
        async for chunk in answer.aiter_raw():
            if until and until in chunk:
                break
    had.append(name)


def test_a_reader_that_leaves_at_the_last_word_has_its_answers_in_the_order_too() -> None:
    done = [streamed(name, (5, b"x"), (at, b"DONE"), ends=ends) for name, at, ends in (("a", 9, 900), ("b", 300, 310))]

    async def leaves(session: harness.Session) -> list[str]:
        had: list[str] = []
        async with httpx2.AsyncClient(verify=False) as client:
            await asyncio.gather(*(read(client, name, had, until=b"DONE") for name in "ab"))
        return had

    report = harness.sweep(leaves, Cassette(tuple(done)), kinds="order", invariants="-order-neutral")
    assert [case.outcome.result for case in report.cases] == [["b", "a"]]
    assert report.cases[0].outcome.struck == ("order",)


def test_a_call_that_is_made_because_of_a_chunk_of_another_is_made_as_ever() -> None:
    answers = (streamed("a", (20, b"go"), (30, b"x"), ends=30), streamed("b", (10, b"x"), ends=40))

    async def pipeline(session: harness.Session) -> list[str]:
        had: list[str] = []
        async with httpx2.AsyncClient(verify=False) as client, asyncio.TaskGroup() as group:
            async with client.stream("POST", "https://models.example/v1", content=b"a") as answer:
                async for chunk in answer.aiter_raw():
                    if chunk == b"go":
                        group.create_task(read(client, "b", had))
            had.append("a")
        return had

    report = harness.sweep(pipeline, Cassette(answers), kinds="order", invariants="-order-neutral")
    assert [(case.name, case.outcome.result) for case in report.cases] == [(named((2, 1)), ["b", "a"])]
    assert report.cases[0].outcome.struck == ("order",)


def test_an_order_of_which_nothing_was_heard_is_not_struck() -> None:
    assert not is_kept((2, 1), [])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 60)), min_size=2, max_size=4))
def test_every_order_was_the_order_in_which_the_driver_had_its_answers(calls: list[tuple[int, int]]) -> None:
    """Calls that begin and take so many milliseconds; the driver notes by its own clock when it had what."""
    bodies = [f'{{"messages": [], "model": "{n}"}}'.encode() for n in range(len(calls))]
    answers = (concurrent.answer([], str(n), took) for n, (_, took) in enumerate(calls))
    recording = Cassette(tuple(_with_body(one, body) for one, body in zip(answers, bodies, strict=True)))

    async def driver(session: harness.Session) -> list[tuple[float, int]]:
        asked: list[int] = []
        had: list[tuple[float, int]] = []

        async def one(place: int) -> None:
            await asyncio.sleep(calls[place][0] / 1000)
            asked.append(place)
            await client.post(agents.URL, content=bodies[place])
            had.append((time.monotonic(), asked.index(place) + 1))

        async with httpx2.AsyncClient(verify=False) as client:
            await asyncio.gather(*map(one, range(len(calls))))
        return had

    def every(run: Any, baseline: Any) -> str | None:
        order = [int(call) for call in dict(run.case.strikes[0].params)["as"].split("-")] if run.case else []
        moments = [(at, call) for at, call in run.result if call in order]
        assert [call for _, call in sorted(moments)] == order
        assert len({at for at, _ in moments}) == len(order)
        return None

    try:
        report = harness.sweep(
            driver,
            recording,
            kinds="order",
            checkers={"every": every},
            invariants="no-hang",
            compare=lambda a, b: len(a) == len(b),
        )
    except NoSitesError:
        return
    assert all(case.outcome.struck == ("order",) for case in report.cases)


def _with_body(answer: Any, body: bytes) -> Any:
    return replace(answer, request=replace(answer.request, body=body))
