"""A recorded error becomes its fault of the catalogue, where that says the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openai
import pytest

import harness
from harness.dialects import MEANING, decode
from harness.model import Cassette, Head, Headers, Interaction, Request, Timeline, milliseconds
from harness.scenarios import compile_scenario, drafted, parse_scenario
from harness.spec import Found

JSON = ("content-type", "application/json")
OPENAI = "https://api.openai.com/v1/chat/completions"
ANTHROPIC = "https://api.anthropic.com/v1/messages"
BODY = json.dumps({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Count."}]}).encode()


def said_by_openai(kind: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": "not today", "type": kind, "param": None, "code": code}}


def said_by_anthropic(kind: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": "not today"}, "request_id": "req_1"}


def recorded(url: str, status: int, body: dict[str, Any], *headers: tuple[str, str]) -> Interaction:
    head = Head(status, Headers((JSON, *headers)))
    heard = Timeline.of(head, [json.dumps(body).encode()], at=milliseconds(80))
    return Interaction(Request("POST", url, Headers((JSON,)), BODY), heard, "#1", MEANING)


REFUSALS = {
    "http-429-rate-limit": recorded(OPENAI, 429, said_by_openai("requests"), ("retry-after", "7")),
    "http-429-quota": recorded(OPENAI, 429, said_by_openai("insufficient_quota", "insufficient_quota")),
    "http-401-auth": recorded(OPENAI, 401, said_by_openai("invalid_request_error", "invalid_api_key")),
    "http-404-model-not-found": recorded(OPENAI, 404, said_by_openai("invalid_request_error", "model_not_found")),
    "http-500-server-error": recorded(OPENAI, 500, said_by_openai("server_error")),
    "http-529-overloaded": recorded(ANTHROPIC, 529, said_by_anthropic("overloaded_error")),
    "http-403-forbidden": recorded(ANTHROPIC, 403, said_by_anthropic("permission_error")),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_an_error_has_its_name_and_means_what_it_meant(kind: str) -> None:
    one = REFUSALS[kind]
    text = drafted(Cassette((one,), "made"), "made")
    assert "raw" not in text
    assert kind in text
    found = compile_scenario(parse_scenario(text)).find(one.request)
    assert isinstance(found, Found)
    was, made = (decode(one.request, timeline) for timeline in (one.timeline, found.interaction.timeline))
    assert was is not None
    assert made is not None
    assert made.problem == was.problem
    assert found.interaction.timeline.end_at == milliseconds(80)


def test_an_error_that_the_catalogue_has_no_words_for_stays_as_it_was_sent() -> None:
    odd = recorded(OPENAI, 418, said_by_openai("teapot"))
    text = drafted(Cassette((odd,), "made"), "made")
    assert "status: 418" in text
    assert "teapot" in text


def test_an_sdk_waits_as_it_was_told_to_then(tmp_path: Path) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "One."}, "finish_reason": "stop"}
    answer = recorded(OPENAI, 200, {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice]})
    path = tmp_path / "made.yaml"
    path.write_text(drafted(Cassette((REFUSALS["http-429-rate-limit"], answer), "made"), "made"), "utf-8")
    with harness.scenario(path) as session, openai.OpenAI(api_key="x", max_retries=1) as client:
        question: Any = {"role": "user", "content": "Count."}
        found = client.chat.completions.create(model="m", max_tokens=9, messages=[question])
        assert found.choices[0].message.content == "One."
        assert session.history[1].at - session.history[0].at >= milliseconds(7000)
