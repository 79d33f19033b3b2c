"""Calls that are open at the same time complete in every other order, and what the driver makes of it."""

from __future__ import annotations

import asyncio
from itertools import permutations
from typing import Any

import openai
import pytest

import harness
from harness.errors import NoSitesError, SweepError
from harness.model import Cassette
from harness.sweeps import Verdict, github, junit
from tests.sweeps import agents, concurrent

IN_ORDER = concurrent.summary(["Paris", "Rome", "Madrid"])
AS_RECORDED = concurrent.summary(["Rome", "Paris", "Madrid"])
RIGHT_IDS = concurrent.with_results(concurrent.ANSWERS)
WRONG_IDS = concurrent.with_results({"France": "Rome", "Italy": "Paris", "Spain": "Madrid"})
OTHERS = sorted(order for order in permutations((1, 2, 3)) if order != (2, 1, 3))


def recorded(*after: list[Any]) -> Cassette:
    return concurrent.recording(concurrent.TOOK_MS, *after)


def named(order: tuple[int, ...]) -> str:
    return f"call={min(order)}-{max(order)}/kind=order,as={'-'.join(map(str, order))}"


GOOD: dict[concurrent.Run, Cassette] = {
    concurrent.gathers: recorded(),
    concurrent.groups: recorded(),
    concurrent.files_by_name: recorded(),
    concurrent.gathers_and_sums_up: recorded(IN_ORDER),
    concurrent.answers_each_id: recorded(RIGHT_IDS),
    concurrent.in_a_pool: recorded(),
}
PLANTED: dict[concurrent.Run, tuple[Cassette, str]] = {
    concurrent.appends_as_they_come: (recorded(), "it returned ['Paris', 'Rome', 'Madrid']"),
    concurrent.takes_the_first_for_that_of_the_first: (recorded(), "it returned 'Italy: Paris'"),
    concurrent.last_one_wins: (recorded(), "it returned {'capital': 'Paris'}"),
    concurrent.sums_up_as_they_come: (recorded(AS_RECORDED), "call 4 asks what is not asked in the recorded one"),
    concurrent.answers_the_wrong_id: (recorded(WRONG_IDS), "tool to France 'Paris' instead of tool to France 'Rome'"),
    concurrent.fails_where_spain_is_before_france: (recorded(), "it fails: KeyError"),
    concurrent.in_a_pool_as_they_come: (recorded(), "it returned ['Paris', 'Rome', 'Madrid']"),
}


@pytest.mark.parametrize("run", GOOD, ids=lambda run: run.__name__)
def test_a_driver_that_does_not_mind_the_order_is_clean_in_every_one(run: concurrent.Run) -> None:
    report = harness.sweep(
        run, GOOD[run], kinds="default -mid-stream -headers -connect -benign -cancel", schedules=True
    )
    orders = [case for case in report.cases if "order" in case.outcome.struck]
    assert sorted(case.name for case in orders) == [named(order) for order in OTHERS]
    assert not any(case.violations for case in orders)


@pytest.mark.parametrize("run", PLANTED, ids=lambda run: run.__name__)
def test_a_planted_bug_of_order_is_found(run: concurrent.Run) -> None:
    recording, text = PLANTED[run]
    report = harness.sweep(run, recording, kinds="order connect-refused")
    failure = next(one for one in report.failures if one.checker == "order-neutral")
    assert text in failure.text
    assert failure.kind == "order"


@pytest.mark.parametrize("run", PLANTED, ids=lambda run: run.__name__)
def test_without_another_order_it_is_not_found(run: concurrent.Run) -> None:
    recording, _ = PLANTED[run]
    words = "connect-refused http-500-server-error order"
    report = harness.sweep(run, recording, kinds=words, modes=["once"], schedules=False)
    assert report.cases
    assert report.ok, report.text()


def test_the_default_sweep_looks_at_the_orders_of_calls_that_overlap() -> None:
    report = harness.sweep(concurrent.appends_as_they_come, recorded(), invariants="order-neutral", budget=150)
    assert report.sites["order"] == len(OTHERS)
    assert {failure.kind for failure in report.failures} == {"order"}


def test_calls_that_take_no_time_are_found_to_be_open_together() -> None:
    report = harness.sweep(concurrent.appends_as_they_come, concurrent.TIMELESS, kinds="order")
    assert len(report.cases) == 6  # nobody knows which one is the recorded one
    assert [case.name for case in report.cases if not case.violations] == [named((1, 2, 3))]


def counted(run: concurrent.Run, recording: Cassette, **keywords: Any) -> int:
    runs: list[harness.Session] = []

    async def counts(session: harness.Session) -> Any:
        runs.append(session)
        return await run(session)

    harness.sweep(counts, recording, **keywords)
    return len(runs)


def test_a_driver_that_asks_one_after_the_other_runs_no_more_often() -> None:
    words = {"kinds": "connect-refused order", "invariants": "-deterministic"}
    run = concurrent.one_after_the_other
    concurrent_runs = counted(concurrent.gathers, recorded(), **words) - counted(
        concurrent.gathers, recorded(), **words, schedules=False
    )
    assert concurrent_runs == len(OTHERS)
    assert counted(run, recorded(), **words) == counted(run, recorded(), **words, schedules=False)


@pytest.mark.parametrize("words", [{"schedules": True}, {"kinds": "order"}])
@pytest.mark.parametrize("recording", [recorded(), concurrent.TIMELESS], ids=["timed", "timeless"])
def test_orders_that_are_asked_for_where_no_calls_overlap_are_refused(words: Any, recording: Cassette) -> None:
    with pytest.raises(NoSitesError, match="no two of the 3 calls are open at the same time"):
        harness.sweep(concurrent.one_after_the_other, recording, **words)


@pytest.mark.parametrize(
    "case, message",
    [
        ("call=1-4/kind=order,as=4-1", "its calls are not open at the same time, these are: 1 2 3"),
        ("call=1/kind=order,as=1-1", "it reads call=1-3/kind=order,as=3-1-2"),
        ("call=1/kind=order", "it reads call=1-3/kind=order,as=3-1-2"),
        ("call=1/kind=order,as=first", "it reads call=1-3/kind=order,as=3-1-2"),
    ],
)
def test_an_order_that_cannot_be_had_is_refused(case: str, message: str) -> None:
    with pytest.raises(SweepError, match=message):
        harness.sweep(concurrent.gathers_and_sums_up, recorded(IN_ORDER), cases=[case])


def test_an_order_is_replayed_by_its_name() -> None:
    case = named((3, 1, 2))
    report = harness.sweep(concurrent.appends_as_they_come, recorded(), cases=[case])
    assert report[case].outcome.result == ["Madrid", "Paris", "Rome"]
    assert report[case].verdict is Verdict.WRONG
    assert case in report[case].repro


def test_two_of_three_calls_are_exchanged_by_name() -> None:
    report = harness.sweep(concurrent.appends_as_they_come, recorded(), cases=["call=2-3/kind=order,as=3-2"])
    assert report.cases[0].outcome.struck == ("order",)
    found = report.cases[0].outcome.result
    assert found.index("Madrid") < found.index("Rome")


def test_a_failing_order_is_shrunk_to_one_exchange() -> None:
    report = harness.sweep(
        concurrent.fails_where_spain_is_before_france, recorded(), kinds="order", invariants="order-neutral"
    )
    failure = report.failures[0]
    assert failure.first.name == named((2, 3, 1))  # recorded is 2-1-3
    assert len(failure.others) == 2


class Many:
    """Six calls, answered in the order in which they are asked; it fails where the sixth is before the fifth."""

    countries = tuple("ABCDEF")
    recording = Cassette(
        tuple(concurrent.answer(concurrent.question(one), one, 10 * n) for n, one in enumerate("ABCDEF", 1))
    )

    @classmethod
    async def run(cls, session: harness.Session) -> list[str]:
        model = concurrent.client()
        asked = [asyncio.create_task(concurrent.ask(model, concurrent.question(one))) for one in cls.countries]
        texts = [await done for done in asyncio.as_completed(asked)]
        if texts.index("F") < texts.index("E"):
            raise openai.OpenAIError(texts)
        return sorted(texts)


def test_of_many_calls_a_seeded_sample_is_run_and_said() -> None:
    one, same, other = (
        harness.sweep(Many.run, Many.recording, kinds="order", seed=seed, invariants="no-hang") for seed in (0, 0, 7)
    )
    names = [[case.name for case in report.cases] for report in (one, same, other)]
    assert len(names[0]) == len(set(names[0])) == 24
    assert names[0] == names[1] != names[2]
    assert "calls 1-6: 24 of 720 orders, a sample (seed 7)" in other.text()
    assert all(case.outcome.struck == ("order",) for case in one.cases)


def test_an_order_of_a_sample_is_shrunk_by_running_smaller_ones() -> None:
    case = named((4, 6, 3, 2, 5, 1))
    report = harness.sweep(Many.run, Many.recording, cases=[case], invariants="order-neutral")
    assert report.failures[0].first.name == named((1, 2, 3, 4, 6, 5))


def test_another_result_that_is_meant_is_shown_and_no_failure() -> None:
    report = harness.sweep(concurrent.appends_as_they_come, recorded(), kinds="order", invariants="-order-neutral")
    assert report.ok, report.text()
    assert [case.cell for case in report.cases] == ["~"] * len(OTHERS)
    cases: Any = report.to_json()["cases"]
    assert all(case["differs"] for case in cases)


def test_a_comparison_of_ones_own_decides_what_is_the_same() -> None:
    report = harness.sweep(
        concurrent.appends_as_they_come, recorded(), kinds="order", compare=lambda a, b: sorted(a) == sorted(b)
    )
    assert report.ok, report.text()
    assert {case.cell for case in report.cases} == {"."}


def test_the_map_has_a_block_for_the_calls_and_a_column_for_each_order() -> None:
    report = harness.sweep(concurrent.last_one_wins, recorded(), kinds="order connect-refused")
    rows = [line.split() for line in report.text().splitlines()]
    assert ["call=1-3", "1-2-3", "1-3-2", "2-3-1", "3-1-2", "3-2-1"] in rows
    assert ["order", ".", "V", "V", "V", "V"] in rows


def test_the_race_that_the_first_wins_is_run_for_every_winner() -> None:
    async def races(session: harness.Session) -> str:
        model = concurrent.client()
        tasks = [asyncio.create_task(concurrent.ask(model, concurrent.question(one))) for one in concurrent.ANSWERS]
        done, late = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in late:
            task.cancel()
        return done.pop().result()

    report = harness.sweep(races, recorded(), kinds="order", invariants="-order-neutral")
    assert {case.outcome.result for case in report.cases} == {"Paris", "Rome", "Madrid"}
    assert report.ok, report.text()


def test_machines_read_an_order_as_any_other_case() -> None:
    told = harness.sweep(concurrent.last_one_wins, recorded(), kinds="order").to_json()
    cases: Any = told["cases"]
    assert {case["verdict"] for case in cases} == {"WRONG", "RECOVERED"}
    assert {tuple(case["struck"]) for case in cases} == {("order",)}
    xml = junit(told)
    assert xml.count("<failure") == 4
    assert 'name="call=1-3/kind=order,as=3-1-2"' in xml
    assert "title=order-neutral under order::call=1-3/kind=order,as=2-3-1" in github(told)


def test_a_failure_of_order_is_shown_on_a_shorter_recording() -> None:
    asked = [[{"role": "user", "content": text}] for text in ("one", "two", "more")]
    recording = Cassette(
        tuple(
            agents.call(
                messages, [*agents.TEXT_CHUNKS[:-2], *agents.TEXT_CHUNKS[2:5] * 3, *agents.TEXT_CHUNKS[-2:]], every=n
            )
            for n, messages in enumerate(asked, 20_000_000)
        )
    )

    async def reads(model: openai.AsyncOpenAI, messages: Any) -> str:
        stream: Any = await model.chat.completions.create(model="gpt-x", messages=messages, stream=True)
        pieces = [piece.choices[0].delta.content or "" async for piece in stream]
        return messages[0]["content"] + str(len(pieces) > 2)

    async def driver(session: harness.Session) -> list[str]:
        model = concurrent.client()
        return [await done for done in asyncio.as_completed([reads(model, messages) for messages in asked])]

    report = harness.sweep(driver, recording, kinds="order")
    shorter = report.failures[0].shorter
    assert shorter is not None
    assert shorter.chunks < shorter.of
    again = harness.sweep(driver, shorter.recording, cases=[str(shorter.case)])
    assert [failure.checker for failure in again.failures] == ["order-neutral"]
