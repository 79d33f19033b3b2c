"""Drivers with one bug each, and the good ones that they were made from."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import openai

from tests.sweeps.agents import KEY, Agent, DriverError, NonsenseError, Trusting

Messages = list[dict[str, Any]]
Turn = tuple[str, list[list[str]], str | None]


class Patient(Agent):
    """Tries again what may work the second time, as long as nothing was shown, and waits as long as it is told to."""

    attempts = 3

    async def read(self, messages: Messages) -> Turn:
        for attempt in range(1, self.attempts + 1):
            self.shown = False
            try:
                return await super().read(messages)
            except Exception as error:
                if attempt == self.attempts or not self.is_worth_it(error):
                    raise
                await asyncio.sleep(self.wait_s(error, attempt))
        raise NonsenseError

    def saw(self) -> None:
        self.shown = True

    def is_worth_it(self, error: Exception) -> bool:
        if self.shown or "quota" in str(error) or "limit_reached" in str(error):
            return False
        if isinstance(error, openai.APIStatusError):
            told = error.response.headers.get("x-should-retry")
            return told != "false" and (error.status_code == 429 or error.status_code >= 500)
        return isinstance(error, openai.APIConnectionError)

    def wait_s(self, error: Exception, attempt: int) -> float:
        told = error.response.headers.get("retry-after") if isinstance(error, openai.APIStatusError) else None
        return float(told) if told else 0.5 * 2**attempt


class SwallowsCancel(Agent):
    async def run(self) -> str:
        try:
            return await super().run()
        except asyncio.CancelledError:
            return "never mind"


class MakesAFailureOfTheCancel(Agent):
    async def run(self) -> str:
        try:
            return await super().run()
        except asyncio.CancelledError as error:
            message = "it did not work"
            raise DriverError(message) from error


class Storms(Patient):
    attempts = 12

    def wait_s(self, error: Exception, attempt: int) -> float:
        return 0


class TriesAgainAfterTokens(Patient):
    def saw(self) -> None:
        pass

    def is_worth_it(self, error: Exception) -> bool:
        return super().is_worth_it(error) or not isinstance(error, openai.APIError)


class WaitsForEver(Agent):
    timeout = None


class LeavesATask(Agent):
    async def turn(self, messages: Messages) -> Turn:
        pulse = asyncio.ensure_future(asyncio.sleep(3600))
        turn = await super().turn(messages)
        pulse.cancel()
        return turn


class RunsToolsTwice(Agent):
    async def run(self) -> str:
        try:
            return await super().run()
        except DriverError:
            return await super().run()


class LetsErrorsOut(Agent):
    async def turn(self, messages: Messages) -> Turn:
        try:
            return await self.read(messages)
        except openai.APIError as error:
            self.session.emitted("error")
            raise DriverError(type(error).__name__) from error


class TriesAgainUnauthorised(Patient):
    def is_worth_it(self, error: Exception) -> bool:
        return super().is_worth_it(error) or isinstance(error, openai.AuthenticationError)


class KeepsHalfATurn(Agent):
    async def run(self) -> str:
        try:
            return await super().run()
        except DriverError:
            half = {"role": "assistant", "content": self.said}
            text, _, _ = await self.turn([{"role": "user", "content": "go on"}, half])
            return text


class TellsTheKey(Agent):
    async def turn(self, messages: Messages) -> Turn:
        try:
            return await super().turn(messages)
        except DriverError as error:
            raise DriverError(error, KEY) from error


class StaysBroken(Agent):
    broken = False

    async def turn(self, messages: Messages) -> Turn:
        if self.broken:
            raise NonsenseError
        self.broken = True
        turn = await super().turn(messages)
        self.broken = False
        return turn


class SaysDoneAnyway(Agent):
    async def run(self) -> str:
        try:
            return await super().run()
        except DriverError:
            self.session.emitted("done")
            raise


class TakesAChunkForAnEvent(Agent):
    async def read(self, messages: Messages) -> Turn:
        raw: Any = self.client.chat.completions.with_streaming_response
        async with raw.create(model="gpt-x", messages=messages, stream=True) as response:
            async for chunk in response.http_response.aiter_raw():
                data = chunk.removeprefix(b"data: ").strip()
                if data != b"[DONE]":
                    json.loads(data)
        return await super().read(messages)


class WaitsByChance(Agent):
    async def turn(self, messages: Messages) -> Turn:
        try:
            return await super().turn(messages)
        except DriverError:
            await asyncio.sleep(int.from_bytes(os.urandom(4)) / 2**32)
            raise


PLANTED: dict[type[Agent], tuple[str, str]] = {
    Trusting: ("no-partial-success", "truncate-clean"),
    TakesAChunkForAnEvent: ("benign-neutral", "benign-comments"),
    SwallowsCancel: ("cancel-honoured", "cancel"),
    MakesAFailureOfTheCancel: ("cancel-honoured", "cancel"),
    Storms: ("no-retry-storm", "http-500-server-error"),
    TriesAgainAfterTokens: ("no-retry-after-first-token", "reset-mid-stream"),
    WaitsForEver: ("no-hang", "stall-mid-stream"),
    LeavesATask: ("no-leaks", "connect-refused"),
    RunsToolsTwice: ("tool-at-most-once", "http-500-server-error"),
    LetsErrorsOut: ("contract-exceptions", "malformed-json-event"),
    TriesAgainUnauthorised: ("retry-only-retryable", "http-401-auth"),
    KeepsHalfATurn: ("history-well-formed", "eof-mid-stream"),
    TellsTheKey: ("no-secret-leak", "http-500-server-error"),
    StaysBroken: ("reusable-after-fault", "http-500-server-error"),
    SaysDoneAnyway: ("stream-protocol", "http-500-server-error"),
    WaitsByChance: ("deterministic", "connect-refused"),
}
"""Each with the promise that it breaks, and a fault under which it does."""
