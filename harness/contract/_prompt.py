"""What a driver passes, as a Prompt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from harness.contract._generation import Call
from harness.model import Json, Message, Prompt
from harness.spec import Messages

DEFAULTS: Final[Mapping[str, Json]] = {"temperature": 0.7, "top_p": 1.0}
"""The chat contract's own defaults. A prompt carries only what differs from them; a live backend sends them all the
same."""
_MESSAGES: Final = "messages is a list of {'role': ..., 'content': ...}"


def prompt_call(prompt: Any, model: str) -> Call:
    """`generate(prompt)`: one user message. Raises TypeError where it is no text: no model was ever asked that."""
    if not isinstance(prompt, str):
        message = f"generate takes a prompt, which is a text, and this is {_kind(prompt)}"
        raise TypeError(message)
    return Call("generate", Prompt(messages=(Message("user", prompt),), model=model, stream=False))


def chat_call(verb: str, messages: Messages, model: str, *, stream: bool, parameters: Mapping[str, Any]) -> Call:
    """`complete` or `stream_tokens`. What was left at its default is not part of the prompt: it matches anything."""
    chosen = {
        name: _plain(value) for name, value in parameters.items() if value is not None and value != DEFAULTS.get(name)
    }
    return Call(verb, Prompt(messages=_read(messages), model=model, parameters=chosen, stream=stream))


def _read(messages: Any) -> tuple[Message, ...]:
    """Messages from mappings or from objects with the same attributes, which some applications have.

    Raises TypeError for a text, which letter by letter would be as many empty messages, and for a list of texts.
    """
    if isinstance(messages, str | bytes | Mapping) or not isinstance(messages, Iterable):
        message = f"{_MESSAGES}, and this is one {type(messages).__name__}"
        raise TypeError(message)
    return tuple(map(_message, messages))


def _message(said: Any) -> Message:
    if not isinstance(said, Mapping) and not hasattr(said, "role"):
        message = f"{_MESSAGES}, and in this one stands {_kind(said)}"
        raise TypeError(message)
    return Message(
        role=str(_field(said, "role") or ""),
        content=str(_field(said, "content") or ""),
        name=str(_field(said, "name") or ""),
    )


def _kind(value: object) -> str:
    return "None" if value is None else f"a value of the type {type(value).__name__}"


def _field(message: Any, name: str) -> Any:
    return message.get(name) if isinstance(message, Mapping) else getattr(message, name, None)


def _plain(value: Any) -> Json:
    """`value` as JSON: tuples and other sequences are lists; a class (a schema) stands for its JSON schema or its
    name."""
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence | set | frozenset):
        return [_plain(item) for item in value]
    if callable(schema := getattr(value, "model_json_schema", None)):
        return _plain(schema())
    return str(getattr(value, "__qualname__", value))
