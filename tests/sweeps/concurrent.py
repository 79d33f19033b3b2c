"""Drivers that ask several questions at the same time, their recordings, and bugs of order that are planted in them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import Any

import openai

import harness
from harness.model import Cassette, Head, Headers, Interaction, Nanos, Request, Timeline
from tests.sweeps.agents import KEY, URL

ANSWERS = {"France": "Paris", "Italy": "Rome", "Spain": "Madrid"}
TOOK_MS = {"France": 50, "Italy": 30, "Spain": 70}
"""Italy was answered first."""
Run = Callable[[harness.Session], Any]


def question(country: str) -> list[Any]:
    return [{"role": "user", "content": f"What is the capital of {country}?"}]


def summary(texts: Sequence[str]) -> list[Any]:
    return [{"role": "user", "content": f"Which is the largest of {', '.join(texts)}?"}]


def with_results(results: dict[str, str]) -> list[Any]:
    called = [{"id": id_, "type": "function", "function": {"name": "capital", "arguments": "{}"}} for id_ in results]
    asked = {"role": "assistant", "content": None, "tool_calls": called}
    return [asked, *({"role": "tool", "tool_call_id": id_, "content": text} for id_, text in results.items())]


def answer(messages: list[Any], text: str, took_ms: int) -> Interaction:
    body = json.dumps({"messages": messages, "model": "gpt-x"}).encode()
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    said = {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-x", "choices": [choice]}
    head = Head(200, Headers.of([("content-type", "application/json")]), "OK")
    at = Nanos(took_ms * 1_000_000)
    return Interaction(Request("POST", URL, Headers(), body), Timeline.of(head, [json.dumps(said).encode()], at=at))


def recording(took_ms: dict[str, int], *after: list[Any]) -> Cassette:
    """An answer to each question, and "Madrid" to each of `after`."""
    asked = [answer(question(country), ANSWERS[country], took) for country, took in took_ms.items()]
    return Cassette((*asked, *(answer(messages, "Madrid", 20) for messages in after)))


RECORDING = recording(TOOK_MS)
TIMELESS = recording(dict.fromkeys(ANSWERS, 0))


def client() -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key=KEY, timeout=20, max_retries=0)


async def ask(model: openai.AsyncOpenAI, messages: list[Any]) -> str:
    said = await model.chat.completions.create(model="gpt-x", messages=messages)
    return said.choices[0].message.content or ""


async def named(model: openai.AsyncOpenAI, country: str) -> tuple[str, str]:
    return country, await ask(model, question(country))


# --- drivers that do not mind ---


async def gathers(session: harness.Session) -> list[str]:
    model = client()
    return await asyncio.gather(*(ask(model, question(country)) for country in ANSWERS))


async def groups(session: harness.Session) -> list[str]:
    model = client()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(model, question(country))) for country in ANSWERS]
    return [task.result() for task in tasks]


async def files_by_name(session: harness.Session) -> dict[str, str]:
    model = client()
    return dict([await done for done in asyncio.as_completed([named(model, country) for country in ANSWERS])])


async def gathers_and_sums_up(session: harness.Session) -> str:
    texts = await gathers(session)
    return await ask(client(), summary(texts))


async def answers_each_id(session: harness.Session) -> str:
    texts = await gathers(session)
    return await ask(client(), with_results(dict(zip(ANSWERS, texts, strict=True))))


async def one_after_the_other(session: harness.Session) -> list[str]:
    model = client()
    return [await ask(model, question(country)) for country in ANSWERS]


def in_a_pool(session: harness.Session) -> list[str]:
    with futures.ThreadPoolExecutor(4) as pool:
        return list(pool.map(in_a_thread, ANSWERS))


def in_a_thread(country: str) -> str:
    model = openai.OpenAI(api_key=KEY, timeout=20, max_retries=0)
    said = model.chat.completions.create(model="gpt-x", messages=question(country))
    return said.choices[0].message.content or ""


# --- and those that do ---


async def appends_as_they_come(session: harness.Session) -> list[str]:
    model = client()
    asked = [ask(model, question(country)) for country in ANSWERS]
    return [await done for done in asyncio.as_completed(asked)]


async def takes_the_first_for_that_of_the_first(session: harness.Session) -> str:
    """The first that completes is thought to be about the country that was asked about first when it was recorded."""
    return "Italy: " + (await appends_as_they_come(session))[0]


async def last_one_wins(session: harness.Session) -> dict[str, str]:
    kept: dict[str, str] = {}
    model = client()

    async def keep(country: str) -> None:
        kept["capital"] = await ask(model, question(country))

    await asyncio.gather(*map(keep, ANSWERS))
    return kept


async def sums_up_as_they_come(session: harness.Session) -> str:
    return await ask(client(), summary(await appends_as_they_come(session)))


async def answers_the_wrong_id(session: harness.Session) -> str:
    texts = await appends_as_they_come(session)
    return await ask(client(), with_results(dict(zip(ANSWERS, texts, strict=True))))


async def fails_where_spain_is_before_france(session: harness.Session) -> list[str]:
    texts = await appends_as_they_come(session)
    if texts.index("Madrid") < texts.index("Paris"):
        raise KeyError(texts[0])
    return sorted(texts)


def in_a_pool_as_they_come(session: harness.Session) -> list[str]:
    with futures.ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(in_a_thread, country) for country in ANSWERS]
        return [done.result() for done in futures.as_completed(asked)]
