"""A recording of HTTP at a backend, which reads it itself: what is no answer there is none of the contract either."""

from __future__ import annotations

from pathlib import Path

import pytest

import harness
from harness import LLMConnectionError, LLMParseError
from harness.dialects import get
from harness.model import Head, Headers, Message, Prompt, Timeline

NARRATOR = Path(__file__).parents[2] / "cassettes" / "narrator.yaml"


@pytest.mark.parametrize("kind", ["garbage-instead-of-http", "header-too-large", "bad-chunk-size", "redirect-307"])
@pytest.mark.parametrize("verb", ["complete", "stream_tokens"])
def test_what_is_no_answer_of_http_is_none_of_the_contract(kind: str, verb: str) -> None:
    """On a recording of HTTP: there the backend has to read what a client's own parser would have refused."""
    asked = [
        {"role": "system", "content": "You are the narrator of a story. Answer in two or three short sentences."},
        {"role": "user", "content": "A clockmaker finds a key in the snow."},
    ]
    with harness.replay(NARRATOR, faults=[f"call=1/kind={kind}"], unplayed="ignore") as session:
        ask = getattr(session.backend(), verb)
        with pytest.raises(LLMConnectionError, match=r"no HTTP|HTTP 307"):
            list(ask(asked, temperature=0.0, top_p=1.0, max_tokens=90))


JSON = Headers((("content-type", "application/json"),))


@pytest.mark.parametrize("body", ["[]", "{}", "null", '{"choices": []}', '{"candidates": []}', '{"error_page": 1}'])
@pytest.mark.parametrize("dialect", ["openai-chat", "gemini", "anthropic"])
def test_json_that_is_no_answer_is_no_empty_one(dialect: str, body: str) -> None:
    """A client of the provider's would have failed at it; a backend that said "" would say that the model did."""
    request = get(dialect).encode(Prompt((Message("user", "Hello?"),), "m"), "https://models.example")
    cassette = harness.Cassette((harness.Interaction(request, Timeline.of(Head(200, JSON), [body.encode()])),))
    with harness.replay(cassette, unplayed="ignore") as session:
        backend = session.backend(model="m")
        with pytest.raises(LLMParseError, match="cannot be read"):
            backend.complete([{"role": "user", "content": "Hello?"}])
        assert backend.last_finish_reason == "error"
