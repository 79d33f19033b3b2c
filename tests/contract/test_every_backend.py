"""The contract suite on every backend of the repository: replayed from memory and from recordings, live, and fake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

import harness
from harness import contract as ours
from harness.clock import WallClock
from harness.errors import PromiseBrokenError
from harness.live import choose
from harness.model import as_seconds
from harness.testing import PROMISES, CannotPlayError, MakeBackend, Report, Script, check_backend, loopback

TIMEOUT_S = 5.0
RATE = 15.0


def replaying(source: Any, **options: Any) -> MakeBackend:
    """ReplayBackends over what `source(script)` makes of a script."""

    @contextmanager
    def make(script: Script) -> Iterator[Any]:
        with harness.replay(source(script), unplayed="ignore") as session:
            session.available = (script.available,)
            yield session.backend(timeout=TIMEOUT_S, **options)

    return make


def live(**options: Any) -> MakeBackend:
    """The `openai` backend against a loopback peer, both RATE times as fast as written."""

    @contextmanager
    def make(script: Script) -> Iterator[Any]:
        with loopback(script, rate=RATE) as peer:
            settings = {"model": "scripted", "base_url": peer.base_url, "timeout": TIMEOUT_S, "api_key": ""}
            yield choose("openai", {**settings, "clock": WallClock(RATE), **options})

    return make


def faking(script: Script) -> Any:
    """The `fake` backend, which knows only text."""
    act = script.act(0)
    if act.gap_s or act.then != "end" or act.finish != "stop" or act.refused or act.garbage or act.tool or act.problem:
        message = "the fake backend says its text, and at once"
        raise CannotPlayError(message)
    return choose("fake", {"pieces": act.pieces, "available": script.available, "timeout": TIMEOUT_S})


@pytest.mark.parametrize("source", [Script.source, Script.cassette], ids=["memory", "native cassette"])
def test_a_replay_keeps_every_promise(source: Any) -> None:
    report = check_backend(replaying(source))
    assert len(report.kept) == len(PROMISES)


@pytest.mark.parametrize("dialect", ["openai-chat", "anthropic", "gemini", "ollama"])
def test_a_replay_of_a_wire_recording_keeps_every_promise(dialect: str) -> None:
    report = check_backend(replaying(lambda script: script.cassette(dialect)))
    assert len(report.kept) == len(PROMISES)


def test_a_live_backend_keeps_every_promise(unhurried: Any) -> None:
    def check() -> Report:
        clock = WallClock(RATE)
        return check_backend(live(), now=lambda: as_seconds(clock.now()), retry_after_s=6.5)

    assert len(unhurried(check).kept) == len(PROMISES)


def test_the_fake_backend_keeps_what_it_can_be_asked() -> None:
    report = check_backend(faking)
    assert {"text-is-raw", "blank-output-is-no-success", "the-stream-is-the-answer"} <= set(report.kept)
    assert len(report.kept) >= 20


class TheirError(Exception):
    pass


class TheirConnectionError(TheirError):
    pass


class TheirCancelled(Exception):  # noqa: N818 - a contract's own name
    pass


THEIRS = SimpleNamespace(LLMConnectionError=TheirConnectionError, GenerationCancelled=TheirCancelled)


def test_a_replay_keeps_every_promise_in_the_types_of_another_contract() -> None:
    report = check_backend(replaying(Script.source, contract=THEIRS), contract=THEIRS)
    assert len(report.kept) == len(PROMISES)


def test_a_live_backend_speaks_the_types_of_another_contract_too() -> None:
    only = ["no-model-is-a-connection-error", "nonsense-is-a-parse-error", "a-cancel-before-the-call-is-honoured"]
    report = check_backend(live(contract=THEIRS), contract=THEIRS, only=only)
    assert len(report.kept) == len(only)


def test_a_backend_of_ours_breaks_another_contract_s_promises() -> None:
    with pytest.raises(PromiseBrokenError, match="no-model-is-a-connection-error: broken, complete raised LLMConn"):
        check_backend(replaying(Script.source), contract=THEIRS)


class PromptOnly:
    model = "m"
    timeout = TIMEOUT_S

    async def generate(self, prompt: str) -> ours.LLMResult:
        return ours.LLMResult(success=True, text="Hello there.", model="m", latency_ms=0)


def test_promises_of_a_contract_that_the_backend_does_not_have_are_skipped_and_named() -> None:
    report = check_backend(lambda _script: PromptOnly(), only=["settings-are-there", "truncation-is-length"])
    assert report.kept == ("settings-are-there",)
    assert report.skipped == (("truncation-is-length", "the backend has no complete and no stream_tokens"),)
    assert str(report).endswith("1 kept, 1 skipped, 0 broken")


def test_an_unknown_promise_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no promise is called timeout; there are settings-are-there"):
        check_backend(lambda _script: PromptOnly(), skip=["timeout"])


def test_every_promise_says_in_words_what_it_is() -> None:
    assert [promise.id for promise in PROMISES if not promise.says.endswith(".")] == []
    assert len({promise.id for promise in PROMISES}) == len(PROMISES)


def test_the_source_of_a_script_says_what_a_health_check_finds() -> None:
    @contextmanager
    def make(script: Script) -> Iterator[Any]:
        with harness.replay(script.source()) as session:
            yield session.backend(timeout=TIMEOUT_S)

    report = check_backend(make, timeout_s=TIMEOUT_S, only=["available-when-up", "unavailable-when-down"])
    assert report.kept == ("available-when-up", "unavailable-when-down")


@pytest.mark.parametrize("made", [None, object()])
def test_what_is_no_backend_at_all_keeps_no_promise(made: object) -> None:
    with pytest.raises(TypeError, match="which has no generate, no complete and no stream_tokens"):
        check_backend(lambda _: made)


def test_a_generate_that_is_not_async_is_broken_and_no_crash_of_the_suite() -> None:
    class Hasty:
        model, timeout = "m", TIMEOUT_S

        def generate(self, prompt: str) -> Any:
            return harness.LLMResult(success=True, text=prompt, model="m", latency_ms=0)

    with pytest.raises(PromiseBrokenError, match="promise a-good-answer-is-a-success: broken"):
        check_backend(lambda _: Hasty(), timeout_s=TIMEOUT_S)
