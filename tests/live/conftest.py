"""What live backends are tried against: a stand-in for the `ollama` binary, and models that answer in virtual time.

No `ollama` binary can be had here; what the stand-in does is what that one's source says it does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.model import Head, Headers, Interaction, Request, Timeline
from harness.spec import Found

_PROGRAM = """\
#!{python} -IS
import json, os, subprocess, sys, time
home = {home!r}
if sys.argv[1] == "list":
    sys.exit(0 if os.path.exists(home + "/plan.json") else 1)
asked = {{"argv": sys.argv, "stdin": sys.stdin.read(), "session": os.getsid(0) == os.getpid()}}
with open(home + "/asked.jsonl", "a") as log:
    log.write(json.dumps(asked) + "\\n")
plans = json.load(open(home + "/plan.json"))
plan = plans[min(sum(1 for _ in open(home + "/asked.jsonl")), len(plans)) - 1]
out, err = sys.stdout.buffer, sys.stderr.buffer
err.write("\\x1b[?25l\\x1b[1G⠋ \\x1b[K\\x1b[?25h\\x1b[?25l\\x1b[1G⠙ \\x1b[K\\x1b[?25h".encode())
err.flush()
if plan.get("child"):
    subprocess.Popen(["sh", "-c", "echo up > " + plan["child"] + "; exec sleep 60 3>" + plan["child"]])
for piece in plan.get("pieces", []):
    time.sleep(plan.get("gap_s", 0))
    out.write(bytes.fromhex(piece))
    out.flush()
time.sleep(plan.get("stall_s", 0))
if not plan.get("rc"):
    out.write(b"\\n\\n")
err.write(plan.get("stderr", "").encode())
sys.exit(plan.get("rc", 0))
"""


@dataclass(frozen=True, slots=True)
class StandIn:
    """The binary on the PATH, and what it was asked."""

    home: Path

    def plays(self, *plans: dict[str, Any]) -> None:
        """Play these, run by run; the last one for every further run. `pieces` are bytes or text."""
        told = [{**plan, "pieces": [_hex(piece) for piece in plan.get("pieces", ())]} for plan in plans]
        (self.home / "plan.json").write_text(json.dumps(told))
        (self.home / "asked.jsonl").unlink(missing_ok=True)

    def asked(self) -> list[dict[str, Any]]:
        """Arguments and standard input of every run so far."""
        log = self.home / "asked.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def _hex(piece: str | bytes) -> str:
    return (piece.encode() if isinstance(piece, str) else piece).hex()


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    home = tmp_path / "bin"
    home.mkdir()
    program = home / "ollama"
    program.write_text(_PROGRAM.format(python=sys.executable, home=str(home)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(home), prepend=":")
    return StandIn(home)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable that a live backend reads is set."""
    names = ["HARNESS_BACKEND", "HARNESS_MODEL", "HARNESS_BASE_URL", "HARNESS_TIMEOUT", "OPENAI_BASE_URL"]
    names += ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "GEMINI_API_KEY", "GOOGLE_API_KEY"]
    for name in [*names, "OLLAMA_API_KEY", "OLLAMA_HOST"]:
        monkeypatch.delenv(name, raising=False)


@dataclass(slots=True)
class Canned:
    """Answers of one's own to whatever is asked, and what was asked."""

    answers: list[Timeline]
    name: str = "canned"
    asked: list[Request] = field(default_factory=list)

    def find(self, request: Request) -> Found:
        """The next answer; the last one stays."""
        timeline = self.answers[min(len(self.asked), len(self.answers) - 1)]
        self.asked.append(request)
        return Found(Interaction(request, timeline), "function")

    def unplayed(self) -> Sequence[str]:
        """Nothing: it is no promise that somebody asks."""
        return ()

    def bodies(self) -> list[Any]:
        """The bodies of the requests so far."""
        return [json.loads(request.body) for request in self.asked]


@dataclass(frozen=True, slots=True)
class World:
    """A model in virtual time: what it was asked, and how late it is, in seconds."""

    source: Canned
    session: Any

    @property
    def asked(self) -> list[Request]:
        return self.source.asked

    @property
    def bodies(self) -> list[Any]:
        return self.source.bodies()

    def now(self) -> float:
        return float(self.session.clock.now() / 1e9)


def answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Timeline:
    """A whole answer: JSON, text as it is, or bytes."""
    kind = "text/html" if isinstance(body, str) and body.startswith("<") else "application/json"
    pairs = {"content-type": kind, **(headers or {})}
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Timeline.of(Head(status, Headers.of(pairs.items())), [data])


@pytest.fixture
def answering() -> Callable[..., AbstractContextManager[World]]:
    """`with answering(body, (body, status), (body, status, headers)) as world:` a model that answers these in turn."""

    @contextmanager
    def opened(*answers: Any) -> Iterator[World]:
        source = Canned([told if isinstance(told, Timeline) else answer(*_tuple(told)) for told in answers])
        with harness.replay(source) as session:
            yield World(source, session)

    return opened


def _tuple(told: Any) -> tuple[Any, ...]:
    return told if isinstance(told, tuple) else (told,)
