"""The transcript is a promise to every snapshot that somebody committed: these change only on purpose."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

import harness
from harness.model import Cassette

HERE = Path(__file__).parents[2]
AT_THE_CONTRACT = {"email"}  # no client asks for these: tests/drivers does
CASSETTES = sorted({path.stem for path in (HERE / "cassettes").glob("*.yaml")} - AT_THE_CONTRACT)


def ask_as_recorded(cassette: Cassette) -> None:
    """The recorded requests once more, by a plain client."""
    with httpx.Client() as client:
        for interaction in cassette:
            request = interaction.request
            asking = client.stream(request.method, request.url, content=request.body, timeout=30)
            with suppress(httpx.TransportError), asking as response:
                response.read()


@pytest.mark.parametrize("name", CASSETTES)
def test_a_wire_recording(name: str, transcript_snapshot: Any) -> None:
    cassette = harness.load(HERE / "cassettes" / f"{name}.yaml")
    with harness.replay(cassette) as session:
        ask_as_recorded(cassette)
    assert session.transcript() == transcript_snapshot


@pytest.mark.parametrize("case", [None, "stall", "reset"])
def test_a_scenario_at_a_backend(case: str | None, transcript_snapshot: Any) -> None:
    with harness.scenario(HERE / "scenarios" / "rate-limit.yaml", case) as session:
        backend = session.backend()
        expected = nullcontext() if case is None else pytest.raises(harness.LLMConnectionError)
        with expected:
            backend.complete([{"role": "user", "content": "What is the weather in Paris?"}])
    assert session.transcript() == transcript_snapshot


def test_an_agent_shows_only_what_is_new(transcript_snapshot: Any) -> None:
    def answer(prompt: harness.Prompt) -> str:
        return f"answer {len(prompt.messages)}"

    with harness.replay(answer) as session:
        backend = session.backend()
        messages = [{"role": "system", "content": "Be brief. " * 20}, {"role": "user", "content": "one"}]
        for question in ("two", "three"):
            said = backend.complete(messages).narrative_text
            messages += [{"role": "assistant", "content": said}, {"role": "user", "content": question}]
        backend.complete(messages)
    assert session.transcript() == transcript_snapshot
