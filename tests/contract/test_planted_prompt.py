"""For each promise of the prompt contract a planted broken backend that this promise catches, and no other one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from math import inf
from typing import Any

import pytest

from harness.backends import ReplayBackend
from harness.contract import (
    LLMConnectionError,
    LLMResult,
    LLMTimeout,
)
from harness.testing import PROMISES

BrokenBy = Callable[[type[ReplayBackend]], dict[str, str]]
PLANTED: dict[str, type[ReplayBackend]] = {}


def breaks(promise: str) -> Any:
    """The decorated backend breaks this promise."""

    def plant(cls: type[ReplayBackend]) -> type[ReplayBackend]:
        assert promise not in PLANTED
        PLANTED[promise] = cls
        return cls

    return plant


class Result(ReplayBackend):
    """Changes what `generate` returns."""

    def changed(self, result: LLMResult) -> LLMResult:
        raise NotImplementedError

    async def generate(self, prompt: str) -> LLMResult:
        return self.changed(await super().generate(prompt))


@breaks("settings-are-there")
class NoNumber(ReplayBackend):
    def __init__(self, session: Any, **options: Any) -> None:
        super().__init__(session, **options)
        self.timeout = Decimal(5)  # type: ignore[assignment]


@breaks("a-good-answer-is-a-success")
class TruthyOnly(Result):
    def changed(self, result: LLMResult) -> LLMResult:
        return replace(result, success="yes" if result.success else False)


@breaks("text-is-raw")
class Strips(Result):
    def changed(self, result: LLMResult) -> LLMResult:
        return replace(result, text=result.text.strip())


@breaks("a-result-names-its-model")
class Nameless(Result):
    def changed(self, result: LLMResult) -> LLMResult:
        return replace(result, model="")


@breaks("latency-is-what-passed")
class NoLatency(Result):
    def changed(self, result: LLMResult) -> LLMResult:
        return replace(result, latency_ms=0)


@breaks("extra-is-a-dict")
class NoExtra(Result):
    def changed(self, result: LLMResult) -> LLMResult:
        return replace(result, extra=None)


@breaks("empty-output-is-a-soft-failure")
class EmptyRaises(Result):
    def changed(self, result: LLMResult) -> LLMResult:
        if not result.text:
            msg = "empty"
            raise ValueError(msg)
        return result


@breaks("blank-output-is-no-success")
class BlankSucceeds(Result):
    def changed(self, result: LLMResult) -> LLMResult:
        return replace(result, success=bool(result.text))


@breaks("timeout-is-never-empty")
class EmptyOnTimeout(ReplayBackend):
    async def generate(self, prompt: str) -> LLMResult:
        try:
            return await super().generate(prompt)
        except LLMTimeout:
            return LLMResult(success=False, text="", model=self.model, latency_ms=0)


@breaks("a-part-is-no-answer")
class GivesTheFirstHalf(ReplayBackend):
    """Takes what it has when the stream has gone quiet."""

    async def generate(self, prompt: str) -> LLMResult:
        loop, said, last = asyncio.get_running_loop(), "", 0.0
        try:
            async for token in self.astream_tokens([{"role": "user", "content": prompt}]):
                said, last = said + token, loop.time()
        except LLMTimeout:
            if said and loop.time() - last > self.timeout / 2:
                return LLMResult(success=True, text=said, model=self.model, latency_ms=0)
            raise
        return await super().generate(prompt)


@breaks("timeout-comes-at-the-cap")
class Late(ReplayBackend):
    async def generate(self, prompt: str) -> LLMResult:
        cap, self.timeout = self.timeout, self.timeout * 2
        try:
            return await super().generate(prompt)
        finally:
            self.timeout = cap


@breaks("a-drip-meets-the-cap")
class TimesTheGaps(ReplayBackend):
    """Has a read timeout, and thinks that is a cap."""

    async def generate(self, prompt: str) -> LLMResult:
        cap, self.timeout = self.timeout, inf
        loop, said, started = asyncio.get_running_loop(), "", asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(cap) as limit:
                async for token in self.astream_tokens([{"role": "user", "content": prompt}]):
                    said += token
                    limit.reschedule(loop.time() + cap)
        except TimeoutError as error:
            msg = "quiet for too long"
            raise LLMTimeout(msg) from error
        finally:
            self.timeout = cap
        passed_ms = round((loop.time() - started) * 1000)
        return LLMResult(success=bool(said.strip()), text=said, model=self.model, latency_ms=passed_ms)


@breaks("no-model-is-an-exception")
class SoftRefusal(ReplayBackend):
    async def generate(self, prompt: str) -> LLMResult:
        try:
            return await super().generate(prompt)
        except LLMConnectionError as error:
            if "was not reached" not in str(error):
                raise
            return LLMResult(success=False, text="", model=self.model, latency_ms=0, extra={"error": str(error)})


@breaks("a-lost-answer-is-an-exception")
class SoftLoss(ReplayBackend):
    async def generate(self, prompt: str) -> LLMResult:
        try:
            return await super().generate(prompt)
        except LLMConnectionError as error:
            if "was lost" not in str(error):
                raise
            return LLMResult(success=True, text="Hello", model=self.model, latency_ms=0)


@breaks("generate-may-be-cancelled")
class SwallowsCancellation(ReplayBackend):
    async def generate(self, prompt: str) -> LLMResult:
        try:
            return await super().generate(prompt)
        except asyncio.CancelledError:
            return LLMResult(success=False, text="", model=self.model, latency_ms=0)


def test_every_promise_of_this_group_has_a_planted_backend() -> None:
    assert sorted(PLANTED) == sorted(promise.id for promise in PROMISES if promise.group == "prompt")


@pytest.mark.parametrize("promise", sorted(PLANTED))
def test_a_planted_bug_is_caught_by_its_promise_and_by_no_other(promise: str, broken_by: BrokenBy) -> None:
    assert list(broken_by(PLANTED[promise])) == [promise]


def test_what_was_seen_stands_in_the_message(broken_by: BrokenBy) -> None:
    assert broken_by(EmptyOnTimeout)["timeout-is-never-empty"] == (
        "promise timeout-is-never-empty: broken, generate returned "
        "LLMResult(success=False, text='', model='replay', latency_ms=0, extra={}) after 5 s"
    )
