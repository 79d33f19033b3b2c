"""A backend answers from recordings that it did not make: what real SDKs heard of a real model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import harness
from harness import LLMTimeout
from harness.model import Interaction

CASSETTES = sorted((Path(__file__).parents[2] / "cassettes").glob("*.yaml"))
SETTABLE = ("temperature", "top_p", "max_tokens", "stop_sequences")


def asked_again(backend: Any, interaction: Interaction) -> Any:
    """What the driver of a backend would have asked to get this answer."""
    prompt = interaction.prompt
    assert prompt is not None
    messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
    chosen = {name: prompt.parameters[name] for name in SETTABLE if name in prompt.parameters}
    return backend.complete(messages, **chosen)


@pytest.mark.parametrize("file", CASSETTES, ids=lambda file: file.stem)
def test_a_wire_recording_answers_a_backend(file: Path) -> None:
    cassette = harness.load(file)
    with harness.replay(cassette, unplayed="ignore") as session:
        backend = session.backend(timeout=60)
        for interaction in cassette:
            reply = interaction.reply
            assert reply is not None
            if interaction.timeline.end != "eof" and reply.finish is None:  # left or timed out, then as now
                with pytest.raises(LLMTimeout):
                    asked_again(backend, interaction)
                continue
            response = asked_again(backend, interaction)
            assert response.narrative_text == reply.text
            assert (response.tool_call or {}).get("name") == next((call.name for call in reply.tool_calls), None)
            assert response.finish_reason == ("length" if reply.finish == "length" else "stop")


def test_there_is_something_to_play() -> None:
    assert len(CASSETTES) >= 20
