"""Where a RecordingBackend writes to, when, and when it plays instead."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import harness
from harness import LLMResponse, LLMResult, LLMTimeout, RecordingBackend
from harness.errors import CassetteError, CassetteNotFoundError, SessionError
from harness.live import choose
from harness.model import Nanos
from harness.storage import load
from harness.testing import Act, Script, loopback

HELLO = [{"role": "user", "content": "Hello?"}]


class Theirs:
    """A user's own, of no base, that counts how often it is asked."""

    model = "theirs"
    timeout = 5.0

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.closed = False

    def complete(self, messages: Any, temperature: float = 0.7, **more: Any) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def stream_tokens(self, messages: Any) -> Iterator[str]:
        yield from self.answers.pop(0)

    async def generate(self, prompt: str) -> Any:
        return LLMResult(success=True, text=self.answers.pop(0), model=self.model, latency_ms=0)

    def is_available(self) -> bool:
        return bool(self.answers)

    def summary(self, text: str) -> str:
        said: str = self.complete([{"role": "user", "content": f"Sum up: {text}"}]).narrative_text
        return said

    def close(self) -> None:
        self.closed = True


def said(*texts: str) -> list[LLMResponse]:
    return [LLMResponse(text) for text in texts]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recorded.yaml"


def test_once_means_that_a_cassette_which_is_there_answers(path: Path) -> None:
    RecordingBackend(Theirs(*said("One.", "Two.")), path).complete(HELLO)
    inner = Theirs()
    again = RecordingBackend(inner, path)
    assert again.complete(HELLO) == LLMResponse("One.")
    with pytest.raises(harness.Miss, match="played already"):
        again.complete(HELLO)


def test_a_cassette_plays_streams_and_tasks_and_health_in_the_backend_s_own_types(path: Path) -> None:
    recording = RecordingBackend(Theirs(["a ", "b"], "text"), path, clock=harness.VirtualClock())
    assert recording.is_available() is True
    assert list(recording.stream_tokens(HELLO)) == ["a ", "b"]
    assert asyncio.run(recording.generate("Write.")).text == "text"
    recording.close()
    again = RecordingBackend(Theirs(), path, mode="none")
    assert again.is_available() is True
    assert list(again.stream_tokens(HELLO)) == ["a ", "b"]
    assert asyncio.run(again.generate("Write.")) == LLMResult(success=True, text="text", model="theirs", latency_ms=0)


def test_new_episodes_plays_what_is_there_and_asks_for_the_rest(path: Path) -> None:
    RecordingBackend(Theirs(*said("One.")), path).complete(HELLO)
    with RecordingBackend(Theirs(*said("Warm.")), path, mode="new_episodes") as recording:
        assert recording.complete(HELLO).narrative_text == "One."
        assert recording.complete(HELLO, temperature=1.5).narrative_text == "Warm."
    assert [it.reply.text for it in load(path) if it.reply] == ["One.", "Warm."]


@pytest.mark.parametrize("mode, kept", [("all", ["New."]), ("rewrite", ["New."])])
def test_all_asks_again(path: Path, mode: str, kept: list[str]) -> None:
    RecordingBackend(Theirs(*said("Old.")), path).complete(HELLO)
    RecordingBackend(Theirs(*said("New.")), path, mode=mode).complete(HELLO)
    assert [it.reply.text for it in load(path) if it.reply] == kept


def test_none_without_a_cassette_is_an_error_at_once(path: Path) -> None:
    with pytest.raises(CassetteNotFoundError):
        RecordingBackend(Theirs(), path, mode="none")
    with pytest.raises(ValueError, match="'often' is no record mode; the modes are none, once"):
        RecordingBackend(Theirs(), path, mode="often")


def test_a_cassette_that_cannot_be_read_is_never_overwritten(path: Path) -> None:
    path.write_text("interactions: {", "utf-8")
    with pytest.raises(CassetteError):
        RecordingBackend(Theirs(), path)
    assert path.read_text("utf-8") == "interactions: {"


def test_parameters_can_be_ignored_by_name(path: Path) -> None:
    RecordingBackend(Theirs(*said("One.")), path).complete(HELLO, temperature=0.9)
    again = RecordingBackend(Theirs(), path, ignore=["$.temperature"])
    assert again.complete(HELLO, temperature=0.2).narrative_text == "One."


def test_methods_of_its_own_ask_through_the_recording(path: Path) -> None:
    recording = RecordingBackend(Theirs(*said("Short.")), path)
    assert recording.summary("a long text") == "Short."
    (interaction,) = load(path)
    assert interaction.prompt is not None
    assert interaction.prompt.text == "Sum up: a long text"


def test_inside_a_record_session_it_writes_into_that_file_and_its_traffic_does_not(path: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    with loopback(Script.of(Act(("Hello", " there.")))) as peer:
        live = choose("openai", {"model": "scripted", "base_url": peer.base_url, "api_key": "", "timeout": 5.0})
        with harness.record(path) as session:
            recording = RecordingBackend(live, own)
            assert recording.is_available() is True
            assert list(recording.stream_tokens(HELLO)) == ["Hello", " there."]
            assert recording.complete(HELLO).narrative_text == "Hello there."
        assert len(session.history) == 3
    assert [it.request.url for it in load(path)] == [
        "native://backend/is_available",
        "native://backend/stream_tokens",
        "native://backend/complete",
    ]
    assert not own.exists()
    with harness.record(path) as session:  # once, and it is there: now it plays, with nobody to ask
        replaying = Theirs()
        replaying.model = "scripted"
        recording = RecordingBackend(replaying)
        assert list(recording.stream_tokens(HELLO)) == ["Hello", " there."]
        assert recording.complete(HELLO).narrative_text == "Hello there."
        assert recording.is_available() is True


def test_without_a_cassette_it_needs_a_session_around_it() -> None:
    with pytest.raises(SessionError, match="nowhere to write to: give it a cassette"):
        RecordingBackend(Theirs(*said("One."))).complete(HELLO)


def test_without_a_cassette_a_replay_around_it_answers_and_nobody_is_asked(path: Path) -> None:
    with harness.record(path):
        RecordingBackend(Theirs(*said("One."))).complete(HELLO)
    with harness.replay(path) as session:
        recording = RecordingBackend(Theirs())
        assert recording.complete(HELLO) == LLMResponse("One.")
        assert recording.is_available() is True
    assert session.history[0].outcome == "ok"


def test_inside_a_replay_it_has_its_own_cassette(path: Path) -> None:
    with harness.replay(lambda prompt: f"you said {prompt.text}") as session:
        RecordingBackend(session.backend(), path).complete(HELLO)
    assert len(load(path)) == 1


def test_a_failed_run_is_kept_aside(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), RecordingBackend(Theirs(*said("One.")), path) as recording:
        recording.complete(HELLO)
        raise ZeroDivisionError
    assert not path.exists()
    assert len(load(path.with_name("recorded.failed.yaml"))) == 1


def test_close_writes_and_closes_what_it_wraps(path: Path) -> None:
    inner = Theirs(*said("One."))
    recording = RecordingBackend(inner, path)
    with recording:
        recording.complete(HELLO)
    recording.close()
    assert inner.closed
    with pytest.raises(SessionError, match=r"recorded\.yaml is closed"):
        recording.complete(HELLO)
    assert recording.is_available() is False, "health never raises"


def test_what_was_not_closed_is_written_at_the_interpreter_s_exit(path: Path) -> None:
    code = f"""
        import harness
        class Theirs:
            def complete(self, messages):
                return harness.LLMResponse("One.")
        recording = harness.RecordingBackend(Theirs(), {str(path)!r}).__enter__()
        recording.complete([{{"role": "user", "content": "Hello?"}}])
        raise SystemExit("a crash")
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "a crash" in ran.stderr
    assert len(load(path)) == 1


def test_threads_write_one_cassette(path: Path) -> None:
    class Echo(Theirs):
        def complete(self, messages: Any, temperature: float = 0.7, **more: Any) -> Any:
            return LLMResponse(messages[0]["content"])

    with RecordingBackend(Echo(), path) as recording:
        threads = [
            threading.Thread(target=recording.complete, args=([{"role": "user", "content": str(number)}],))
            for number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {(it.prompt.text, it.reply.text) for it in load(path) if it.prompt and it.reply} == {
        (str(number), str(number)) for number in range(8)
    }


# --- whose words it understands


def test_the_contract_of_a_backend_is_found_where_its_classes_stand(path: Path, monkeypatch: Any) -> None:
    module = types.ModuleType("decoy_llm_base")
    exec(
        "class LLMTimeout(Exception): pass\n"
        "class LLMBackend:\n"
        "    def complete(self, messages): raise LLMTimeout('late')\n",
        vars(module),
    )
    monkeypatch.setitem(sys.modules, "decoy_llm_base", module)
    with pytest.raises(module.LLMTimeout):
        RecordingBackend(module.LLMBackend(), path).complete(HELLO)
    with harness.replay(path) as session, pytest.raises(LLMTimeout):
        session.backend().complete(HELLO)


def test_a_tool_call_that_they_take_out_in_a_way_of_their_own_comes_back(path: Path) -> None:
    response = LLMResponse('  Look: {"not": "a call"} ', {"tool": "move"}, "stop")
    RecordingBackend(Theirs(response), path).complete(HELLO)
    with harness.replay(path) as session:
        assert session.backend().complete(HELLO) == response


def test_text_with_json_in_it_that_was_no_tool_call_is_none_again(path: Path) -> None:
    response = LLMResponse('{"not": "a call"}', None, "stop")
    RecordingBackend(Theirs(response), path).complete(HELLO)
    with harness.replay(path) as session:
        assert session.backend().complete(HELLO) == response


def test_parameters_of_any_name_can_be_written(path: Path) -> None:
    RecordingBackend(Theirs(*said("One.")), path).complete(HELLO, tools=["move"], call=1, model="other")
    (interaction,) = load(path)
    assert interaction.prompt is not None
    assert (interaction.prompt.model, interaction.prompt.parameters) == ("other", {"tools_": ["move"], "call_": 1})


def test_a_bare_timeout_is_a_timeout_and_a_thread_s_progress_finds_its_call(path: Path) -> None:
    class Worker(Theirs):
        on_status: Any = None

        def complete(self, messages: Any, temperature: float = 0.7, **more: Any) -> Any:
            thread = threading.Thread(target=self.on_status, args=("warming up",))
            thread.start()
            thread.join()
            raise TimeoutError

    heard: list[str] = []
    recording = RecordingBackend(Worker(), path)
    recording.on_status = heard.append
    with pytest.raises(TimeoutError):
        recording.complete(HELLO)
    with harness.replay(path) as session:
        backend = session.backend()
        backend.on_status = heard.append
        with pytest.raises(LLMTimeout):
            backend.complete(HELLO)
    assert heard == ["warming up", "warming up"]


def test_a_hook_that_is_set_on_the_inner_backend_is_heard_and_given_back(path: Path) -> None:
    class Hooked(Theirs):
        on_status: Any = None

        def complete(self, messages: Any, temperature: float = 0.7, **more: Any) -> Any:
            self.on_status("busy")
            return LLMResponse("One.")

    heard: list[str] = []
    inner = Hooked()
    recording = RecordingBackend(inner, path)
    inner.on_status = heard.append
    recording.complete(HELLO)
    assert recording.on_status == heard.append
    recording.close()
    assert inner.on_status == heard.append
    assert heard == ["busy"]
    assert b"busy" in load(path).interactions[0].timeline.body


def test_a_countdown_before_a_retry_is_no_part_of_the_generation_that_is_capped(path: Path) -> None:
    limited = Act.failing(429, "rate-limit", retry_after_s=12.0)
    with harness.replay(Script.of(limited, Act(("fine",), gap_s=3)).source()) as session:
        recording = RecordingBackend(session.backend(timeout=5.0), path)
        assert recording.complete(HELLO).narrative_text == "fine"
        took: Nanos = session.clock.now()
    with harness.replay(path) as session:
        assert session.backend(timeout=5.0).complete(HELLO).narrative_text == "fine"
        assert session.clock.now() == took == 15 * 10**9


def test_it_is_shown_as_what_it_is_and_cannot_be_copied(path: Path) -> None:
    import copy

    recording = RecordingBackend(Theirs(), path)
    assert repr(recording).startswith("RecordingBackend(<")
    assert repr(recording).endswith(", cassette recorded.yaml)")
    assert {"summary", "complete", "close"} <= set(dir(recording))
    with pytest.raises(TypeError, match="neither copied nor pickled"):
        copy.copy(recording)
