"""For each promise of the chat contract a planted broken backend that this promise catches, and no other one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from harness.backends import ReplayBackend
from harness.contract import (
    GenerationCancelled,
    LLMConnectionError,
    LLMParseError,
    LLMResponse,
    LLMTimeout,
    parse_tool_call,
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


def test_every_promise_of_this_group_has_a_planted_backend() -> None:
    assert sorted(PLANTED) == sorted(promise.id for promise in PROMISES if promise.group == "chat")


@pytest.mark.parametrize("promise", sorted(PLANTED))
def test_a_planted_bug_is_caught_by_its_promise_and_by_no_other(promise: str, broken_by: BrokenBy) -> None:
    assert list(broken_by(PLANTED[promise])) == [promise]
