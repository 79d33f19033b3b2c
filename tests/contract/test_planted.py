"""For each promise a planted broken backend that this promise catches, and no other one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from math import inf
from typing import Any

import pytest

import harness
from harness.backends import ReplayBackend
from harness.contract import (
    GenerationCancelled,
    LLMConnectionError,
    LLMParseError,
    LLMResponse,
    LLMResult,
    LLMTimeout,
    Retries,
    parse_tool_call,
)
from harness.errors import PromiseBrokenError
from harness.model import Problem, seconds
from harness.spec import Cooling
from harness.testing import PROMISES, Script, check_backend

PLANTED: dict[str, type[ReplayBackend]] = {}


def breaks(promise: str) -> Any:
    """The decorated backend breaks this promise."""

    def plant(cls: type[ReplayBackend]) -> type[ReplayBackend]:
        assert promise not in PLANTED
        PLANTED[promise] = cls
        return cls

    return plant


# --- the prompt contract


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


# --- the chat contract


class Response(ReplayBackend):
    """Changes what `complete` returns."""

    def changed(self, response: LLMResponse) -> LLMResponse:
        raise NotImplementedError

    def complete(self, *args: Any, **options: Any) -> LLMResponse:
        return self.changed(super().complete(*args, **options))


@breaks("complete-returns-the-text")
class LastWordOnly(Response):
    def changed(self, response: LLMResponse) -> LLMResponse:
        return replace(response, narrative_text=response.narrative_text.rpartition("two ")[2])


@breaks("no-tool-call-is-none")
class EmptyCall(Response):
    def changed(self, response: LLMResponse) -> LLMResponse:
        called = response.tool_call is not None or response.narrative_text.startswith("You")
        return response if called else replace(response, tool_call={})


@breaks("a-clean-end-is-stop")
class NativeWord(Response):
    def changed(self, response: LLMResponse) -> LLMResponse:
        return replace(response, finish_reason="end_turn") if response.finish_reason == "stop" else response


@breaks("truncation-is-length")
class AlwaysStop(Response):
    def changed(self, response: LLMResponse) -> LLMResponse:
        return replace(response, finish_reason="stop")


@breaks("a-tool-call-of-the-wire-is-one")
class NativeCall(Response):
    def changed(self, response: LLMResponse) -> LLMResponse:
        call = response.tool_call
        return replace(response, tool_call={"function": call}) if call and "arguments" in call else response


class Stream(ReplayBackend):
    """Changes what `stream_tokens` does; `plain` is as it should be."""

    def plain(self, messages: Any) -> Iterator[str]:
        return ReplayBackend.stream_tokens(self, messages)


@breaks("the-stream-is-the-answer")
class AddsANewline(Stream):
    def stream_tokens(self, messages: Any) -> Iterator[str]:  # type: ignore[override]
        yield from self.plain(messages)
        yield "\n"


@breaks("tokens-come-as-they-are-said")
class CollectsFirst(Stream):
    def stream_tokens(self, messages: Any) -> Iterator[str]:  # type: ignore[override]
        tokens, failure = [], None
        try:
            for token in self.plain(messages):
                tokens.append(token)  # noqa: PERF402 - what came before the failure is kept
        except LLMConnectionError as error:
            failure = error
        for token in tokens:
            if self.cancel_event is not None and self.cancel_event.is_set():
                msg = "cancelled"
                raise GenerationCancelled(msg)
            yield token
        if failure is not None:
            raise failure


@breaks("a-stream-leaves-its-finish-reason")
class ForgetsTheReason(Stream):
    def stream_tokens(self, messages: Any) -> Iterator[str]:  # type: ignore[override]
        yield from self.plain(messages)
        self.last_finish_reason = None


class Renaming(ReplayBackend):
    """Raises another exception where the message of the right one has these words."""

    words = ""
    raised: type[Exception] = RuntimeError

    def complete(self, *args: Any, **options: Any) -> LLMResponse:
        try:
            return super().complete(*args, **options)
        except (LLMConnectionError, LLMParseError) as error:
            if self.words not in str(error):
                raise
            raise self.raised(str(error)) from error


@breaks("no-model-is-a-connection-error")
class RawOSError(Renaming):
    words, raised = "was not reached", OSError


@breaks("a-server-error-is-a-connection-error")
class RawServerError(Renaming):
    words = "HTTP 500"


@breaks("a-timeout-is-a-connection-error")
class RawTimeout(Renaming):
    words, raised = "did not finish", TimeoutError


@breaks("nonsense-is-a-parse-error")
class RawParseError(Renaming):
    words, raised = "cannot be read", ValueError


@breaks("a-lost-answer-is-a-connection-error")
class HalfAnAnswer(ReplayBackend):
    def complete(self, *args: Any, **options: Any) -> LLMResponse:
        try:
            return super().complete(*args, **options)
        except LLMConnectionError as error:
            if "was lost" not in str(error):
                raise
            return LLMResponse("One two")


@breaks("a-stream-without-a-model-is-a-connection-error")
class StreamOSError(Stream):
    def stream_tokens(self, messages: Any) -> Iterator[str]:  # type: ignore[override]
        try:
            yield from self.plain(messages)
        except LLMConnectionError as error:
            if "was not reached" not in str(error):
                raise
            raise OSError(str(error)) from error


@breaks("a-lost-stream-is-a-connection-error")
class StreamJustEnds(Stream):
    def stream_tokens(self, messages: Any) -> Iterator[str]:  # type: ignore[override]
        try:
            yield from self.plain(messages)
        except LLMConnectionError as error:
            if "was lost" not in str(error):
                raise


@breaks("a-lost-stream-keeps-its-tokens")
class LooksAhead(Stream):
    def stream_tokens(self, messages: Any) -> Iterator[str]:  # type: ignore[override]
        held: list[str] = []
        for token in self.plain(messages):
            yield from held
            held = [token]
        yield from held


@breaks("a-stalled-stream-is-a-connection-error")
class StalledStreamJustEnds(Stream):
    def stream_tokens(self, messages: Any) -> Iterator[str]:  # type: ignore[override]
        try:
            yield from self.plain(messages)
        except LLMTimeout:
            return


@breaks("a-block-in-the-text-is-a-tool-call")
class OverlooksTheBlock(ReplayBackend):
    def parse_tool_call(self, raw: str) -> tuple[str, Any]:
        return (raw, None) if "~~~json" in raw else parse_tool_call(raw)


@breaks("a-broken-block-is-no-exception")
class LoadsBlindly(ReplayBackend):
    def parse_tool_call(self, raw: str) -> tuple[str, Any]:
        before, block, rest = raw.partition("~~~json")
        return (before, json.loads(rest.partition("~~~")[0])) if block else parse_tool_call(raw)


@breaks("fences-are-understood")
class OneFenceOnly(ReplayBackend):
    def parse_tool_call(self, raw: str) -> tuple[str, Any]:
        return parse_tool_call(raw) if "~~~json" in raw else (raw, None)


@breaks("available-when-up")
class Vague(ReplayBackend):
    def is_available(self) -> bool:
        return None if super().is_available() else False  # type: ignore[return-value]


@breaks("unavailable-when-down")
class HealthRaises(ReplayBackend):
    def is_available(self) -> bool:
        if not super().is_available():
            msg = "down"
            raise OSError(msg)
        return True


@breaks("usable-after-a-failure")
class DeadAfterALoss(ReplayBackend):
    dead = False

    def complete(self, *args: Any, **options: Any) -> LLMResponse:
        if self.dead:
            msg = "the client is closed"
            raise RuntimeError(msg)
        try:
            return super().complete(*args, **options)
        except LLMConnectionError as error:
            self.dead = "was lost" in str(error)
            raise


# --- waiting and stopping


class Policy(ReplayBackend):
    """Retries by another policy."""

    retries: Retries = Retries()

    def __init__(self, session: Any, **options: Any) -> None:
        super().__init__(session, **options)
        self.desk_ = replace(self.desk_, retries=self.retries)


class Never(Retries):
    kind = ""

    def cooling(self, problem: Problem, retry: int) -> Cooling | None:
        return None if problem.kind == self.kind else Retries.cooling(self, problem, retry)


class NotForLimits(Never):
    kind = "rate-limit"


class NotForOverload(Never):
    kind = "overloaded"


class Hasty(Retries):
    def cooling(self, problem: Problem, retry: int) -> Cooling | None:
        cooling = Retries.cooling(self, problem, retry)
        return cooling and replace(cooling, wait=seconds(0.5))


@breaks("a-rate-limit-is-retried")
class GivesUpAtOnce(Policy):
    retries = NotForLimits()


@breaks("an-overload-is-retried")
class GivesUpOnOverload(Policy):
    retries = NotForOverload()


@breaks("retry-after-is-honoured")
class Impatient(Policy):
    retries = Hasty()


@breaks("retries-come-to-an-end")
class SilentlyGivesUp(ReplayBackend):
    def complete(self, *args: Any, **options: Any) -> LLMResponse:
        try:
            return super().complete(*args, **options)
        except LLMConnectionError as error:
            if "HTTP 429" not in str(error):
                raise
            return LLMResponse("", finish_reason="error")


class Telling(ReplayBackend):
    """Tells `on_status` something else."""

    _on_status: Any = None

    @property  # type: ignore[override]
    def on_status(self) -> Any:
        return self.told if self._on_status is not None else None

    @on_status.setter
    def on_status(self, listen: Any) -> None:
        self._on_status = listen

    def told(self, text: str) -> None:
        raise NotImplementedError


@breaks("a-wait-is-told")
class NoSeconds(Telling):
    def told(self, text: str) -> None:
        self._on_status("please wait")


@breaks("a-countdown-has-short-slices")
class TellsOnce(Telling):
    def told(self, text: str) -> None:
        if not text.startswith("…"):
            self._on_status(text)


@breaks("hooks-are-optional")
class NeedsAListener(Telling):
    _on_status = staticmethod(lambda _text: None)

    @property
    def on_status(self) -> Any:
        return self.told

    @on_status.setter
    def on_status(self, listen: Any) -> None:
        self._on_status = listen

    def __init__(self, session: Any, **options: Any) -> None:
        super().__init__(session, **options)
        self._on_status = lambda _text: None

    def told(self, text: str) -> None:
        self._on_status(text)


@breaks("a-cancel-before-the-call-is-honoured")
class LooksTooLate(ReplayBackend):
    def complete(self, *args: Any, **options: Any) -> LLMResponse:
        if self.cancel_event is not None and self.cancel_event.is_set():
            self.cancel_event = None
        return super().complete(*args, **options)


@breaks("a-cancel-stops-the-stream")
class OneMore(Stream):
    def stream_tokens(self, messages: Any) -> Iterator[str]:  # type: ignore[override]
        try:
            yield from self.plain(messages)
        except GenerationCancelled:
            yield "two "
            raise


@breaks("a-cancelled-stream-says-so")
class CancelledStreamJustEnds(Stream):
    def stream_tokens(self, messages: Any) -> Iterator[str]:  # type: ignore[override]
        try:
            yield from self.plain(messages)
        except GenerationCancelled:
            return


@breaks("a-cancel-ends-a-wait")
class WaitsItOut(ReplayBackend):
    def complete(self, *args: Any, **options: Any) -> LLMResponse:
        event = self.cancel_event
        if event is None or event.is_set():
            return super().complete(*args, **options)
        self.cancel_event = None
        response = super().complete(*args, **options)
        if event.is_set():
            msg = "cancelled, after the wait"
            raise GenerationCancelled(msg)
        return response


class CancelledConnectionError(GenerationCancelled, LLMConnectionError):
    pass


@breaks("a-cancel-is-no-error")
class CancelIsAnError(ReplayBackend):
    def complete(self, *args: Any, **options: Any) -> LLMResponse:
        try:
            return super().complete(*args, **options)
        except GenerationCancelled as error:
            msg = "cancelled"
            raise CancelledConnectionError(msg) from error


@breaks("usable-after-a-cancel")
class DeadAfterACancel(Stream):
    dead = False

    def stream_tokens(self, messages: Any) -> Iterator[str]:  # type: ignore[override]
        try:
            yield from self.plain(messages)
        except GenerationCancelled:
            self.dead = True
            raise

    def complete(self, *args: Any, **options: Any) -> LLMResponse:
        if self.dead:
            msg = "the client is closed"
            raise RuntimeError(msg)
        return super().complete(*args, **options)


@breaks("acomplete-is-complete")
class EmptyTwin(ReplayBackend):
    async def acomplete(self, *args: Any, **options: Any) -> LLMResponse:
        return replace(await super().acomplete(*args, **options), narrative_text="")


class AsyncStream(ReplayBackend):
    """Changes what `astream_tokens` does; `plain` is as it should be."""

    def plain(self, messages: Any) -> AsyncIterator[str]:
        return ReplayBackend.astream_tokens(self, messages)


@breaks("astream-is-the-stream")
class TwinAddsANewline(AsyncStream):
    async def astream_tokens(self, messages: Any) -> AsyncIterator[str]:  # type: ignore[override]
        async for token in self.plain(messages):
            yield token
        yield "\n"


@breaks("a-lost-astream-is-a-connection-error")
class TwinJustEnds(AsyncStream):
    async def astream_tokens(self, messages: Any) -> AsyncIterator[str]:  # type: ignore[override]
        try:
            async for token in self.plain(messages):
                yield token
        except LLMConnectionError as error:
            if "was lost" not in str(error):
                raise


@breaks("a-cancelled-task-leaves-the-backend-usable")
class TwinSwallowsCancellation(AsyncStream):
    async def astream_tokens(self, messages: Any) -> AsyncIterator[str]:  # type: ignore[override]
        try:
            async for token in self.plain(messages):
                yield token
        except asyncio.CancelledError:
            return


def broken_by(cls: type[ReplayBackend]) -> dict[str, str]:
    """The ids of the promises that `cls` breaks, with what was seen."""

    @contextmanager
    def make(script: Script) -> Iterator[Any]:
        with harness.replay(script.source()) as session:
            session.available = (script.available,)
            yield cls(session, timeout=5.0)

    try:
        check_backend(make)
    except PromiseBrokenError as error:
        lines = [line for line in str(error).splitlines() if ": broken, " in line]
        return {line.split(":")[0].removeprefix("promise "): line for line in lines}
    return {}


def test_every_promise_has_a_planted_backend() -> None:
    assert sorted(PLANTED) == sorted(promise.id for promise in PROMISES)


@pytest.mark.parametrize("promise", sorted(PLANTED))
def test_a_planted_bug_is_caught_by_its_promise_and_by_no_other(promise: str) -> None:
    assert list(broken_by(PLANTED[promise])) == [promise]


def test_what_was_seen_stands_in_the_message() -> None:
    assert broken_by(EmptyOnTimeout)["timeout-is-never-empty"] == (
        "promise timeout-is-never-empty: broken, generate returned "
        "LLMResult(success=False, text='', model='replay', latency_ms=0, extra={}) after 5 s"
    )
