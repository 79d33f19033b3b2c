"""fireside, an application with a chat contract of its own: words as they come, cancels, and a reader who sees why it
takes so long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fireside import llm as contract
from fireside.narrator import Narrator, Turn

import harness

ROOT = Path(__file__).parents[2]
CASSETTE = ROOT / "cassettes" / "narrator.yaml"
SCENARIO = ROOT / "scenarios" / "narrator.yaml"
MODEL = "smollm2-135m-instruct"


class Screen:
    """What a reader sees: the story as it is typed, and the line below it."""

    def __init__(self) -> None:
        self.typed: list[str] = []
        self.lines: list[tuple[int, str]] = []
        self.pressed: Callable[[], bool] = lambda: False
        self.stop = threading.Event()
        self._since = time.monotonic()

    def type(self, text: str) -> None:
        self.typed.append(text)
        if self.pressed():
            self.stop.set()

    def status(self, text: str) -> None:
        self.lines.append((round(time.monotonic() - self._since), text))


def told(turn: Turn, screen: Screen) -> str:
    """One turn as its reader saw it, and what the story keeps of it."""
    lines = [turn.ended, f"  typed in {len(screen.typed)} pieces: {''.join(screen.typed)!r}"]
    lines += [f"  kept: {sentence!r}" for sentence in turn.committed]
    lines += [f"  call: {turn.tool_call!r}"] * (turn.tool_call is not None)
    lines += [f"  {at}s {text}" for at, text in screen.lines]
    return "\n".join(lines)


def evening(backend: Any) -> str:
    """Three turns; in the second one the reader presses stop after the second full stop."""
    narrator, turns = None, []
    for said in ("A clockmaker finds a key in the snow.", "He tries the key.", "What is behind the door?"):
        screen = Screen()
        backend.cancel_event = screen.stop
        if said == "He tries the key.":
            screen.pressed = lambda screen=screen: "".join(screen.typed).count(".") >= 2  # type: ignore[misc]
        narrator = narrator or Narrator(backend, screen.type, screen.status)
        narrator.typewriter = screen.type
        turns.append(told(narrator.turn(said), screen))
    return "\n\n".join(turns)


def live_backend(url: str) -> Any:
    return harness.get_backend("openai", model=MODEL, base_url=url, contract=contract, api_key="")


def replayed(path: Path = CASSETTE) -> str:
    with harness.replay(path) as session:
        return evening(session.backend(contract=contract, model=MODEL))


def test_an_evening_with_the_recorded_model(transcript_snapshot: Any) -> None:
    assert replayed() == transcript_snapshot


def test_it_is_typed_as_it_was_said_and_a_cancel_keeps_what_was_done() -> None:
    first, second, _ = replayed().split("\n\n")
    assert "typed in" in first
    assert not first.startswith("cancelled")
    assert second.startswith("cancelled")
    assert second.count("kept:") == 1, "the second sentence was on its way when the reader pressed stop"


@pytest.mark.live
@pytest.mark.parametrize("wire", [True, False], ids=["on the wire", "at the contract"])
def test_live_recorded_and_replayed_it_is_the_same(live_url: str, wire: bool, tmp_path: Path) -> None:
    path = tmp_path / "narrator.yaml"
    live = evening(live_backend(live_url))
    if wire:
        with harness.record(path):
            recorded = evening(live_backend(live_url))
    else:
        with harness.RecordingBackend(live_backend(live_url), path) as recording:
            assert isinstance(recording, contract.LLMBackend)
            recorded = evening(recording)
    assert live == recorded == replayed(path) == replayed()


@pytest.mark.parametrize("case", [None, "busy", "cancelled", "cancelled-while-it-waits", "lost", "torn-block"], ids=str)
def test_a_turn_of_a_scenario(case: str | None, transcript_snapshot: Any) -> None:
    with harness.scenario(SCENARIO, case) as session:
        screen = Screen()
        backend = session.backend(contract=contract, model=MODEL)
        backend.cancel_event = screen.stop
        turn = Narrator(backend, screen.type, screen.status).turn("He tries the key.")
    assert f"{told(turn, screen)}\n\n{session.transcript()}" == transcript_snapshot


def test_the_block_is_never_typed_and_the_story_goes_on_without_it() -> None:
    with harness.scenario(SCENARIO) as session:
        screen = Screen()
        narrator = Narrator(session.backend(contract=contract, model=MODEL), screen.type, screen.status)
        turn = narrator.turn("He tries the key.")
    assert "".join(screen.typed) == "The key turns. Snow falls. "
    assert turn.tool_call == {"tool": "open", "what": "door"}
    assert narrator.messages[-1] == {"role": "assistant", "content": "The key turns. Snow falls."}


def test_a_countdown_is_shown_while_nobody_waits() -> None:
    started = time.perf_counter()
    with harness.scenario(SCENARIO, "busy") as session:
        screen = Screen()
        turn = Narrator(session.backend(contract=contract, model="m"), screen.type, screen.status).turn("The key.")
    assert turn.ended == "told"
    assert [at for at, _ in screen.lines] == [0, 5, 10]
    assert screen.lines[-1][1] == "… retry in 2s"
    assert time.perf_counter() - started < 10
