"""The contract suite on ReplayBackends that play a scenario: what a script says is written down as YAML first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.testing import PROMISES, Act, CannotPlayError, MakeBackend, Script, check_backend

TIMEOUT_S = 5.0
PROBLEMS = {429: "http-429-rate-limit", 500: "http-500-server-error", 503: "http-503-overloaded"}


def reply(act: Act) -> dict[str, Any]:
    """One act as an item of a sequence."""
    if act.garbage:
        message = "a scenario does not say nonsense yet"
        raise CannotPlayError(message)
    if act.refused:
        return {"text": "never heard", "fault": "connect-refused"}
    if act.problem is not None:
        wait = f"{act.problem.retry_after_s}s" if act.problem.retry_after_s else "none"
        return {"fault": {"kind": PROBLEMS[act.problem.status or 0], "retry_after": wait}}
    said: dict[str, Any] = {"chunks": list(act.pieces)} if act.pieces else {"text": ""}
    if act.tool is not None:
        message = "a native tool call is an error at a contract without a wire"
        raise CannotPlayError(message)
    gap = f"{act.gap_s}s"
    return {**said, "finish": act.finish, "timing": {"ttft": gap, "per_token": gap}}


def broken(act: Act) -> list[dict[str, Any]]:
    """What goes wrong after the last token of the first act."""
    last = f"call=1/token={len(act.pieces)}"
    if act.then == "reset":
        return [{"at": last, "kind": "reset-mid-stream"}]
    if act.then == "stall":
        return [{"at": last, "kind": "stall-mid-stream", "for": f"{act.stall_s}s"}]
    return []


def document(script: Script) -> dict[str, Any]:
    acts = [reply(act) for act in script.acts]
    return {
        "harness": 1,
        "name": "script",
        "available": script.available,
        "calls": [{"id": "say", "when": {"user": {"contains": "Say"}}, "sequence": acts, "then": "last"}],
        "cases": [{"id": "as-written", "faults": broken(script.act(0))}],
    }


def playing(folder: Path) -> MakeBackend:
    @contextmanager
    def make(script: Script) -> Iterator[Any]:
        file = folder / "script.yaml"
        file.write_text(json.dumps(document(script)), "utf-8")
        with harness.scenario(file, "as-written", unplayed="ignore") as session:
            yield session.backend(timeout=TIMEOUT_S)

    return make


def test_a_scenario_keeps_every_promise_that_it_can_play(tmp_path: Path) -> None:
    report = check_backend(playing(tmp_path))
    assert [id_ for id_, _ in report.skipped] == ["nonsense-is-a-parse-error", "a-tool-call-of-the-wire-is-one"]
    assert len(report.kept) == len(PROMISES) - 2


@pytest.mark.parametrize("case", [None, "stall", "reset"])
def test_the_shipped_scenario_plays_at_a_backend(case: str | None) -> None:
    file = Path(__file__).parents[2] / "scenarios" / "rate-limit.yaml"
    with harness.scenario(file, case) as session:
        backend = session.backend(model="gemini-main")
        ask: Any = [{"role": "user", "content": "What is the weather in Paris?"}]
        if case is None:
            assert backend.complete(ask).narrative_text == "It is 21 degrees and sunny in Paris."
        else:
            with pytest.raises(harness.LLMConnectionError):
                backend.complete(ask)
