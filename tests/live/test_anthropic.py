"""The `anthropic` backend: what it says on the wire, and what is made of what comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import harness
from harness.contract import LLMConnectionError

HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
HI: dict[str, Any] = {
    "type": "message",
    "id": "msg_1",
    "model": "claude-x",
    "role": "assistant",
    "content": [{"type": "text", "text": "Hi."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 2},
}


def backend(**options: Any) -> Any:
    return harness.get_backend("anthropic", **{"model": "claude-x", "api_key": "k", **options})


def test_a_chat_is_spoken_with_its_key_its_version_and_the_contract_s_temperature(answering: Any) -> None:
    with answering(HI) as world:
        response = backend().complete(HELLO, stop_sequences=["END"], max_tokens=9)
    assert (response.narrative_text, response.finish_reason) == ("Hi.", "stop")
    (request,) = world.asked
    assert request.url == "https://api.anthropic.com/v1/messages"
    assert request.headers.get("x-api-key") == "k"
    assert request.headers.get("anthropic-version") == "2023-06-01"
    assert world.bodies == [
        {
            "model": "claude-x",
            "max_tokens": 9,
            "temperature": 0.7,
            "stop_sequences": ["END"],
            "system": "Be brief.",
            "messages": [{"role": "user", "content": "Hello?"}],
        }
    ]


def test_top_p_is_said_only_where_it_is_chosen_because_newer_models_refuse_both(answering: Any) -> None:
    with answering(HI) as world:
        backend().complete(HELLO, temperature=0.7, top_p=0.5)
        backend().complete(HELLO)
    assert [body.get("top_p") for body in world.bodies] == [0.5, None]


def test_a_prompt_is_spoken_without_defaults_that_nobody_asked_for(answering: Any) -> None:
    with answering(HI) as world:
        result = asyncio.run(backend().generate("Hello?"))
    assert (result.success, result.text) == (True, "Hi.")
    assert world.bodies == [
        {"model": "claude-x", "max_tokens": 4096, "messages": [{"role": "user", "content": "Hello?"}]}
    ]


def test_json_is_asked_for_in_words_and_a_schema_as_structured_output(answering: Any) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    with answering(HI) as world:
        backend().complete(HELLO, response_format="json")
        backend().complete(HELLO, response_format={"type": "json_schema", "json_schema": {"schema": schema}})
        backend().complete(HELLO, response_format={"type": "text"})
    in_words, structured, plain = world.bodies
    assert in_words["system"] == "Be brief.\nAnswer with one JSON value and nothing else."
    assert structured["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    assert plain["system"] == "Be brief."
    assert all("response_format" not in body for body in world.bodies)


def test_tools_are_offered_and_a_call_comes_back(answering: Any) -> None:
    call = {"type": "tool_use", "id": "t1", "name": "move", "input": {"to": "north"}}
    tool = {"name": "move", "description": "Walk.", "schema": {"type": "object"}}
    with answering({**HI, "content": [call], "stop_reason": "tool_use"}) as world:
        response = backend(tools=[tool]).complete(HELLO)
    assert response.tool_call == {"name": "move", "arguments": {"to": "north"}}
    assert world.bodies[0]["tools"] == [{"name": "move", "description": "Walk.", "input_schema": {"type": "object"}}]


def test_a_refusal_is_an_error_and_a_cut_is_length(answering: Any) -> None:
    cut = {**HI, "stop_reason": "max_tokens"}
    with answering({**HI, "stop_reason": "refusal"}, cut):
        assert [backend().complete(HELLO).finish_reason for _ in range(2)] == ["error", "length"]


def test_an_overload_529_is_waited_for(answering: Any) -> None:
    busy = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    heard: list[str] = []
    with answering((busy, 529, {"retry-after": "7"}), HI) as world:
        patient = backend()
        patient.on_status = heard.append
        assert patient.complete(HELLO).narrative_text == "Hi."
        assert world.now() == 7.0
    assert heard == ["Overloaded (claude-x), attempt 1/3 — retry in 7s", "… retry in 2s"]


def test_a_spend_limit_is_not_waited_for(answering: Any) -> None:
    error = {"type": "rate_limit_error", "message": "You have reached your API usage limits"}
    spent = {"type": "error", "error": {**error, "details": {"error_code": "enforced_spend_limit_reached"}}}
    with answering((spent, 429)) as world:
        with pytest.raises(LLMConnectionError, match=r"HTTP 429 \(quota\): You have reached"):
            backend().complete(HELLO)
        assert (len(world.asked), world.now()) == (1, 0.0)


def test_the_key_and_the_base_url_come_from_the_provider_s_own_variables(
    answering: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", " from-the-environment\n")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://gateway.test/v1/")
    with answering(HI) as world:
        harness.get_backend("anthropic", model="claude-x").complete(HELLO)
    assert world.asked[0].url == "http://gateway.test/v1/messages"
    assert world.asked[0].headers.get("x-api-key") == "from-the-environment"
