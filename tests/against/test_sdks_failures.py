"""What goes wrong inside an SDK's stream goes wrong again in the replay, in the SDK's own words."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import anthropic
import anyio
import httpx
import httpx2
import openai
import pytest
import trio

import harness

ASK = [{"role": "user", "content": "What is the capital of France?"}]

# The clients' own generators, which an SDK that stops at its last event never closes, live as replayed.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")


def openai_with_timeout(url: str, heard: list[str]) -> None:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="sk-test", timeout=0.1, max_retries=0) as client:
        stream = client.chat.completions.create(model="m", messages=ASK, stream=True)  # type: ignore[call-overload]
        heard.extend(chunk.choices[0].delta.content for chunk in stream)


async def aopenai_with_timeout(url: str, heard: list[str]) -> None:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-test", timeout=0.1, max_retries=0) as client:
        stream = await client.chat.completions.create(model="m", messages=ASK, stream=True)  # type: ignore[call-overload]
        async for chunk in stream:
            heard += [chunk.choices[0].delta.content]


def anthropic_with_timeout(url: str, heard: list[str]) -> None:
    with (
        anthropic.Anthropic(base_url=url, api_key="sk-ant-test", timeout=0.1, max_retries=0) as client,
        client.messages.stream(model="m", max_tokens=50, messages=ASK) as stream,  # type: ignore[arg-type]
    ):
        heard.extend(stream.text_stream)


TIMEOUTS = (httpx.ReadTimeout, httpx2.ReadTimeout)
STALLING = [
    pytest.param(openai_with_timeout, id="openai"),
    pytest.param(lambda url, heard: asyncio.run(aopenai_with_timeout(url, heard)), id="openai-asyncio"),
    pytest.param(lambda url, heard: trio.run(aopenai_with_timeout, url, heard), id="openai-trio"),
    pytest.param(anthropic_with_timeout, id="anthropic"),
]


@pytest.mark.parametrize("call", STALLING)
def test_a_timeout_in_the_stream_is_the_sdks_own_again(call: Any, provider: Any, tmp_path: Path) -> None:
    path = tmp_path / "call.yaml"
    provider.stalls = True
    live: list[str] = []
    with harness.record(path), pytest.raises((openai.APIError, anthropic.APIError, *TIMEOUTS)) as live_error:
        call(provider.url, live)
    replayed: list[str] = []
    with harness.replay(path), pytest.raises((openai.APIError, anthropic.APIError, *TIMEOUTS)) as replayed_error:
        call(provider.url, replayed)
    assert live == replayed
    assert live, "the stall came before the first piece"
    assert type(replayed_error.value) is type(live_error.value)
    assert str(replayed_error.value) == str(live_error.value)


@pytest.mark.parametrize("run", [asyncio.run, trio.run], ids=["asyncio", "trio"])
def test_a_cancelled_stream_is_recorded_and_replayed_as_cancelled(run: Any, provider: Any, tmp_path: Path) -> None:
    path = tmp_path / "call.yaml"
    provider.stalls = True

    async def main() -> None:
        with anyio.CancelScope() as scope:
            async with openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="sk-test") as client:
                stream = await client.chat.completions.create(model="m", messages=ASK, stream=True)  # type: ignore[call-overload]
                async for _ in stream:
                    scope.cancel()

    with harness.record(path) as recording:
        run(main) if run is trio.run else run(main())
    with harness.replay(path) as session:
        run(main) if run is trio.run else run(main())
    assert recording.history[0].outcome == session.history[0].outcome == "cancelled"
