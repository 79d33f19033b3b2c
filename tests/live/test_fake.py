"""The `fake` backend: a canned answer in both contracts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import harness
from harness import LLMResponse, LLMResult

ASK: Any = [{"role": "user", "content": "hi"}]


def test_it_says_its_output_in_both_contracts() -> None:
    backend = harness.get_backend("fake", output="Hello.")
    with harness.virtual_time():
        answer = asyncio.run(backend.generate("x"))
    assert answer == LLMResult(success=True, text="Hello.", model="fake", latency_ms=0)
    assert backend.complete(ASK) == LLMResponse("Hello.")
    assert list(backend.stream_tokens(ASK)) == ["Hello."]
    assert backend.is_available() is True


def test_the_output_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_FAKE_OUTPUT", "From outside.")
    assert harness.get_backend("fake").complete(ASK).narrative_text == "From outside."


def test_it_may_be_unsuccessful() -> None:
    backend = harness.get_backend("fake", success=False, extra={"rc": 1})
    result = asyncio.run(backend.generate("x"))
    assert (result.success, result.text, result.extra) == (False, "", {"rc": 1})
    assert backend.complete(ASK).finish_reason == "error"


def test_it_streams_the_pieces_that_it_was_given() -> None:
    backend = harness.get_backend("fake", pieces=["a", "b"])
    assert list(backend.stream_tokens(ASK)) == ["a", "b"]
    assert backend.complete(ASK).narrative_text == "ab"
