"""What a backend of the user's own returned comes back as it was, and what cannot is refused while it is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.backends import RecordingBackend
from harness.contract import ChatLLMBackend, LLMResponse, LLMResult
from harness.errors import ContractMisfitError

HELLO = [{"role": "user", "content": "Hello?"}]


class Theirs(ChatLLMBackend):
    """A backend with no wire, that says what it is told to."""

    model = "theirs"
    last_finish_reason: Any = None

    def __init__(self, answer: Any, reason: str | None = None) -> None:
        self.answer = answer
        self.reason = reason

    def complete(self, messages: Any, stream: bool = False, temperature: float = 0.7, **more: Any) -> Any:
        return self.answer

    def stream_tokens(self, messages: Any, temperature: float = 0.7, **more: Any) -> Iterator[Any]:
        yield from self.answer
        self.last_finish_reason = self.reason

    async def astream_tokens(self, messages: Any, temperature: float = 0.7, **more: Any) -> AsyncIterator[Any]:
        for token in self.answer:
            yield token
        self.last_finish_reason = self.reason

    async def generate(self, prompt: str) -> Any:
        return self.answer

    def is_available(self) -> bool:
        return True


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recorded.yaml"


def recording_of(path: Path, answer: Any, reason: str | None = None) -> Any:
    return RecordingBackend(Theirs(answer, reason), path, clock=harness.VirtualClock())


@pytest.mark.parametrize(
    "result",
    [
        LLMResult(True, "Dear all,", "theirs-2026-11", 0, {}),
        LLMResult(True, "", "theirs", 0, {}),
        LLMResult(True, " \n", "theirs", 0, {"tokens": 0}),
        LLMResult(False, "no", "theirs-2026-11", 0, {"rc": 2}),
    ],
    ids=["another-model", "empty-success", "blank-success", "failure-of-another-model"],
)
def test_a_result_that_its_text_does_not_tell_comes_back_as_it_was(path: Path, result: LLMResult) -> None:
    asyncio.run(recording_of(path, result).generate("Hello?"))
    with harness.replay(path) as session:
        assert asyncio.run(session.backend(model="theirs").generate("Hello?")) == result


@pytest.mark.parametrize(
    "response",
    [
        LLMResponse("I", None, "content_filter"),
        LLMResponse("", None, "max_turns"),
        LLMResponse("", {"name": "move", "arguments": '{"to": "north"}'}, "stop"),
        LLMResponse("", {"name": None, "arguments": {}}, "stop"),
        LLMResponse("", {"name": "move", "arguments": ["north"]}, "tool_calls"),
        LLMResponse("", {"name": "move", "arguments": None}, "stop"),
    ],
)
def test_a_response_of_another_shape_comes_back_as_it_was(path: Path, response: LLMResponse) -> None:
    recording_of(path, response).complete(HELLO)
    with harness.replay(path) as session:
        assert session.backend().complete(HELLO) == response


def test_a_finish_reason_of_their_own_comes_back_behind_a_stream(path: Path) -> None:
    list(recording_of(path, ["One ", "two"], "content_filter").stream_tokens(HELLO))
    with harness.replay(path) as session:
        backend = session.backend()
        assert list(backend.stream_tokens(HELLO)) == ["One ", "two"]
        assert backend.last_finish_reason == "content_filter"


def test_a_stream_that_yields_nothing_to_say_is_heard_to_its_end(path: Path) -> None:
    async def told(backend: Any) -> list[str]:
        return [token async for token in backend.astream_tokens(HELLO)]

    recording = recording_of(path, ["One ", None, "two"], "stop")
    assert list(recording.stream_tokens(HELLO)) == ["One ", None, "two"]
    assert asyncio.run(told(recording)) == ["One ", None, "two"]
    with harness.replay(path) as session:
        backend = session.backend()
        assert list(backend.stream_tokens(HELLO)) == ["One ", "two"]
        assert asyncio.run(told(backend)) == ["One ", "two"]


@pytest.mark.parametrize(
    "answer",
    ["Hi.", None, 7, ["One ", "two"], {"text": "Hi."}, object()],
    ids=["text", "none", "number", "list", "other", "object"],
)
def test_what_is_no_answer_of_a_contract_is_refused_and_not_recorded_as_an_empty_one(path: Path, answer: Any) -> None:
    with pytest.raises(ContractMisfitError, match=rf"answered with {type(answer).__name__}, .*\n  next: return"):
        recording_of(path, answer).complete(HELLO)


def test_an_answer_to_await_from_a_plain_function_is_refused(path: Path) -> None:
    class Later(Theirs):
        def complete(self, messages: Any, stream: bool = False, temperature: float = 0.7, **more: Any) -> Any:
            return self.generate("Hello?")

    recording = RecordingBackend(Later(LLMResponse("Hi.", None, "stop")), path)
    with pytest.warns(RuntimeWarning, match="never awaited"), pytest.raises(ContractMisfitError, match="async def"):
        recording.complete(HELLO)


def test_a_result_in_a_mapping_is_one(path: Path) -> None:
    recording_of(path, {"success": True, "text": "Hi.", "model": "theirs", "extra": {}}).complete(HELLO)
    recording_of(path.with_name("other.yaml"), {"narrative_text": "Hi.", "finish_reason": "stop"}).complete(HELLO)
    for name in (path.name, "other.yaml"):
        with harness.replay(path.with_name(name)) as session:
            assert session.backend().complete(HELLO).narrative_text == "Hi."
