"""A two-call agent on each official SDK, streaming, with the SDK's own accumulating stream where it has one and with
its defaults (retries and timeouts). What comes out wrong is what the SDK handed over as whole."""

from __future__ import annotations

import json
from typing import Any, Final

import anthropic
import ollama
import openai
from google import genai
from google.genai import errors, types

import harness
from tests.findings.swept import CITY, DESCRIPTION, KEY, QUESTION, TOOL, TURNS_MAX, GaveUp, Swept, arun, checked


class _Agent:
    def __init__(self, session: harness.Session) -> None:
        self.session = session
        self.used: set[str] = set()

    async def run(self) -> str:
        self.used.clear()
        messages: list[Any] = [{"role": "user", "content": QUESTION}]
        for _ in range(TURNS_MAX):
            text, more = await self.turn(messages)
            if not more:
                return text
            messages += more
        message = f"no answer in {TURNS_MAX} turns"
        raise GaveUp(message)

    async def turn(self, messages: list[Any]) -> tuple[str, list[Any]]:
        raise NotImplementedError

    def use(self, id_: str, name: str, arguments: Any) -> str:
        """Run the tool, if the call is one that it takes and that did not run."""
        try:
            read = json.loads(arguments) if isinstance(arguments, str) else arguments
        except ValueError as error:
            message = "the arguments are no JSON"
            raise GaveUp(message) from error
        if name != TOOL or not isinstance(read, dict) or set(read) != {"city"} or id_ in self.used or not id_:
            message = f"{name}({arguments}) as {id_!r} is no call of {TOOL}, or one that ran already"
            raise GaveUp(message)
        self.used.add(id_)
        self.session.tool_called(id_, name, arguments)
        return json.dumps({"temp_c": 21})


class OpenAIChat(_Agent):
    """`client.chat.completions.stream`, and what `get_final_completion` gives."""

    def __init__(self, session: harness.Session) -> None:
        super().__init__(session)
        self.client = openai.AsyncOpenAI(api_key=KEY)

    async def turn(self, messages: list[Any]) -> tuple[str, list[Any]]:
        function = {"name": TOOL, "description": DESCRIPTION, "parameters": CITY, "strict": True}
        tools: Any = [{"type": "function", "function": function}]
        async with self.client.chat.completions.stream(model="gpt-4o-mini", messages=messages, tools=tools) as stream:
            choice = (await stream.get_final_completion()).choices[0]
        said, usual = choice.message, {"stop", "tool_calls"}
        checked(finish=choice.finish_reason, usual=usual, something=bool(said.content or said.tool_calls))
        if not said.tool_calls:
            return said.content or "", []
        results = []
        for one in said.tool_calls:
            result = self.use(one.id, one.function.name, one.function.arguments)
            results.append({"role": "tool", "tool_call_id": one.id, "content": result})
        kept = ("id", "type", "function")
        calls = [{key: getattr(one, key) for key in kept} for one in said.tool_calls]
        for call in calls:
            call["function"] = {"name": call["function"].name, "arguments": call["function"].arguments}
        return "", [{"role": "assistant", "content": said.content, "tool_calls": calls}, *results]


class OpenAIResponses(_Agent):
    """`client.responses.stream`, and what `get_final_response` gives."""

    def __init__(self, session: harness.Session) -> None:
        super().__init__(session)
        self.client = openai.AsyncOpenAI(api_key=KEY)

    async def turn(self, messages: list[Any]) -> tuple[str, list[Any]]:
        tools: Any = [
            {"type": "function", "name": TOOL, "description": DESCRIPTION, "parameters": CITY, "strict": True}
        ]
        async with self.client.responses.stream(model="gpt-4o-mini", input=messages, tools=tools) as stream:
            said = await stream.get_final_response()
        calls = [item for item in said.output if item.type == "function_call"]
        more: list[Any] = []
        for one in calls:
            more.append({"type": "function_call", "call_id": one.call_id, "name": one.name, "arguments": one.arguments})
            result = self.use(one.call_id, one.name, one.arguments)
            more.append({"type": "function_call_output", "call_id": one.call_id, "output": result})
        checked(finish=said.status, usual={"completed"}, something=bool(said.output_text or more))
        return said.output_text, more


class Anthropic(_Agent):
    """`client.messages.stream`, and what `get_final_message` gives."""

    def __init__(self, session: harness.Session) -> None:
        super().__init__(session)
        self.client = anthropic.AsyncAnthropic(api_key=KEY)

    async def turn(self, messages: list[Any]) -> tuple[str, list[Any]]:
        tools: Any = [{"name": TOOL, "description": DESCRIPTION, "input_schema": CITY}]
        asked = {"model": "claude-sonnet-4-5", "max_tokens": 1024, "messages": messages, "tools": tools}
        async with self.client.messages.stream(**asked) as stream:
            said = await stream.get_final_message()
        text = "".join(block.text for block in said.content if block.type == "text")
        checked(finish=said.stop_reason, usual={"end_turn", "tool_use"}, something=bool(said.content))
        uses = [block for block in said.content if block.type == "tool_use"]
        if not uses:
            return text, []
        results = []
        for use in uses:
            result = self.use(use.id, use.name, use.input)
            results.append({"type": "tool_result", "tool_use_id": use.id, "content": result})
        turn = [{"type": "tool_use", "id": use.id, "name": use.name, "input": use.input} for use in uses]
        return text, [{"role": "assistant", "content": turn}, {"role": "user", "content": results}]


class Gemini(_Agent):
    """`client.aio.models.generate_content_stream`: the pieces, joined. The SDK accumulates nothing by itself."""

    def __init__(self, session: harness.Session) -> None:
        super().__init__(session)
        self.client = genai.Client(api_key=KEY)

    async def turn(self, messages: list[Any]) -> tuple[str, list[Any]]:
        declared = types.FunctionDeclaration(name=TOOL, description=DESCRIPTION, parameters_json_schema=CITY)
        config = types.GenerateContentConfig(
            tools=[types.Tool(function_declarations=[declared])],
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )
        contents = [QUESTION, *messages[1:]]
        text, parts, finish = "", [], ""
        stream = await self.client.aio.models.generate_content_stream(
            model="gemini-2.5-flash", contents=contents, config=config
        )
        async for piece in stream:
            for candidate in piece.candidates or []:
                finish = candidate.finish_reason.name if candidate.finish_reason else finish
                for part in (candidate.content.parts if candidate.content else None) or []:
                    text += part.text or ""
                    parts += [part] if part.function_call else []
        checked(finish=finish, usual={"STOP"}, something=bool(text or parts))
        if not parts:
            return text, []
        answers = []
        for part in parts:
            call: Any = part.function_call
            answer = {"result": self.use(call.id or call.name, call.name, call.args)}
            answers.append(types.Part.from_function_response(name=call.name, response=answer))
        return text, [types.Content(role="model", parts=parts), types.Content(role="user", parts=answers)]


class Ollama(_Agent):
    """`ollama.AsyncClient.chat(stream=True)`: the pieces, joined. The SDK accumulates nothing by itself."""

    def __init__(self, session: harness.Session) -> None:
        super().__init__(session)
        self.client = ollama.AsyncClient(host="http://127.0.0.1:11434")

    async def turn(self, messages: list[Any]) -> tuple[str, list[Any]]:
        tools: Any = [{"type": "function", "function": {"name": TOOL, "description": DESCRIPTION, "parameters": CITY}}]
        text, calls, finish = "", [], ""
        async for piece in await self.client.chat(model="llama3.2", messages=messages, tools=tools, stream=True):
            text += piece.message.content or ""
            calls += piece.message.tool_calls or []
            finish = piece.done_reason or finish
        checked(finish=finish, usual={"stop"}, something=bool(text or calls))
        if not calls:
            return text, []
        said = [{"function": {"name": one.function.name, "arguments": dict(one.function.arguments)}} for one in calls]
        results = []
        for number, one in enumerate(calls, len(self.used)):
            result = self.use(f"{number}", one.function.name, dict(one.function.arguments))
            results.append({"role": "tool", "tool_name": one.function.name, "content": result})
        return text, [{"role": "assistant", "content": text, "tool_calls": said}, *results]


def _openai() -> tuple[type[BaseException], ...]:
    return (openai.OpenAIError,)


def _anthropic() -> tuple[type[BaseException], ...]:
    return (anthropic.AnthropicError,)


def _genai() -> tuple[type[BaseException], ...]:
    return (errors.APIError, errors.UnknownApiResponseError)


def _ollama() -> tuple[type[BaseException], ...]:
    return (ollama.ResponseError, ollama.RequestError, ConnectionError)


_ASSERTS: Final = (
    "The `AssertionError` is the SDK's own `assert` that there is a final answer; under `python -O` there is none."
)
_AIOHTTP: Final = "With aiohttp installed the SDK's async client goes over it, and so does this sweep."
_NO_TIMEOUT: Final = "The SDK sets no timeout by itself: what is HUNG here waits for as long as the connection stands."

SDKS: Final = {
    "openai-chat": Swept(packages=("openai",), setup=OpenAIChat, notes=(_ASSERTS,), run=arun, contract=_openai),
    "openai-responses": Swept(packages=("openai",), setup=OpenAIResponses, run=arun, contract=_openai),
    "anthropic": Swept(packages=("anthropic",), setup=Anthropic, notes=(_ASSERTS,), run=arun, contract=_anthropic),
    "google-genai": Swept(
        packages=("google-genai",), setup=Gemini, notes=(_AIOHTTP, _NO_TIMEOUT), run=arun, contract=_genai
    ),
    "ollama": Swept(
        packages=("ollama",),
        setup=Ollama,
        notes=(_NO_TIMEOUT,),
        run=arun,
        contract=_ollama,
    ),
}
