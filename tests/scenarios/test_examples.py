"""Six scenarios that use everything at once, each played through a provider's own SDK."""

from __future__ import annotations

from pathlib import Path

import anthropic
import httpx
import openai
import pytest

import harness
from harness.model import as_seconds
from harness.scenarios import load_scenario
from tests.scenarios.playing import asked

GREETING = """harness: 1
name: greeting-slow-stream
provider: openai-chat
clock: {start: 2026-01-01T00:00:00Z, horizon: 10m, seed: 0}
defaults:
  timing: {ttft: 400ms, per_token: 20ms}
  delivery: {tokens: words, chunk: token}
calls:
  - id: hello
    when: {user: {contains: hello}}
    reply: {text: "Bonjour, comment ça va ?", usage: {input: 9, output: 7}, finish: stop}
  - id: exact-chunks
    when: {user: {regex: "(?i)^emoji"}}
    delivery: {chunk: "bytes:3", newline: crlf}
    reply: {chunks: ["Hé", "llo ", "🌍", "!"]}
expect:
  calls: 2
  virtual_time: {min: 500ms, max: 3s}
"""

WEATHER = """harness: 1
name: weather-agent
provider: any
state: {phase: start, retries: 0}
calls:
  - id: plan
    when: {all: [{state: {phase: start}}, {tools: {includes: get_weather}}, {turn: 1}]}
    reply:
      blocks:
        - thinking: "The user wants the weather."
        - text: "Let me check. "
        - tool: {name: get_weather, id: call_1, args: {city: Paris}, stream_args: [['{"ci'], ['ty": "P', 'aris"}']]}
      finish: tool
    set: {phase: waiting-tool}
  - id: tool-failed
    when: {state: {phase: waiting-tool}, tool_result: {for: call_1, contains: error}}
    reply: {tool_calls: [{name: get_weather, id: call_2, args: {city: "Paris, FR"}}]}
    set: {retries: "+1"}
    times: 1
  - id: answer
    when: {state: {phase: waiting-tool}, tool_result: {json: {temp_c: {gte: -90}}}}
    reply: {text: "It is {{ tool_result.temp_c }}°C in Paris.", finish: stop}
    set: {phase: done}
unmatched: error
"""

LIMITS = """harness: 1
name: rate-limit-then-overloaded-then-ok
provider: anthropic
calls:
  - id: chat
    when: {}
    sequence:
      - fault:
          kind: http-429-rate-limit
          retry_after: 30s
          format: http-date
          headers: {anthropic-ratelimit-requests-remaining: "0"}
      - fault: {kind: http-529-overloaded, retry_after: none}
      - fault: {kind: stall-before-headers, for: 45s}
      - text: "All good now."
    then: last
"""

MATRIX = """harness: 1
name: every-driver-survives-every-transient
matrix:
  provider: [openai-chat, openai-responses, anthropic, gemini, ollama]
  stream: [true, false]
  fault:
    - connect-refused
    - reset-before-headers
    - http-503-overloaded
    - {kind: http-429-rate-limit, retry_after: 2s}
    - http-502-html-proxy
  exclude: [{provider: ollama, fault: http-429-rate-limit}]
provider: "${provider}"
calls:
  - id: any
    when: {stream: "${stream}"}
    sequence: [{fault: "${fault}"}, {text: "recovered"}]
    then: last
expect:
  result: {equals: recovered}
  calls: 1
"""


@pytest.fixture
def write(tmp_path: Path):  # type: ignore[no-untyped-def]  # noqa: ANN201 - a function from text to a file
    def written(text: str) -> Path:
        file = tmp_path / "x.yaml"
        file.write_text(text)
        return file

    return written


def test_a_slow_stream_comes_token_by_token_and_to_the_byte(write) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    with harness.scenario(write(GREETING)) as session, openai.OpenAI(api_key="k") as client:
        spoken: list[tuple[float, str]] = []
        for question in ("hello", "Emoji, please"):
            stream = client.chat.completions.create(
                model="m",
                messages=[{"role": "user", "content": question}],
                stream=True,
                stream_options={"include_usage": True},
            )
            for chunk in stream:
                if chunk.choices and chunk.choices[0].delta.content:
                    spoken.append((round(as_seconds(session.clock.now()), 3), chunk.choices[0].delta.content))
                if chunk.usage:
                    assert (chunk.usage.prompt_tokens, chunk.usage.completion_tokens) == (9, 7)
        assert spoken[:5] == [
            (0.4, "Bonjour,"), (0.42, " comment"), (0.44, " ça"), (0.46, " va"), (0.48, " ?"),
        ]  # fmt: skip
        assert [text for _, text in spoken[5:]] == ["Hé", "llo ", "🌍", "!"]
        chunks = [len(chunk) for chunk in session.history[1].timeline.chunks]
        assert set(chunks[:-1]) == {3}
        assert b"\r\n\r\n" in session.history[1].timeline.body


TOOL = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def test_an_agent_plans_calls_its_tool_twice_and_answers(write) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """The agent: Anthropic's client, streaming, with a tool that fails once."""
    results = iter(["error: which Paris?", '{"temp_c": 21}'])
    with harness.scenario(write(WEATHER)) as session, anthropic.Anthropic(api_key="k") as client:
        messages: list[anthropic.types.MessageParam] = [{"role": "user", "content": "Weather in Paris?"}]
        while True:
            with client.messages.stream(model="m", max_tokens=99, messages=messages, tools=[TOOL]) as stream:  # type: ignore[list-item]
                message = stream.get_final_message()
            calls = [block for block in message.content if block.type == "tool_use"]
            if not calls:
                break
            messages.append({"role": "assistant", "content": message.content})
            done = [{"type": "tool_result", "tool_use_id": call.id, "content": next(results)} for call in calls]
            messages.append({"role": "user", "content": done})  # type: ignore[typeddict-item]
        assert [block.text for block in message.content if block.type == "text"] == ["It is 21°C in Paris."]
        assert [entry.id for entry in session.history] == ["plan", "tool-failed", "answer"]
        first = session.history[0].reply
        assert first is not None
        assert (first.thinking, first.text) == ("The user wants the weather.", "Let me check. ")
        assert session.plan.source.state() == {"phase": "done", "retries": 1}  # type: ignore[attr-defined]


def test_a_limit_an_overload_a_stall_and_then_an_answer(write) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    with (
        harness.scenario(write(LIMITS)) as session,
        anthropic.Anthropic(api_key="k", max_retries=4, timeout=20) as client,
    ):
        message = client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}])
        assert message.content[0].text == "All good now."  # type: ignore[union-attr]
        assert [entry.outcome for entry in session.history] == ["http 429", "http 529", "ReadTimeout", "ok"]
        at = [as_seconds(entry.at) for entry in session.history]
        assert at[1] - at[0] >= 29
        assert 0.3 <= at[2] - at[1] <= 9
        assert as_seconds(session.clock.now()) < 120


def test_every_combination_of_a_matrix_recovers(write) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Each provider by the bytes of its own dialect; a client that asks once more after a failure."""
    file = write(MATRIX)
    ids = load_scenario(file).case_ids
    assert len(ids) == 5 * 2 * 5 - 2
    assert "anthropic-stream-http-429-rate-limit" in ids
    for name in ids:
        with harness.scenario(file, name) as session, httpx.Client() as client:
            dialect = next(d for d in ("openai-chat", "openai-responses", "anthropic", "gemini", "ollama") if d in name)
            request = asked("hi", dialect=dialect, stream="no-stream" not in name)
            for _ in range(2):
                try:
                    client.request(request.method, request.url, headers=request.headers.pairs, content=request.body)
                except httpx.TransportError:
                    continue
            reply = session.history[1].reply
            assert reply is not None
            assert (reply.text, session.history[1].attempt) == ("recovered", 2), name


def test_the_agent_of_the_readme_is_answered_through_openai_also_when_it_has_to_wait() -> None:
    file = Path(__file__).parents[2] / "scenarios" / "weather.yaml"
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
    for case in (None, "rate-limited"):
        with harness.scenario(file, case) as session, openai.OpenAI(api_key="k") as client:
            messages: list[dict[str, object]] = [{"role": "user", "content": "Weather in Paris?"}]
            first = client.chat.completions.create(model="m", messages=messages, tools=[tool])  # type: ignore[call-overload]
            (call,) = first.choices[0].message.tool_calls
            assert (call.function.name, call.function.arguments) == ("get_weather", '{"city": "Paris"}')
            messages += [
                first.choices[0].message.model_dump(exclude_none=True),
                {"role": "tool", "tool_call_id": call.id, "content": '{"temp_c": 21}'},
            ]
            last = client.chat.completions.create(model="m", messages=messages, tools=[tool])  # type: ignore[call-overload]
            assert last.choices[0].message.content == "It is 21°C in Paris."
            assert [entry.attempt for entry in session.history] == ([1, 1] if case is None else [1, 1, 2])
