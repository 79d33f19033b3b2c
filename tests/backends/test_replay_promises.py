"""What a replay promises beside the contract: what decides about a match, and what is the same however it is asked."""

from __future__ import annotations

import asyncio
import copy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import harness
from harness import LLMResponse, Miss
from harness.dialects import native_request
from harness.model import Message, Prompt
from harness.testing import Act, Script

CASSETTES = Path(__file__).parents[2] / "cassettes"
HELLO = [{"role": "user", "content": "Hello?"}]


def recording(**parameters: Any) -> harness.Cassette:
    """One answer, asked for with `parameters`."""
    prompt = Prompt((Message("user", "Hello?"),), "m", parameters)
    request = native_request("complete", prompt)
    timeline = Script.of(Act(("Hello", " there."))).cassette().interactions[0].timeline
    return harness.Cassette((harness.Interaction(request, timeline),), name="one.yaml")


def asked(cassette: harness.Cassette, ignore: Any = (), **parameters: Any) -> str:
    with harness.replay(cassette, ignore=ignore) as session:
        return str(session.backend().complete(HELLO, **parameters).narrative_text)


@pytest.mark.parametrize(
    "name, recorded, other",
    [
        ("temperature", 0.1, 0.2),
        ("top_p", 0.5, 0.6),
        ("max_tokens", 10, 20),
        ("stop_sequences", ["\n"], ["."]),
        ("response_format", "json", "text"),
    ],
)
def test_every_parameter_decides_unless_it_is_ignored_by_name(name: str, recorded: Any, other: Any) -> None:
    cassette = recording(**{name: recorded})
    assert asked(cassette, **{name: recorded}) == "Hello there."
    with pytest.raises(Miss, match=rf"\$\.{name}"):
        asked(cassette, **{name: other})
    assert asked(cassette, ignore=[f"$.{name}"], **{name: other}) == "Hello there."


@pytest.mark.parametrize("file", ["demo", "ollama-chat-streaming", "anthropic-streaming", "openai-chat-unary"])
def test_complete_is_the_joined_stream_of_the_same_recording(file: str) -> None:
    cassette = harness.load(CASSETTES / f"{file}.yaml")
    prompt = cassette.interactions[0].prompt
    assert prompt is not None
    messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
    with harness.replay(cassette, unplayed="ignore") as session:
        whole = session.backend().complete(messages)
    with harness.replay(cassette, unplayed="ignore") as session:
        backend = session.backend()
        assert "".join(backend.stream_tokens(messages)) == whole.narrative_text
        assert backend.last_finish_reason == whole.finish_reason


def test_a_limit_that_is_asked_for_shortens_nothing_that_was_recorded() -> None:
    with harness.replay(lambda prompt: "One two three. Four.") as session:
        backend = session.backend()
        response = backend.complete(HELLO, max_tokens=1, stop_sequences=["two"])
        assert response == LLMResponse("One two three. Four.", None, "stop")
        assert "".join(backend.stream_tokens(HELLO, max_tokens=1)) == "One two three. Four."


def test_json_that_does_not_parse_is_what_it_was_live() -> None:
    cut = 'Sure! {"name": "Ada", "age": '
    with harness.replay(lambda prompt: cut) as session:
        response = session.backend().complete(HELLO, response_format="json")
    assert response == LLMResponse(cut, None, "stop")


def test_threads_with_loops_of_their_own_share_one_backend() -> None:
    with harness.replay(lambda prompt: prompt.text) as session:
        backend = session.backend()

        async def several(first: int) -> list[str]:
            asks = (backend.acomplete([{"role": "user", "content": str(first + n)}]) for n in range(3))
            return [response.narrative_text for response in await asyncio.gather(*asks)]

        def in_a_loop_of_its_own(number: int) -> list[str]:
            return asyncio.run(several(number))

        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(in_a_loop_of_its_own, [0, 10, 20, 30]))
        assert len(session.history) == 12
    assert answers == [[str(first + n) for n in range(3)] for first in (0, 10, 20, 30)]


def test_each_recording_is_played_once_however_many_threads_ask() -> None:
    one = recording().interactions[0]
    cassette = harness.Cassette((one,) * 6)
    with harness.replay(cassette) as session:
        backend = session.backend()
        with ThreadPoolExecutor(6) as pool:
            said = list(pool.map(lambda _: backend.complete(HELLO).narrative_text, range(6)))
    assert said == ["Hello there."] * 6


def test_a_copy_of_a_backend_has_settings_of_its_own_and_the_same_session() -> None:
    with harness.replay(Script.of(Act(("late",), gap_s=10)).source()) as session:
        backend = session.backend(contract=harness, model="m")
        patient = copy.copy(backend)
        patient.timeout = 60.0
        backend.timeout = 5.0
        assert patient.complete(HELLO).narrative_text == "late"
        with pytest.raises(harness.LLMTimeout):
            backend.complete(HELLO)
        assert repr(backend) == "ReplayBackend(script, model='m', timeout=5.0)"
