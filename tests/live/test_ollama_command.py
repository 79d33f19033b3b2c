"""`ollama run` as a subprocess: what is asked of it, what is made of what it prints, and that nothing survives it."""

from __future__ import annotations

import asyncio
import os
import select
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.clock import WallClock
from harness.contract import GenerationCancelled, LLMResult, LLMTimeout
from harness.live._terminal_text import LastLines, TerminalText, plain
from harness.model import as_seconds
from harness.testing import CannotPlayError, Report, Script, check_backend

HELLO = [{"role": "user", "content": "Hello?"}]
RATE = 10.0


def generated(prompt: str = "Hello?", **options: Any) -> LLMResult:
    result = asyncio.run(harness.get_backend("ollama", model="m", **options).generate(prompt))
    assert isinstance(result, LLMResult)
    return result


def test_the_prompt_goes_to_standard_input_which_is_closed(stand_in: Any) -> None:
    stand_in.plays({"pieces": ["Hi ", "there."]})
    result = generated("Say “hi”\n--verbose")
    assert (result.success, result.text, result.model, result.extra) == (True, "Hi there.", "m", {})
    (asked,) = stand_in.asked()
    assert asked["argv"][1:] == ["run", "m", "--nowordwrap"]
    assert asked["stdin"] == "Say “hi”\n--verbose"
    assert asked["session"], "without a session of its own its children cannot be killed"


def test_several_messages_are_a_transcript(stand_in: Any) -> None:
    stand_in.plays({"pieces": ["Yes."]})
    backend = harness.get_backend("ollama", model="m")
    system = {"role": "system", "content": "Be brief."}
    backend.complete([system, *HELLO])
    backend.complete([system, *HELLO, {"role": "assistant", "content": "Hi."}, {"role": "user", "content": "Well?"}])
    assert [asked["stdin"] for asked in stand_in.asked()] == [
        "Be brief.\n\nHello?",
        "Be brief.\n\nUser: Hello?\n\nAssistant: Hi.\n\nUser: Well?\n\nAssistant:",
    ]


def test_json_is_asked_for_by_its_option_and_what_has_none_is_told(stand_in: Any) -> None:
    stand_in.plays({"pieces": ["{}"]})
    backend = harness.get_backend("ollama", model="m")
    heard: list[str] = []
    backend.on_status = heard.append
    backend.complete(HELLO, response_format="json", max_tokens=5, temperature=0.1)
    assert stand_in.asked()[0]["argv"][-2:] == ["--format", "json"]
    assert heard == ["`ollama run` does not take max_tokens, temperature"]


def test_tokens_come_as_they_are_printed(stand_in: Any) -> None:
    stand_in.plays({"pieces": ["One ", "two ", "three."], "gap_s": 0.05})
    backend = harness.get_backend("ollama", model="m")
    assert list(backend.stream_tokens(HELLO)) == ["One ", "two ", "three."]
    assert backend.last_finish_reason == "stop"


def test_a_long_prompt_and_a_long_answer_do_not_block_each_other(stand_in: Any) -> None:
    stand_in.plays({"pieces": ["word " * 100_000]})
    assert generated("x" * 1_000_000).text == "word " * 100_000
    assert len(stand_in.asked()[0]["stdin"]) == 1_000_000


ESCAPED = "\x1b[?25l\x1b[1G⠋ \x1b[K\x1b[?25h\x1b]0;title\x07Hé\x1b[1mllo\x1b[0m ⠋⠙ \n\x1b[2K\r⠙ \rthere\x1b[?25h"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_no_escape_code_and_no_spinner_is_in_the_text_however_it_is_cut(size: int) -> None:
    data = ESCAPED.encode()
    text = TerminalText()
    said = "".join(text.feed(data[at : at + size]) for at in range(0, len(data), size)) + text.close()
    assert said == "Héllo ⠋⠙ \nthere"


def test_text_is_not_held_back_for_longer_than_it_is_in_doubt() -> None:
    text = TerminalText()
    assert text.feed(b"Hello \x1b[") == "Hello "
    assert text.feed(b"0mthere") == "there"
    assert text.close() == ""
    assert plain(b"cut short \x1b[3") == "cut short "


def test_only_the_empty_line_that_the_command_adds_is_taken_off() -> None:
    for told, kept in [("a\n\n", "a"), ("a\n\n\n", "a\n"), ("a\n", "a\n"), ("a\n\nb\n\n", "a\n\nb")]:
        lines = LastLines()
        assert "".join(map(lines.feed, told)) + lines.close() == kept


def test_the_answer_is_free_of_them_end_to_end(stand_in: Any) -> None:
    stand_in.plays({"pieces": [ESCAPED.encode()[:5], ESCAPED.encode()[5:]]})
    assert generated().text == "Héllo ⠋⠙ \nthere"


def test_a_non_zero_exit_is_a_soft_failure_with_what_is_known(stand_in: Any) -> None:
    stand_in.plays({"rc": 1, "stderr": "Error: pull model manifest: " + "x" * 400})
    result = generated()
    assert not result.success
    assert result.extra["rc"] == 1
    assert result.extra["stderr"] == ("Error: pull model manifest: " + "x" * 400)[:256]


def test_a_failure_after_some_text_is_a_failure(stand_in: Any) -> None:
    stand_in.plays({"pieces": ["Half an"], "rc": 1, "stderr": "Error: unexpected EOF"})
    result = generated()
    assert (result.success, result.text, result.extra["rc"]) == (False, "Half an", 1)
    backend = harness.get_backend("ollama", model="m")
    assert backend.complete(HELLO).finish_reason == "error"


@pytest.mark.parametrize("pieces", [[], [" \n"]])
def test_an_empty_answer_is_a_soft_failure(stand_in: Any, pieces: list[str]) -> None:
    stand_in.plays({"pieces": pieces})
    result = generated()
    assert (result.success, result.extra["rc"], result.extra["stderr"]) == (False, 0, "")


def test_a_missing_binary_is_a_soft_failure_with_127(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = generated()
    assert (result.success, result.text) == (False, "")
    assert result.extra == {"rc": 127, "stderr": "argv[0] not found: ollama"}
    backend = harness.get_backend("ollama", model="m")
    assert (backend.complete(HELLO).finish_reason, backend.is_available()) == ("error", False)


def test_secrets_on_standard_error_are_not_passed_on(stand_in: Any) -> None:
    key = "sk-ant-api03-" + "a1B2" * 20
    stand_in.plays({"rc": 1, "stderr": f"Error: bad key {key}"})
    assert key not in generated().extra["stderr"]


@contextmanager
def child(tmp_path: Path) -> Iterator[tuple[str, Any]]:
    """A FIFO that the stand-in's own child holds open, and a function that is True once that child is dead."""
    fifo = tmp_path / "held by the child".replace(" ", "-")
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)

    def is_dead() -> bool:
        said = b""
        while select.select([reader], [], [], 5)[0]:
            data = os.read(reader, 100)
            if not data:
                return said == b"up\n"
            said += data
        return False

    try:
        yield str(fifo), is_dead
    finally:
        os.close(reader)


def test_past_its_timeout_it_is_killed_with_its_children(stand_in: Any, tmp_path: Path) -> None:
    with child(tmp_path) as (fifo, is_dead):
        stand_in.plays({"pieces": ["so far"], "gap_s": 0.2, "child": fifo, "stall_s": 60})
        with pytest.raises(LLMTimeout, match="6 characters had arrived"):
            generated(timeout=0.6)
        assert is_dead()


def test_when_cancelled_it_is_killed_with_its_children(stand_in: Any, tmp_path: Path) -> None:
    with child(tmp_path) as (fifo, is_dead):
        stand_in.plays({"pieces": ["one ", "two "], "gap_s": 0.2, "child": fifo, "stall_s": 60})
        backend = harness.get_backend("ollama", model="m")
        backend.cancel_event = threading.Event()
        tokens: list[str] = []
        with pytest.raises(GenerationCancelled):
            for token in backend.stream_tokens(HELLO):
                tokens.append(token)
                backend.cancel_event.set()
        assert tokens == ["one "]
        assert is_dead()


def test_a_stream_that_is_closed_kills_it_too(stand_in: Any, tmp_path: Path) -> None:
    with child(tmp_path) as (fifo, is_dead):
        stand_in.plays({"pieces": ["one "], "gap_s": 0.2, "child": fifo, "stall_s": 60})
        with closing(harness.get_backend("ollama", model="m").stream_tokens(HELLO)) as stream:
            assert next(stream) == "one "
        assert is_dead()


def test_a_cancelled_task_kills_it_and_leaves_the_backend_usable(stand_in: Any, tmp_path: Path) -> None:
    backend = harness.get_backend("ollama", model="m")

    async def cancel_and_ask_again() -> Any:
        said: asyncio.Queue[str] = asyncio.Queue()

        async def listen() -> None:
            async for token in backend.astream_tokens(HELLO):
                said.put_nowait(token)

        task = asyncio.create_task(listen())
        assert await said.get() == "one "
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await backend.generate("again")

    with child(tmp_path) as (fifo, is_dead):
        stalling = {"pieces": ["one "], "gap_s": 0.2, "child": fifo, "stall_s": 60}
        stand_in.plays(stalling, {"pieces": ["fine"]})
        assert asyncio.run(cancel_and_ask_again()).text == "fine"
        assert is_dead()


def test_a_child_that_keeps_the_pipe_does_not_keep_the_caller(stand_in: Any, tmp_path: Path) -> None:
    with child(tmp_path) as (fifo, is_dead):
        stand_in.plays({"pieces": ["done"], "gap_s": 0.2, "child": fifo})
        assert generated(timeout=20).text == "done"
        assert is_dead()


def test_health_asks_the_binary(stand_in: Any) -> None:
    backend = harness.get_backend("ollama", model="m")
    assert not backend.is_available()
    stand_in.plays({})
    assert backend.is_available()


def test_options_that_only_http_has_are_refused() -> None:
    with pytest.raises(TypeError, match=r"no api_key, fallback_model: pass base_url=\.\.\. or set HARNESS_BASE_URL"):
        harness.get_backend("ollama", model="m", api_key="k", fallback_model="n")
    with pytest.raises(ValueError, match="'--help' is an option"):
        harness.get_backend("ollama", model="--help")


def playing(stand_in: Any) -> Any:
    def make(script: Script) -> Any:
        plans = []
        for act in script.acts:
            if act.then == "reset" or act.finish != "stop" or act.refused or act.garbage or act.tool or act.problem:
                message = "a command has an exit code and an output, and neither says that"
                raise CannotPlayError(message)
            stall_s = act.stall_s if act.then == "stall" else 0
            plans.append({"pieces": act.pieces, "gap_s": act.gap_s / RATE, "stall_s": stall_s / RATE})
        stand_in.plays(*plans)
        if not script.available:
            (stand_in.home / "plan.json").unlink()
        return harness.get_backend("ollama", model="scripted", timeout=5.0, clock=WallClock(RATE))

    return make


def test_the_command_keeps_every_promise_that_it_can_be_asked(stand_in: Any, unhurried: Any) -> None:
    def check() -> Report:
        clock = WallClock(RATE)
        return check_backend(playing(stand_in), now=lambda: as_seconds(clock.now()))

    report = unhurried(check)
    kept = {"timeout-is-never-empty", "timeout-comes-at-the-cap", "a-part-is-no-answer", "generate-may-be-cancelled"}
    assert kept <= set(report.kept)
    assert len(report.kept) >= 30
    assert {why for _, why in report.skipped} == {"a command has an exit code and an output, and neither says that"}
