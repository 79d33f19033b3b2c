"""Waiting, stopping and the async twins: for each promise a planted broken backend that only this promise catches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from harness.backends import ReplayBackend
from harness.contract import (
    GenerationCancelled,
    LLMConnectionError,
    LLMResponse,
    Retries,
)
from harness.model import Problem, seconds
from harness.spec import Cooling
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


class Stream(ReplayBackend):
    """Changes what `stream_tokens` does; `plain` is as it should be."""

    def plain(self, messages: Any) -> Iterator[str]:
        return ReplayBackend.stream_tokens(self, messages)


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


def test_every_promise_of_this_group_has_a_planted_backend() -> None:
    assert sorted(PLANTED) == sorted(promise.id for promise in PROMISES if promise.group in {"waiting", "async"})


@pytest.mark.parametrize("promise", sorted(PLANTED))
def test_a_planted_bug_is_caught_by_its_promise_and_by_no_other(promise: str, broken_by: BrokenBy) -> None:
    assert list(broken_by(PLANTED[promise])) == [promise]
