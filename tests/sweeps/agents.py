"""A two-call streaming tool agent on the openai SDK, and the recording it was made with."""

from __future__ import annotations

import json
from typing import Any

import openai

import harness
from harness.model import Cassette, Head, Headers, Interaction, Nanos, Request, Timeline

URL = "https://api.openai.com/v1/chat/completions"
KEY = "sk-planted-key-1234567890"
ASK: dict[str, Any] = {"role": "user", "content": "What is the weather in Paris today?"}
CALLED: dict[str, Any] = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
    ],
}
RESULT: dict[str, Any] = {"role": "tool", "tool_call_id": "call_1", "content": "20C"}
ANSWER = "It is 20°C in Paris."


class DriverError(Exception):
    """The only exception that the good driver lets out."""


class TooManyTurnsError(DriverError):
    """It went round in circles."""


class NonsenseError(DriverError):
    """What the model asked for cannot be done."""


def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x", "choices": [choice]}
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


def part(arguments: str) -> bytes:
    return event({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]})


def call(messages: list[dict[str, Any]], chunks: list[bytes], *, every: int = 10_000_000) -> Interaction:
    body = json.dumps({"messages": messages, "model": "gpt-x", "stream": True}).encode()
    head = Head(200, Headers.of([("content-type", "text/event-stream")]), "OK")
    return Interaction(Request("POST", URL, Headers(), body), Timeline.of(head, chunks, every=Nanos(every)))


DONE = b"data: [DONE]\n\n"
TOOL_CHUNKS = [
    event(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"index": 0, "id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": ""}}
            ],
        }
    ),
    part('{"ci'),
    part('ty": "P'),
    part('aris"}'),
    event({}, "tool_calls"),
    DONE,
]
TEXT_CHUNKS = [
    event({"role": "assistant", "content": ""}),
    *(event({"content": text}) for text in ("It ", "is ", "20°C ", "in ", "Paris.")),
    event({}, "stop"),
    DONE,
]
RECORDING = Cassette((call([ASK], TOOL_CHUNKS), call([ASK, CALLED, RESULT], TEXT_CHUNKS)))


class Agent:
    """Asks, runs the tool, asks again. Nothing but DriverError comes out; tries nothing twice by itself."""

    retries = 0
    timeout: float | None = 20

    def __init__(self, session: harness.Session) -> None:
        self.session = session
        self.said = ""
        self.client = openai.AsyncOpenAI(api_key=KEY, timeout=self.timeout, max_retries=self.retries)

    async def run(self) -> str:
        messages = [ASK]
        for _ in range(4):
            text, tools, finish = await self.turn(messages)
            self.check(finish, something=bool(text or tools))
            if not tools:
                self.session.emitted("done")
                return text
            messages = [*messages, *self.use(tools)]
        raise TooManyTurnsError

    def check(self, finish: str | None, *, something: bool) -> None:
        if finish not in {"stop", "tool_calls"} or not something:
            self.session.emitted("error")
            raise DriverError(finish)

    async def turn(self, messages: list[dict[str, Any]]) -> tuple[str, list[list[str]], str | None]:
        try:
            return await self.read(messages)
        except DriverError:
            raise
        except Exception as error:
            self.session.emitted("error")
            raise DriverError(type(error).__name__) from error

    async def read(self, messages: list[dict[str, Any]]) -> tuple[str, list[list[str]], str | None]:
        text, finish = "", None
        tools: dict[int, list[str]] = {}
        stream: Any = await self.client.chat.completions.create(
            model="gpt-x",
            messages=messages,
            stream=True,  # type: ignore[arg-type]
        )
        async with stream:
            async for piece in stream:
                self.saw()
                if not piece.choices:
                    continue
                delta = piece.choices[0].delta
                finish = piece.choices[0].finish_reason or finish
                self.said = text = text + (delta.content or "")
                if delta.content:
                    self.session.emitted("token", delta.content)
                for one in delta.tool_calls or []:
                    collect(tools.setdefault(one.index, ["", "", ""]), one)
        return text, list(tools.values()), finish

    def saw(self) -> None:
        pass

    def use(self, tools: list[list[str]]) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = [
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}
                    for id_, name, arguments in tools
                ],
            }
        ]
        if len({id_ for id_, _, _ in tools}) < len(tools):
            self.session.emitted("error")
            raise NonsenseError
        for id_, name, arguments in tools:
            self.execute(id_, name, arguments)
            messages.append({"role": "tool", "tool_call_id": id_, "content": "20C"})
        return messages

    def execute(self, id_: str, name: str, arguments: str) -> None:
        try:
            read = json.loads(arguments)
        except ValueError as error:
            self.session.emitted("error")
            raise NonsenseError from error
        if not id_ or name != "get_weather" or set(read) != {"city"} or not isinstance(read["city"], str):
            self.session.emitted("error")
            raise NonsenseError
        self.session.tool_called(id_, name, read)


def collect(tool: list[str], one: Any) -> None:
    tool[0] = one.id or tool[0]
    if one.function is not None:
        tool[1] = one.function.name or tool[1]
        tool[2] += one.function.arguments or ""


class Trusting(Agent):
    """Takes whatever came for the whole answer."""

    def check(self, finish: str | None, *, something: bool) -> None:
        pass


async def run(session: harness.Session, agent: Agent) -> str:
    return await agent.run()
