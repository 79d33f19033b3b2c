"""One call of a backend that is recorded: what was asked, and what it came to, as events in the native dialect."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from harness.contract import Call, Types, chat_call, prompt_call
from harness.dialects import native_line
from harness.engine import Take
from harness.model import (
    Chunk,
    Delta,
    End,
    Finish,
    FinishReason,
    Head,
    Headers,
    Json,
    Left,
    Nanos,
    Problem,
    Reset,
    Status,
    Text,
    TimedOut,
    ToolFragment,
    Unknown,
)

_HEAD: Final = Head(200, Headers((("content-type", "application/x-ndjson"),)))
_REASONS: Final = frozenset({"stop", "length", "error"})
_WIRE_CALL: Final = frozenset({"name", "arguments"})


def call_of(
    verb: str, method: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any], model: str
) -> Call:
    """What is asked, by the names of the method's own parameters: defaults that are not the published ones count."""
    bound = inspect.signature(method).bind(*args, **options)
    bound.apply_defaults()
    given: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        given.update(value if kind is inspect.Parameter.VAR_KEYWORD else {name: value})
    if verb == "generate":
        prompt = given.pop("prompt", None)
        return prompt_call(str(args[0] if prompt is None and args else prompt), model)
    messages = given.pop("messages", args[0] if args else ())
    streamed = bool(given.pop("stream", False)) or verb.endswith("stream_tokens")
    twin = verb.removeprefix("a")
    return chat_call(twin, messages, model, stream=streamed, parameters=given)


class Kept:
    """Listens to one call. `now` tells the time."""

    def __init__(self, take: Take, now: Callable[[], Nanos]) -> None:
        self.take = take
        self._now = now
        take.sent(now())
        take.heard(now(), _HEAD)

    def said(self, token: str) -> None:
        """A token came."""
        if token:
            self._say(Text(token))

    def told(self, text: str) -> None:
        """The backend reported progress."""
        self._say(Status(text))

    def ended(self, reason: object) -> None:
        """The stream ended, and `last_finish_reason` was `reason`."""
        if reason in _REASONS:
            self._say(Finish(cast("FinishReason", reason)))
        self._end()

    def returned(self, result: Any) -> None:
        """The call returned an LLMResult or an LLMResponse, or what passes for one."""
        if _field(result, "success") is None:
            self._response(result)
        else:
            self._result(result)
        self._end()

    def _result(self, result: Any) -> None:
        self.said(str(_field(result, "text") or ""))
        extra = _plain(dict(_field(result, "extra") or {}))
        if not _field(result, "success"):
            self._say(Problem("failure", extra=extra))
            return
        self._say(Finish("length" if extra.get("finish_reason") == "length" else "stop"))
        if extra:
            self._say(Unknown("extra", json.dumps(extra, ensure_ascii=False)))

    def _response(self, result: Any) -> None:
        call = _plain({"call": _field(result, "tool_call")})["call"]
        self.said(str(_field(result, "narrative_text") or ""))
        if isinstance(call, dict) and call.keys() == _WIRE_CALL:
            arguments = call["arguments"]
            text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
            self._say(ToolFragment(0, str(call["name"]), text))
        elif call is not None:  # it stood in the text, which was taken apart: a block says the same
            self.said(f"\n~~~json\n{json.dumps(call, ensure_ascii=False)}\n~~~")
        reason = _field(result, "finish_reason")
        self._say(Finish(cast("FinishReason", reason) if reason in _REASONS else None, str(reason or "")))

    def failed(self, error: BaseException, types: Types) -> None:
        """The call ended in `error`. What is no Exception (a task's cancellation) is a caller who went away."""
        text = str(error)
        if isinstance(error, types.cancelled):
            self._say(Unknown("cancelled", text))
            self.left("cancelled")
        elif isinstance(error, types.timeout):
            self.take.heard(self._now(), TimedOut("read", text))
        elif isinstance(error, types.parse_error):
            self._say(Problem("malformed", text))
            self._end()
        elif isinstance(error, Exception):
            kind = "ReadError" if isinstance(error, types.connection_error) else type(error).__name__
            self.take.heard(self._now(), Reset(kind, text))
        else:
            self.left("cancelled")

    def left(self, how: Left) -> None:
        """Nobody listens any more."""
        self.take.left(self._now(), how)

    def _say(self, delta: Delta) -> None:
        self.take.heard(self._now(), Chunk(native_line(delta)))

    def _end(self) -> None:
        self.take.heard(self._now(), End())


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _plain(value: Mapping[str, Any]) -> dict[str, Json]:
    """`value` as JSON. What is none, such as an object of the application's own, is kept as its text."""
    plain: dict[str, Json] = json.loads(json.dumps(value, default=str))
    return plain
