"""`ollama run` recorded at the contract: a backend with no wire has a cassette all the same, and it keeps every promise
that the command itself keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import harness
from harness.clock import WallClock
from harness.model import as_seconds
from harness.testing import CannotPlayError, Report, Script, check_backend

RATE = 10.0


def test_a_recorded_command_and_the_replay_of_it_keep_what_the_command_keeps(
    stand_in: Any, tmp_path: Path, unhurried: Any
) -> None:
    def check() -> tuple[Report, Report]:
        clock = WallClock(RATE)
        cassettes: list[Path | str] = []

        @contextmanager
        def record(script: Script) -> Iterator[Any]:
            for act in script.acts:
                if act.then == "reset" or act.finish != "stop" or act.refused or act.garbage or act.tool or act.problem:
                    cassettes.append("a command does not say that")
                    raise CannotPlayError(cassettes[-1])
            stand_in.plays(
                *(
                    {"pieces": act.pieces, "stall_s": act.stall_s / RATE, "gap_s": act.gap_s / RATE}
                    for act in script.acts
                )
            )
            if not script.available:
                (stand_in.home / "plan.json").unlink()
            path = tmp_path / f"{RATE}-{len(cassettes)}.yaml"
            cassettes.append(path)
            inner = harness.get_backend("ollama", model="scripted", timeout=5.0, clock=clock)
            with harness.RecordingBackend(inner, path, clock=clock) as recording:
                yield recording

        @contextmanager
        def replay(script: Script) -> Iterator[Any]:
            place = cassettes.pop(0)
            if isinstance(place, str):
                raise CannotPlayError(place)
            source = harness.load(place) if place.exists() else harness.Cassette()
            with harness.replay(source, unplayed="ignore") as session:
                yield session.backend(timeout=5.0, model="scripted")

        return check_backend(record, now=lambda: as_seconds(clock.now())), check_backend(replay)

    recorded, replayed = unhurried(check)
    assert recorded == replayed
    assert len(recorded.kept) >= 30
