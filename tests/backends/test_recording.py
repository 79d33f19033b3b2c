"""RecordingBackend: what any backend was asked and answered is in the cassette, and a replay does it once more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import harness
from harness.backends import RecordingBackend
from harness.contract import (
    ChatLLMBackend,
    GenerationCancelled,
    LLMConnectionError,
    LLMParseError,
    LLMResponse,
    LLMResult,
    LLMTimeout,
)
from harness.dialects import get, native_line
from harness.model import Unknown
from harness.storage import load
from harness.testing import PROMISES, Act, MakeBackend, Script, check_backend

HELLO = [{"role": "user", "content": "Hello?"}]


class Theirs(ChatLLMBackend):
    """A backend of the user's own, with no wire, that does what it is told."""

    model = "theirs"

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []

    def complete(self, messages: Any, stream: bool = False, temperature: float = 0.7, **more: Any) -> Any:
        self.asked.append((messages, temperature, more))
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def stream_tokens(self, messages: Any, temperature: float = 0.7, **more: Any) -> Iterator[str]:
        for token in self.answers.pop(0):
            if isinstance(token, BaseException):
                raise token
            yield token
        self.last_finish_reason = "length"

    async def generate(self, prompt: str) -> Any:
        return self.complete(prompt)

    def is_available(self) -> bool:
        return bool(self.answers)

    def warm_up(self, layers: int) -> str:
        return f"{layers} layers of {self.model} are warm"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recorded.yaml"


def replayed(path: Path, ask: Callable[[Any], Any], **options: Any) -> Any:
    with harness.replay(path) as session:
        return ask(session.backend(**options))


def test_it_passes_for_the_backend_that_it_wraps(path: Path) -> None:
    inner = Theirs()
    recording = RecordingBackend(inner, path)
    assert isinstance(recording, Theirs)
    assert isinstance(recording, ChatLLMBackend)
    assert isinstance(recording, RecordingBackend)
    assert recording.warm_up(3) == "3 layers of theirs are warm"
    recording.model = "other"
    assert (inner.model, recording.model) == ("other", "other")
    assert not hasattr(recording, "acomplete")
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        recording.nonsense  # noqa: B018 - that it is looked up is what is tried


def test_calls_are_recorded_with_their_parameters_and_replayed_by_them(path: Path) -> None:
    said = [LLMResponse("warm", None, "stop"), LLMResponse("cold", None, "length")]
    recording = RecordingBackend(Theirs(*said), path)
    assert recording.complete(HELLO, temperature=0.9, seed=7) is said[0]
    assert recording.complete(HELLO) is said[1]
    first, second = [interaction.prompt for interaction in load(path)]
    assert first is not None
    assert second is not None
    assert (first.parameters, second.parameters) == ({"temperature": 0.9, "seed": 7}, {})
    assert (first.messages[0].content, first.model) == ("Hello?", "theirs")

    def in_another_order(backend: Any) -> Any:
        with pytest.raises(harness.Miss):
            backend.complete(HELLO, temperature=0.1)
        return backend.complete(HELLO)

    with pytest.raises(harness.Miss):  # the swallowed one
        replayed(path, in_another_order)


@pytest.mark.parametrize(
    "response",
    [
        LLMResponse("You walk on.", None, "stop"),
        LLMResponse("You walk", None, "length"),
        LLMResponse("", None, "error"),
        LLMResponse("You walk on.", {"name": "move", "arguments": {"to": "north"}}, "stop"),
        LLMResponse("", {"name": "move", "arguments": {}}, "stop"),
        LLMResponse("You walk on.", {"tool": "move", "to": ["north"]}, "stop"),
        LLMResponse("You walk on.", [{"tool": "move"}], "stop"),
    ],
)
def test_a_response_comes_back_as_it_was(path: Path, response: LLMResponse) -> None:
    RecordingBackend(Theirs(response), path).complete(HELLO)
    assert replayed(path, lambda backend: backend.complete(HELLO)) == response


@pytest.mark.parametrize(
    "result",
    [
        LLMResult(True, "Dear all,\n", "theirs", 0, {}),
        LLMResult(True, "Dear", "theirs", 0, {"finish_reason": "length", "tokens": 3}),
        LLMResult(False, "", "theirs", 0, {"rc": 1, "stderr": "Error: no"}),
        LLMResult(False, "I cannot", "theirs", 0, {"refusal": "I cannot"}),
        LLMResult(False, " \n", "theirs", 0, {}),
    ],
)
def test_a_result_comes_back_as_it_was(path: Path, result: LLMResult) -> None:
    recording = RecordingBackend(Theirs(result), path, clock=harness.VirtualClock())  # a busy machine is no latency
    asyncio.run(recording.generate("Hello?"))
    assert replayed(path, lambda backend: asyncio.run(backend.generate("Hello?")), model="theirs") == result


@pytest.mark.parametrize("error", [LLMConnectionError("lost"), LLMTimeout("late"), LLMParseError("what?")])
def test_an_exception_comes_back_by_its_kind(path: Path, error: Exception) -> None:
    recording = RecordingBackend(Theirs(error), path)
    with pytest.raises(type(error), match=str(error)):
        recording.complete(HELLO)
    with pytest.raises(type(error)) as caught:
        replayed(path, lambda backend: backend.complete(HELLO))
    assert type(caught.value) is type(error)
    if not isinstance(error, LLMTimeout):
        assert str(error) in str(caught.value)


def test_an_exception_of_another_contract_is_known_by_its_name(path: Path) -> None:
    class TheirTimeout(Exception):  # noqa: N818 - a contract's own name
        pass

    contract = SimpleNamespace(LLMTimeout=TheirTimeout)
    with pytest.raises(TheirTimeout):
        RecordingBackend(Theirs(TheirTimeout("late")), path, contract=contract).complete(HELLO)
    with pytest.raises(LLMTimeout):
        replayed(path, lambda backend: backend.complete(HELLO))


def test_a_crash_is_a_hard_failure_that_names_it(path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        RecordingBackend(Theirs(ZeroDivisionError("by zero")), path).complete(HELLO)
    with pytest.raises(LLMConnectionError, match="ZeroDivisionError: by zero"):
        replayed(path, lambda backend: backend.complete(HELLO))


def test_a_lost_stream_is_lost_after_the_same_tokens(path: Path) -> None:
    recording = RecordingBackend(Theirs(["One ", "two ", LLMConnectionError("gone")]), path)
    with pytest.raises(LLMConnectionError, match="gone"):
        list(recording.stream_tokens(HELLO))
    heard: list[str] = []
    with pytest.raises(LLMConnectionError, match="gone"):
        replayed(path, lambda backend: heard.extend(backend.stream_tokens(HELLO)))
    assert heard == ["One ", "two "]


def test_a_stream_keeps_its_tokens_and_its_finish_reason(path: Path) -> None:
    recording = RecordingBackend(Theirs(["One ", "two"]), path)
    assert list(recording.stream_tokens(HELLO)) == ["One ", "two"]
    assert recording.last_finish_reason == "length"

    def ask(backend: Any) -> Any:
        return list(backend.stream_tokens(HELLO)), backend.last_finish_reason

    assert replayed(path, ask) == (["One ", "two"], "length")


def test_a_stream_that_was_closed_early_is_no_clean_end(path: Path) -> None:
    stream = RecordingBackend(Theirs(["One ", "two"]), path).stream_tokens(HELLO)
    assert next(stream) == "One "
    stream.close()
    (interaction,) = load(path)
    assert interaction.timeline.end == "closed"


def test_health_answers_come_back_in_order_and_are_no_unplayed_calls(path: Path) -> None:
    recording = RecordingBackend(Theirs(LLMResponse("Hi.", None, "stop")), path)
    assert recording.is_available() is True
    recording.complete(HELLO)
    assert recording.is_available() is False

    def ask(backend: Any) -> list[Any]:
        return [backend.is_available(), backend.complete(HELLO).narrative_text, backend.is_available()]

    assert replayed(path, ask) == [True, "Hi.", False]


@contextmanager
def recorded(script: Script, path: Path, **options: Any) -> Iterator[tuple[Any, Any]]:
    """A recording of a replay, in virtual time: our own backend as one that waits, retries and is cancelled."""
    with harness.replay(script.source(), unplayed="ignore") as session:
        session.available = (script.available,)
        yield RecordingBackend(session.backend(**options), path), session


LIMITED = Act.failing(429, "rate-limit", retry_after_s=12.0)


def progress(backend: Any, session: Any) -> list[tuple[float, str]]:
    heard: list[tuple[float, str]] = []
    backend.on_status = lambda text: heard.append((session.clock.now() / 1e9, text))
    return heard


def test_a_countdown_is_played_as_it_was(path: Path) -> None:
    with recorded(Script.of(LIMITED, Act(("One ", "two"), gap_s=0.5)), path) as (backend, session):
        live = progress(backend, session)
        assert backend.complete(HELLO).narrative_text == "One two"
        took = session.clock.now()
    with harness.replay(path) as session:
        backend = session.backend()
        again = progress(backend, session)
        assert backend.complete(HELLO).narrative_text == "One two"
        assert session.clock.now() == took
    assert again == live
    assert [at for at, _ in live] == [0.0, 5.0, 10.0]


def test_the_moment_of_a_cancellation_is_played_as_it_was(path: Path) -> None:
    with recorded(Script.of(LIMITED), path) as (backend, session):
        backend.cancel_event = event = threading.Event()
        backend.on_status = lambda text: event.set() if "in 7s" in text else None
        with pytest.raises(GenerationCancelled):
            backend.complete(HELLO)
        stopped_at = session.clock.now()
    with harness.replay(path) as session:
        backend = session.backend()
        heard = progress(backend, session)
        with pytest.raises(GenerationCancelled):
            backend.complete(HELLO)
        assert session.clock.now() == stopped_at == 5e9
    assert len(heard) == 2


def test_the_async_twins_are_recorded_too(path: Path) -> None:
    async def ask(backend: Any) -> tuple[list[str], str]:
        tokens = [token async for token in backend.astream_tokens(HELLO)]
        return tokens, (await backend.acomplete(HELLO)).narrative_text

    with recorded(Script.of(Act(("One ", "two"), gap_s=0.5)), path) as (backend, _):
        live = asyncio.run(ask(backend))
    assert replayed(path, lambda backend: asyncio.run(ask(backend))) == live == (["One ", "two"], "One two")


def test_secrets_are_not_written(path: Path) -> None:
    key = "sk-ant-api03-" + "a1B2" * 20
    recording = RecordingBackend(
        Theirs(LLMResponse(f"it is {key}", None, "stop")), path, redact=[{"regex": "Rosebud", "name": "word"}]
    )
    recording.complete([{"role": "user", "content": f"Keep {key} and Rosebud"}])
    assert key not in path.read_text("utf-8")
    assert "Rosebud" not in path.read_text("utf-8")


def test_inside_with_it_is_written_once_at_the_end(path: Path) -> None:
    with RecordingBackend(Theirs(LLMResponse("Hi.", None, "stop")), path) as recording:
        recording.complete(HELLO)
        assert not path.exists()
    assert len(load(path)) == 1


def on_each(source: Callable[[Script], Any], folder: Path) -> MakeBackend:
    numbers = iter(range(1000))

    @contextmanager
    def make(script: Script) -> Iterator[Any]:
        with harness.replay(source(script), unplayed="ignore") as session:
            session.available = (script.available,)
            with RecordingBackend(session.backend(timeout=5.0), folder / f"{next(numbers)}.yaml") as backend:
                yield backend

    return make


@pytest.mark.parametrize("source", [Script.source, Script.cassette], ids=["memory", "cassette"])
def test_a_recorded_backend_keeps_every_promise(source: Any, tmp_path: Path) -> None:
    report = check_backend(on_each(source, tmp_path))
    assert len(report.kept) == len(PROMISES)
    assert any(tmp_path.iterdir())


def test_what_marks_a_cancellation_is_a_line_of_its_own() -> None:
    assert native_line(Unknown("cancelled", "why")) == b'{"unknown": {"event": "cancelled", "data": "why"}}\n'
    assert get("native").renders
