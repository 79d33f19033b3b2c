"""An application with a driver, and scenarios for it, in a folder of their own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

DRIVERS = """
import asyncio
import openai


class DriverError(Exception):
    pass


async def generate(ctx):
    return await ctx.backend(timeout=30).generate("What is the weather in Paris?")


def stream(ctx):
    messages = [{"role": "user", "content": "What is the weather in Paris?"}]
    yield from ctx.backend(timeout=30).stream_tokens(messages)


async def astream(ctx):
    messages = [{"role": "user", "content": "What is the weather in Paris?"}]
    async for token in ctx.backend(timeout=30).astream_tokens(messages):
        yield token


class Agent:
    def __init__(self, ctx):
        self.ctx = ctx

    def run(self):
        question = {"role": "user", "content": "What is the weather in Paris?"}
        words = []
        try:
            with openai.OpenAI(api_key="not needed", timeout=30, max_retries=1) as client:
                for piece in client.chat.completions.create(model="m", messages=[question], stream=True):
                    words.append(piece.choices[0].delta.content or "")
                    self.ctx.emit(words[-1])
        except openai.OpenAIError as error:
            raise DriverError("no weather") from error
        return "".join(words)


def hasty(ctx):
    # Asks again at once, and again.
    import httpx2

    body = {"model": "m", "messages": [{"role": "user", "content": "What is the weather in Paris?"}]}
    answer = None
    for _ in range(7):
        answer = httpx2.post("https://api.openai.com/v1/chat/completions", json=body)
        if answer.status_code == 200:
            break
    return answer.text[:40]


def often(ctx):
    # Wants to know it seven times.
    messages = [{"role": "user", "content": "What is the weather in Paris?"}]
    return [ctx.backend(timeout=30).complete(messages).narrative_text for _ in range(7)][-1]


def halves(ctx):
    # Takes what came for the whole.
    words = []
    try:
        with openai.OpenAI(api_key="not needed", timeout=30, max_retries=0) as client:
            question = {"role": "user", "content": "What is the weather in Paris?"}
            for piece in client.chat.completions.create(model="m", messages=[question], stream=True):
                words.append(piece.choices[0].delta.content or "")
    except openai.OpenAIError:
        pass
    return "".join(words)


def deaf(ctx):
    # Is told to stop, and goes on.
    messages = [{"role": "user", "content": "What is the weather in Paris?"}]
    return "".join(ctx.backend(timeout=30, ignores_cancel=True).stream_tokens(messages))


async def leaking(ctx):
    asyncio.get_running_loop().create_task(asyncio.sleep(3600))
    return await generate(ctx)


def takes_nothing():
    return "sunny"


def leaving(ctx):
    raise SystemExit(3)


def interrupted(ctx):
    raise KeyboardInterrupt


async def ainterrupted(ctx):
    raise KeyboardInterrupt


not_a_driver = 7
"""
SCENARIO = """\
harness: 1
name: weather
driver: weatherdrivers:{driver}
calls:
  - id: ask
    when: {{user: {{contains: weather in Paris}}}}
    reply: {{text: "It is 21 degrees and sunny in Paris.", timing: {{ttft: 1s, per_token: 100ms}}}}
{more}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "weatherdrivers.py").write_text(DRIVERS, "utf-8")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("weatherdrivers", None)


@pytest.fixture
def written(project: Path) -> Callable[..., Path]:
    def write(driver: str, more: str = "") -> Path:
        path = project / "weather.yaml"
        path.write_text(SCENARIO.format(driver=driver, more=more), "utf-8")
        return path

    return write
