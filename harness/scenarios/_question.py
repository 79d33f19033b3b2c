"""What is asked, as matchers and templates see it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlsplit

from harness.model import Json, Message, Prompt, Request

_CONVERSATION: Final = "x-harness-conversation"

Predicate = Callable[[Prompt], bool]
"""A rule in Python, that a scenario names and does not bring: code comes from the test and never from the file."""


@dataclass(eq=False)
class Question:
    """One request, and where in the session it stands. What it says is read when a matcher asks for it.

    Not frozen, which would more than double the cost of making one, and each request makes one.
    """

    request: Request
    prompt: Prompt = field(default_factory=Prompt)
    call: int = 1
    attempt: int = 1
    state_of: Callable[[str], Mapping[str, Json]] = lambda _: {}
    predicates: Mapping[str, Predicate] = field(default_factory=dict)

    @cached_property
    def body(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.request.body)
        except (ValueError, RecursionError):
            return None

    @cached_property
    def path(self) -> str:
        """The path of the URL, without its query."""
        return urlsplit(self.request.url).path

    @property
    def state(self) -> Mapping[str, Json]:
        """The state of its conversation, as it is now."""
        return self.state_of(self.conversation)

    @property
    def turn(self) -> int:
        """Which turn of the conversation this is, from one: the model has spoken one time less."""
        return 1 + sum(message.role == "assistant" for message in self.prompt.messages)

    @property
    def last(self) -> str:
        """The text of the last message, whoever wrote it."""
        return self.prompt.messages[-1].content if self.prompt.messages else ""

    @property
    def assistant(self) -> str:
        """The text of the last message of the model, or empty."""
        return next((m.content for m in reversed(self.prompt.messages) if m.role == "assistant"), "")

    @property
    def tools(self) -> list[str]:
        """The names of the tools that are offered."""
        return [tool.name for tool in self.prompt.tools]

    def tool_result(self, wanted: str | None = None) -> str | None:
        """The newest result of a tool, or of the call or tool called `wanted`; None where there is none."""
        results = (message for message in reversed(self.prompt.messages) if message.role == "tool")
        return next((m.content for m in results if wanted is None or wanted in self._names_of(m)), None)

    def _names_of(self, result: Message) -> Iterator[str]:
        """What the call that `result` is of can be called by."""
        yield result.tool_call_id
        yield result.name
        for message in self.prompt.messages:
            yield from (call.name for call in message.tool_calls if call.id and call.id == result.tool_call_id)

    @cached_property
    def conversation(self) -> str:
        """Which conversation it belongs to: the header `x-harness-conversation`, else what the body itself says in
        `conversation` or `metadata.conversation`; empty where nothing does."""
        named = self.request.headers.get(_CONVERSATION)
        if named or b'"conversation' not in self.request.body or not isinstance(self.body, dict):
            return named
        metadata = self.body.get("metadata")
        places = (self.body, metadata if isinstance(metadata, dict) else {})
        names = ("conversation", "conversation_id")
        found = (place.get(name) for place in places for name in names)
        return next((_id(value) for value in found if _id(value)), "")


def _id(value: object) -> str:
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) else ""
