"""The drivers of `scenarios/` that call tools: a loop in which the model asks for the weather, and is told."""

from __future__ import annotations

import json
from typing import Any

from harness.trials import Context
from tests.drivers.sdks import anthropic_client, openai_client

QUESTION: Any = {"role": "user", "content": "What is the weather in Paris, and what is it called in French?"}
PLACE: Any = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ABOUT = "The weather of a city."
TURNS_MAX = 5


class AgentError(Exception):
    """The agent gave up."""


def get_weather(arguments: Any) -> str:
    """The tool. A city that it does not know, and arguments that are none, are told to the model."""
    city = arguments.get("city") if isinstance(arguments, dict) else None
    if not isinstance(city, str):
        return json.dumps({"error": "no city was given"})
    if city != "Paris":
        return json.dumps({"error": f"no city is called {city}"})
    return json.dumps({"city": city, "temp_c": 21})


def _run(name: str, arguments: str) -> str:
    if name != "get_weather":
        return json.dumps({"error": f"there is no tool {name}"})
    try:
        return get_weather(json.loads(arguments))
    except ValueError:
        return json.dumps({"error": "the arguments are no JSON"})


def openai_agent(ctx: Context) -> str:
    """On OpenAI's SDK, without streaming."""
    tool: Any = {"type": "function", "function": {"name": "get_weather", "description": ABOUT, "parameters": PLACE}}
    said: list[Any] = [QUESTION]
    for _ in range(TURNS_MAX):
        answer = openai_client().chat.completions.create(model="gpt-4o-mini", messages=said, tools=[tool]).choices[0]
        if not answer.message.tool_calls:
            return answer.message.content or ""
        said.append(answer.message.model_dump(exclude_none=True))
        for call in answer.message.tool_calls:
            result = _run(call.function.name, call.function.arguments)
            said.append({"role": "tool", "tool_call_id": call.id, "content": result})
    message = f"no answer after {TURNS_MAX} turns"
    raise AgentError(message)


def anthropic_agent(ctx: Context) -> str:
    """On Anthropic's SDK, streaming: text is shown as it comes, and thinking is not."""
    tool: Any = {"name": "get_weather", "description": ABOUT, "input_schema": PLACE}
    said: list[Any] = [QUESTION]
    for _ in range(TURNS_MAX):
        options: Any = {"model": "claude-any", "max_tokens": 1024, "messages": said, "tools": [tool]}
        with anthropic_client().messages.stream(**options) as stream:
            for text in stream.text_stream:
                ctx.emit(text)
            answer = stream.get_final_message()
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": _run(block.name, json.dumps(block.input))}
            for block in answer.content
            if block.type == "tool_use"
        ]
        if not results:
            return ctx.partial
        said += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
    message = f"no answer after {TURNS_MAX} turns"
    raise AgentError(message)
