"""A small agent on each of four frameworks from the package index, with their defaults.

They are imported by name when they are swept: they are installed in an environment of their own (`tox -e findings`).
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any, Final

import harness
from tests.findings.swept import KEY, QUESTION, TURNS_MAX, GaveUp, Swept, arun, checked, run, weather_at_last


def _tool(session: harness.Session) -> Any:
    """The tool as a plain function, which is how all of them take it."""

    def get_weather(city: str) -> str:
        """The weather in a city, now.

        Args:
            city: The name of the city.
        """
        session.tool_called("", "get_weather", {"city": city})
        return json.dumps({"temp_c": 21})

    return get_weather


class PydanticAI:
    """`Agent(OpenAIChatModel(...)).run_stream(...)`, and what `get_output` gives."""

    def __init__(self, session: harness.Session) -> None:
        ai, models = import_module("pydantic_ai"), import_module("pydantic_ai.models.openai")
        providers = import_module("pydantic_ai.providers.openai")
        # A client of its own for each case: the framework keeps one for all agents of a process.
        client = import_module("openai").AsyncOpenAI(api_key=KEY)
        model = models.OpenAIChatModel("gpt-4o-mini", provider=providers.OpenAIProvider(openai_client=client))
        self.agent: Any = ai.Agent(model, tools=[_tool(session)])

    async def run(self) -> str:
        async with self.agent.run_stream(QUESTION) as result:
            return str(await result.get_output())


class LangChain:
    """`ChatOpenAI(...).bind_tools(...).astream(...)`, the chunks added up, tools run by `tool.ainvoke`."""

    def __init__(self, session: harness.Session) -> None:
        tool = import_module("langchain_core.tools").tool(_tool(session))
        self.tools = {tool.name: tool}
        model = import_module("langchain_openai").ChatOpenAI(model="gpt-4o-mini", api_key=KEY)
        self.model: Any = model.bind_tools([tool])

    async def run(self) -> str:
        messages: list[Any] = [("user", QUESTION)]
        for _ in range(TURNS_MAX):
            said: Any = None
            async for chunk in self.model.astream(messages):
                said = chunk if said is None else said + chunk
            finish = said.response_metadata.get("finish_reason")
            something = bool(said.content or said.tool_calls)
            checked(finish=finish, usual={"stop", "tool_calls"}, something=something)
            if not said.tool_calls:
                return str(said.content)
            messages.append(said)
            for call in said.tool_calls:
                if call["name"] not in self.tools or not call["id"]:
                    message = f"{call} is no call of a tool of ours"
                    raise GaveUp(message)
                messages.append(await self.tools[call["name"]].ainvoke(call))
        message = f"no answer in {TURNS_MAX} turns"
        raise GaveUp(message)


class OpenAIAgents:
    """`Runner.run_streamed(Agent(...))` over the Responses API, read to the end, and its `final_output`."""

    def __init__(self, session: harness.Session) -> None:
        self.agents: Any = import_module("agents")
        self.agents.set_tracing_disabled(disabled=True)
        client = import_module("openai").AsyncOpenAI(api_key=KEY)
        model = self.agents.OpenAIResponsesModel(model="gpt-4o-mini", openai_client=client)
        tool = self.agents.function_tool(_tool(session))
        # Else each run makes a key by chance, and two runs are not the same.
        settings = self.agents.ModelSettings(extra_args={"prompt_cache_key": "weather"})
        self.agent: Any = self.agents.Agent(name="weather", model=model, tools=[tool], model_settings=settings)

    async def run(self) -> str:
        result = self.agents.Runner.run_streamed(self.agent, QUESTION)
        async for _ in result.stream_events():
            pass
        checked(finish="", usual={""}, something=bool(result.final_output))
        return str(result.final_output)


class Smolagents:
    """`ToolCallingAgent(...).run(...)` on an `OpenAIModel`, sync and not streaming, as is its default."""

    def __init__(self, session: harness.Session) -> None:
        smol = import_module("smolagents")
        model = smol.OpenAIModel(model_id="gpt-4o-mini", api_key=KEY)
        self.agent: Any = smol.ToolCallingAgent(tools=[smol.tool(_tool(session))], model=model, verbosity_level=-1)

    def run(self) -> str:
        said = self.agent.run(QUESTION)
        checked(finish="", usual={""}, something=bool(said))
        return str(said)


def _types(*names: str) -> Any:
    """The exceptions of these names, `module:name`, when they are asked for."""

    def found() -> tuple[type[BaseException], ...]:
        parts = [name.split(":") for name in names]
        return tuple(getattr(import_module(module), name) for module, name in parts)

    return found


FRAMEWORKS: Final = {
    "pydantic-ai": Swept(
        packages=("pydantic-ai-slim", "openai"),
        setup=PydanticAI,
        run=arun,
        contract=_types("pydantic_ai.exceptions:AgentRunError", "openai:OpenAIError"),
    ),
    "langchain": Swept(
        packages=("langchain-openai", "langchain-core", "openai"),
        setup=LangChain,
        run=arun,
        contract=_types("langchain_core.exceptions:LangChainException", "openai:OpenAIError"),
        notes=(
            "A stall between chunks is ended by the framework's own `stream_chunk_timeout`, 120 s.",
            "That is past the horizon of this sweep (60 s, because the client has no timeout): HUNG here is late.",
            "Its sockets have TCP keepalive, by which a kernel ends what a dead peer left; no replay sees that.",
        ),
    ),
    "openai-agents": Swept(
        packages=("openai-agents", "openai"),
        setup=OpenAIAgents,
        run=arun,
        contract=_types("agents.exceptions:AgentsException", "openai:OpenAIError"),
        notes=(
            "`prompt_cache_key` is set by hand, because the framework makes another one for each run; tracing is off.",
        ),
    ),
    "smolagents": Swept(
        packages=("smolagents", "openai"),
        setup=Smolagents,
        run=run,
        source=weather_at_last,
        contract=_types("smolagents:AgentError", "openai:OpenAIError"),
    ),
}
