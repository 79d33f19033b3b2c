"""The contract suite on what records and on what was recorded: each backend of the repository is recorded while the
suite tries it, and then the suite tries the replay of those very recordings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import harness
from harness.clock import WallClock
from harness.live import choose
from harness.model import as_seconds
from harness.testing import PROMISES, CannotPlayError, MakeBackend, Report, Script, check_backend, loopback

TIMEOUT_S = 5.0
RATE = 15.0
HEALTH = ["available-when-up", "unavailable-when-down"]


def replay(source: Any, **options: Any) -> MakeBackend:
    @contextmanager
    def make(script: Script) -> Iterator[Any]:
        with harness.replay(source(script), unplayed="ignore") as session:
            session.available = (script.available,)
            yield session.backend(timeout=TIMEOUT_S, model="scripted", **options)

    return make


def live_in_virtual_time(name: str) -> MakeBackend:
    @contextmanager
    def make(script: Script) -> Iterator[Any]:
        with harness.replay(script.source(), unplayed="ignore"):
            yield choose(name, {"model": "scripted", "base_url": "http://model.test", "timeout": TIMEOUT_S})

    return make


def live_over_a_socket(script: Script) -> Any:
    @contextmanager
    def made() -> Iterator[Any]:
        with loopback(script, rate=RATE) as peer:
            settings = {"model": "scripted", "base_url": peer.base_url, "timeout": TIMEOUT_S, "api_key": ""}
            yield choose("openai", {**settings, "clock": WallClock(RATE)})

    return made()


def fake(script: Script) -> Any:
    act = script.act(0)
    if act.gap_s or act.then != "end" or act.finish != "stop" or act.refused or act.garbage or act.tool or act.problem:
        message = "the fake backend says its text, and at once"
        raise CannotPlayError(message)
    options = {"pieces": act.pieces, "available": script.available, "timeout": TIMEOUT_S, "model": "scripted"}
    return nullcontext(choose("fake", options))


def recording(inner: MakeBackend, folder: Path, **options: Any) -> MakeBackend:
    """`inner`, recorded; every backend that the suite asks for has a cassette of its own, by its number."""
    numbers = iter(range(1000))

    @contextmanager
    def make(script: Script) -> Iterator[Any]:
        path = folder / f"{next(numbers)}.yaml"
        try:
            opened = inner(script)
        except CannotPlayError as reason:
            path.with_suffix(".txt").write_text(str(reason), "utf-8")
            raise
        with opened as backend, harness.RecordingBackend(backend, path, **options) as recorded:
            yield recorded

    return make


def replaying(folder: Path, **options: Any) -> MakeBackend:
    """What was recorded for the same demand of the same promise. Of a promise that asks nothing there is nothing."""
    numbers = iter(range(1000))

    @contextmanager
    def make(script: Script) -> Iterator[Any]:
        path = folder / f"{next(numbers)}.yaml"
        if path.with_suffix(".txt").exists():
            raise CannotPlayError(path.with_suffix(".txt").read_text("utf-8"))
        source = harness.load(path) if path.exists() else harness.Cassette()
        with harness.replay(source, unplayed="ignore") as session:
            yield session.backend(timeout=TIMEOUT_S, model="scripted", **options)

    return make


def both(
    inner: MakeBackend, folder: Path, *, contract: Any = None, recorder: Any = None, **options: Any
) -> tuple[Report, Report]:
    """The reports of the recording and of the replay of what it recorded."""
    asked = {"contract": contract, "skip": options.pop("skip", ())}
    recorded = check_backend(recording(inner, folder, **(recorder or {})), **asked, **options)
    options.pop("now", None)
    return recorded, check_backend(replaying(folder, contract=contract), **asked, **options)


@pytest.mark.parametrize("source", [Script.source, Script.cassette], ids=["memory", "native cassette"])
def test_a_recorded_replay_keeps_every_promise_and_so_does_its_recording(source: Any, tmp_path: Path) -> None:
    recorded, replayed = both(replay(source), tmp_path)
    assert len(recorded.kept) == len(replayed.kept) == len(PROMISES)
    assert len(list(tmp_path.iterdir())) > len(PROMISES) / 2


@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini", "ollama"])
def test_a_recorded_live_backend_keeps_every_promise_and_so_does_its_recording(name: str, tmp_path: Path) -> None:
    recorded, replayed = both(live_in_virtual_time(name), tmp_path, skip=HEALTH)
    assert len(recorded.kept) == len(replayed.kept) == len(PROMISES) - len(HEALTH)


@pytest.mark.slow
def test_a_live_backend_recorded_over_a_socket_keeps_every_promise_and_so_does_its_recording(
    tmp_path: Path, unhurried: Any
) -> None:
    def check() -> tuple[Report, Report]:
        clock = WallClock(RATE)
        options = {"now": lambda: as_seconds(clock.now()), "retry_after_s": 6.5, "recorder": {"clock": WallClock(RATE)}}
        return both(live_over_a_socket, tmp_path / f"{RATE}", **options)

    recorded, replayed = unhurried(check)
    assert len(recorded.kept) == len(replayed.kept) == len(PROMISES)


def test_the_recorded_fake_backend_keeps_what_it_can_be_asked(tmp_path: Path) -> None:
    recorded, replayed = both(fake, tmp_path)
    assert len(recorded.kept) >= 20
    assert recorded == replayed


class TheirError(Exception):
    pass


class TheirConnectionError(TheirError):
    pass


class TheirTimeout(TheirError):  # noqa: N818
    pass


class TheirCancelled(Exception):  # noqa: N818 - a contract's own name
    pass


THEIRS = SimpleNamespace(
    LLMConnectionError=TheirConnectionError, LLMTimeout=TheirTimeout, GenerationCancelled=TheirCancelled
)


def test_a_recording_in_the_types_of_another_contract_keeps_every_promise(tmp_path: Path) -> None:
    recorded, replayed = both(replay(Script.source, contract=THEIRS), tmp_path, contract=THEIRS)
    assert recorded.kept == replayed.kept
    assert len(recorded.kept) == len(PROMISES)
