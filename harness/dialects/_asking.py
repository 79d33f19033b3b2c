"""What the encoders of prompts share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

from harness.dialects._untyped import MISSING, Object, dumped, loaded
from harness.errors import DialectError
from harness.model import Headers, Json, Message, Prompt, Reply, Request, ToolCall

_UNSET: Final[tuple[object, ...]] = (None, "", [], {})
_SYSTEM: Final = frozenset({"system", "developer"})


def set_parameters(values: Mapping[str, Json]) -> dict[str, Json]:
    """`values` less what says nothing: older SDKs send null, "", [] and {} for everything that the caller left out."""
    return {name: value for name, value in values.items() if value not in _UNSET}


def system_text(prompt: Prompt) -> str:
    """The system messages as one text, for a wire that keeps them apart."""
    return prompt.system


def plain_messages(prompt: Prompt) -> tuple[Message, ...]:
    """The messages less those of the system."""
    return tuple(message for message in prompt.messages if message.role not in _SYSTEM)


def refuse(dialect: str, prompt: Prompt, unspeakable: Iterable[str]) -> None:
    """Raises DialectError where `prompt` has something that `dialect` cannot say."""
    wrong = [f"the parameter {name!r}" for name in unspeakable if name in prompt.parameters]
    wrong += [
        f"an attachment ({what}), of which only the name is known" for m in prompt.messages for what in m.attachments
    ]
    if wrong:
        message = f"{dialect} cannot say {', '.join(sorted(wrong))}: leave it out of the prompt"
        raise DialectError(message)


def assistant_calls(dialect: str, said: Message | Reply) -> tuple[ToolCall, ...]:
    """The tool calls, whose arguments have to be JSON on a wire that carries them as values. Raises DialectError."""
    for call in said.tool_calls:
        if call.arguments and loaded(call.arguments) is MISSING:
            message = (
                f"{dialect} carries tool arguments as JSON values, and those of {call.name!r} are no JSON: "
                f"{call.arguments!r}"
            )
            raise DialectError(message)
    return said.tool_calls


def arguments_of(call: ToolCall) -> Json:
    """The arguments of a call that `assistant_calls` let through. None are an empty object."""
    value: Json = json.loads(call.arguments or "{}")
    return value


def post(url: str, body: Object, *headers: tuple[str, str]) -> Request:
    """A POST of JSON."""
    pairs = (("content-type", "application/json"), *headers)
    return Request("POST", url, Headers(pairs), dumped(body).encode())
