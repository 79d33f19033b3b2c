"""What a backend of anybody's is asked, as a Call: by the names of its method's own parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

from harness.contract import Call, chat_call, prompt_call

_PUBLISHED: Final = {
    "complete": ("messages", "stream", "temperature", "top_p", "response_format", "stop_sequences", "max_tokens"),
    "stream_tokens": ("messages", "temperature", "top_p", "response_format", "stop_sequences", "max_tokens"),
    "generate": ("prompt",),
}
_TAKEN: Final = frozenset({"call", "tools"})
"""What the native dialect means something else by: a parameter of that name is written with an underscore behind it."""


def call_of(
    verb: str, method: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any], model: str
) -> Call:
    """`verb` as it was called. A default of the method's own that is not the published one counts as chosen.

    Raises TypeError where `method` cannot be called like that.
    """
    twin = verb if verb == "generate" else verb.removeprefix("a")
    given = _named(twin, method, args, options)
    model = str(given.pop("model", model))
    if twin == "generate":
        return prompt_call(str(_first(given, "prompt")), model)
    messages = _first(given, "messages")
    streamed = bool(given.pop("stream", False)) or twin == "stream_tokens"
    parameters = {f"{name}_" if name in _TAKEN else name: value for name, value in given.items()}
    return chat_call(twin, messages, model, stream=streamed, parameters=parameters)


def _named(twin: str, method: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any]) -> dict[str, Any]:
    """Every argument by its name, in the order of the method's parameters."""
    try:
        signature = inspect.signature(method)
    except ValueError:  # written in C, or a callable that shows none: then the published names are the best guess
        return {**dict(zip(_PUBLISHED[twin], args, strict=False)), **options}
    bound = signature.bind(*args, **options)
    bound.apply_defaults()
    named: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        match signature.parameters[name].kind:
            case inspect.Parameter.VAR_KEYWORD:
                named.update(value)
            case inspect.Parameter.VAR_POSITIONAL:
                named.update(zip(_PUBLISHED[twin][len(named) :], value, strict=False))
            case _:
                named[name] = value
    return named


def _first(given: dict[str, Any], name: str) -> Any:
    """What is asked: the argument `name`, else whatever their method calls its first one."""
    return given.pop(name if name in given else next(iter(given), name), "")
