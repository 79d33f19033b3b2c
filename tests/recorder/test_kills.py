"""kill -9 at any moment of recording or saving: what the consumer had is in the cassette, or `recover` puts it in."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import harness
from harness.clock import WallClock
from harness.matching import Redaction
from harness.model import Interaction
from harness.recorder import orphans, recover
from tests.recorder.recording_process import CALLS, SECRET, body

MODULE = "tests.recorder.recording_process"
ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 and fork are things of POSIX")


class Killer:
    """Starts a recording and kills it after a while."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def kill(self, folder: Path, seed: int, after_ns: int) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        folder.mkdir()
        self._process.stdin.write(f"{folder} {seed}\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        clock = WallClock()
        clock.wait_until(after_ns)  # type: ignore[arg-type]
        os.kill(child, signal.SIGKILL)
        assert int(self._process.stdout.readline()) == -signal.SIGKILL


@contextmanager
def killer() -> Iterator[Killer]:
    command = [sys.executable, "-m", MODULE]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environ
    ) as process:
        yield Killer(process)
        assert process.stdin is not None
        process.stdin.close()


class Told:
    """What the recording process told before it was killed."""

    def __init__(self, folder: Path) -> None:
        told = folder / "told"
        lines = [line.split() for line in (told.read_text().splitlines() if told.exists() else [])]
        self.asked = [
            (int(c), int(n)) for word, c, n, *_ in (line for line in lines if len(line) > 2) if word == "asked"
        ]
        self.ended = {(int(line[1]), int(line[2])) for line in lines if line[0] == "ended"}
        self.had = {(int(line[1]), int(line[2])): int(line[3]) for line in lines if line[0] == "had"}
        self.saved = {int(line[1]) for line in lines if line[0] == "saved"}
        self.phase = lines[-1][0] if lines else "nothing"


def survivors(folder: Path) -> tuple[dict[tuple[int, int], Interaction], list[str]]:
    """Every call that is on the disk after recovering, and what recovering did."""
    done = [one for journal in orphans(folder) for one in recover(journal)]
    assert orphans(folder) == []
    assert [p.name for p in folder.iterdir() if p.suffix == ".tmp"] == []
    found: dict[tuple[int, int], Interaction] = {}
    for path in sorted(folder.glob("*.yaml")):
        for interaction in harness.load(path):
            found[_name(interaction)] = interaction
    return found, ["recovered" if one.cassette else "nothing to do" for one in done]


def _name(interaction: Interaction) -> tuple[int, int]:
    cycle, call = re.findall(r"\d+", interaction.request.url)[-2:]
    return int(cycle), int(call)


def check(folder: Path) -> list[str]:
    """Nothing that the consumer had is gone, and nothing is there that was never said. Returns where it was killed."""
    assert all(SECRET[8:] not in path.read_text() for path in folder.glob("*.journal"))
    told = Told(folder)
    found, did = survivors(folder)
    for name in told.asked:
        assert name in found, f"the request {name} is lost"
    for name, interaction in found.items():
        whole = Redaction.default().data(b"".join(body(*name)))
        timeline = interaction.timeline
        assert whole.startswith(timeline.body)
        had = b"".join(body(*name))[: told.had.get(name, 0)]
        assert len(timeline.body) >= len(Redaction.default().data(had)) - _withheld(had), f"{name} has lost something"
        assert timeline.end == "eof" if name in told.ended else timeline.end in {"eof", "open"}
        assert (timeline.end == "eof") <= (timeline.body == whole)
    for cycle in told.saved:
        assert {(cycle, call) for call in range(CALLS)} <= set(found)
    return [told.phase, *did]


def _withheld(had: bytes) -> int:
    """What may yet become a secret is not written before it is decided: here the half of a key."""
    return len(had) - max(had.rfind(b"data: "), had.rfind(b"\n\n")) if not had.endswith(b"\n\n") else 0


def kill_and_check(folder: Path, times: int, seed: int) -> Counter[str]:
    dice = random.Random(seed)
    seen: Counter[str] = Counter()
    with killer() as armed:
        for number in range(times):
            armed.kill(folder / str(number), number, dice.randrange(1_000_000, 120_000_000))
            seen.update(check(folder / str(number)))
    return seen


def test_what_the_consumer_had_survives_twelve_kills(tmp_path: Path) -> None:
    seen = kill_and_check(tmp_path, 12, seed=12)
    assert seen["recovered"] > 3, seen


@pytest.mark.crash
def test_what_the_consumer_had_survives_two_hundred_kills(tmp_path: Path) -> None:
    seen = kill_and_check(tmp_path, 200, seed=200)
    print(f"killed after: {dict(seen)}")
    assert seen["recovered"] > 100, seen
    assert seen["saving"] > 10, seen
