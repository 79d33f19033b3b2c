"""One call of a backend that is recorded: what it came to, as events in the native dialect, at their times."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeGuard, cast

from harness.backends._health import health_line
from harness.contract import Types, parse_tool_call
from harness.dialects import native_line
from harness.engine import Take
from harness.errors import ContractMisfitError, Miss
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

HEAD: Final = Head(200, Headers((("content-type", "application/x-ndjson"),)))
_REASONS: Final = frozenset({"stop", "length", "error"})
_WIRE_CALL: Final = frozenset({"name", "arguments"})
_OURSELVES: Final = (Miss, KeyboardInterrupt, SystemExit)

Parse = Callable[[str], tuple[str, Any]]


class Kept:
    """Listens to one call. `now` tells the time; `types` are the exceptions that the backend raises; `parse` is how it
    takes a tool call out of its text, `model` the one that was asked."""

    def __init__(
        self,
        take: Take,
        now: Callable[[], Nanos],
        types: Types,
        parse: Parse = parse_tool_call,
        *,
        model: str = "",
        joins: bool = False,
    ) -> None:
        self.take = take
        self.joins = joins
        self._now = now
        self._types = types
        self._parse = parse
        self._model = model
        take.sent(now())
        take.heard(now(), HEAD)

    def said(self, token: str) -> None:
        """A token came."""
        if token:
            self._say(Text(token))

    def told(self, text: str) -> None:
        """The backend reported progress."""
        self._say(Status(text))

    def ended(self, reason: object) -> None:
        """The stream ended, and `last_finish_reason` was `reason`."""
        if reason:
            self._finish(reason)
        self._end()

    def returned(self, result: Any) -> None:
        """The call returned an LLMResult or an LLMResponse, or what passes for one. Raises ContractMisfitError for
        anything else, which would be recorded as an empty answer."""
        if _has(result, "success"):
            self._result(result)
        elif _has(result, "narrative_text"):
            self._response(result)
        else:
            raise ContractMisfitError(_misfit(result))
        self._end()

    def healthy(self, answer: object) -> None:
        """The backend was asked after its health."""
        self._say(health_line(answer))
        self._end()

    def _result(self, result: Any) -> None:
        text, model = str(_field(result, "text") or ""), _field(result, "model")
        beside: dict[str, Json] = {"model": model} if isinstance(model, str) and model not in {"", self._model} else {}
        if _field(result, "success") and not text.strip():
            beside["success"] = True
        self._say_beside(beside)
        self.said(text)
        extra = _plain(dict(_field(result, "extra") or {}))
        if not _field(result, "success"):
            self._say(Problem("failure", extra=extra))
            return
        self._say(Finish("length" if extra.get("finish_reason") == "length" else "stop"))
        if extra:
            self._say(Unknown("extra", _dumped(extra)))

    def _response(self, result: Any) -> None:
        narrative = str(_field(result, "narrative_text") or "")
        call = _plain({"call": _field(result, "tool_call")})["call"]
        text = narrative if call is None else f"{narrative}\n~~~json\n{_dumped(call)}\n~~~"
        if self._parse(narrative) == (narrative, None) and _is_wire_call(call):
            self.said(narrative)
            self._say(ToolFragment(0, call["name"], _dumped(call["arguments"])))
        elif self._parse(text) == (narrative, call):  # it stood in the text, which was taken apart: a block says so
            self.said(text)
        else:  # they take their text apart in a way of their own: what came of it is said beside the text
            self.said(narrative)
            self._say(Unknown("tool_call", _dumped(call)))
        self._finish(_field(result, "finish_reason"))

    def failed(self, error: BaseException) -> None:
        """The call ended in `error`. What is no Exception (a task's cancellation) is a caller who went away."""
        text, types = str(error), self._types
        if isinstance(error, types.cancelled):
            self._say(Unknown("cancelled", text))
            self.left("cancelled")
        elif isinstance(error, (types.timeout, TimeoutError)):
            self._hear(TimedOut("read", text))
        elif isinstance(error, types.parse_error):
            self._say(Problem("malformed", text))
            self._end()
        elif isinstance(error, Exception):
            self._hear(Reset("ReadError" if isinstance(error, types.connection_error) else type(error).__name__, text))
        elif isinstance(error, GeneratorExit):
            self.left("closed")
        else:
            self.left("open" if isinstance(error, _OURSELVES) else "cancelled")

    def left(self, how: Left) -> None:
        """Nobody listens any more."""
        self.take.left(self._now(), how)

    def _finish(self, reason: object) -> None:
        """Why it stopped. A word that no contract of ours has comes back as it is: `stop` would be a lie."""
        if reason and reason not in _REASONS:
            self._say_beside({"finish_reason": str(reason)})
        self._say(Finish(cast("FinishReason", reason) if reason in _REASONS else None, str(reason or "")))

    def _say_beside(self, values: Mapping[str, Json]) -> None:
        """What the result has and no delta says, by the names of its contract."""
        if values:
            self._say(Unknown("contract", _dumped(dict(values))))

    def _say(self, delta: Delta) -> None:
        self._hear(Chunk(native_line(delta)))

    def _end(self) -> None:
        self._hear(End())

    def _hear(self, event: Chunk | End | Reset | TimedOut) -> None:
        self.take.heard(self._now(), event)


def _has(value: Any, name: str) -> bool:
    return name in value if isinstance(value, Mapping) else hasattr(value, name)


def _is_wire_call(call: Any) -> TypeGuard[dict[str, Any]]:
    """True for a tool call that a wire's form gives back as it is: elsewhere arguments may be a text, or no object."""
    return (
        isinstance(call, dict)
        and call.keys() == _WIRE_CALL
        and isinstance(call["name"], str)
        and isinstance(call["arguments"], dict)
    )


def _misfit(result: object) -> str:
    if inspect.isawaitable(result):
        return (
            "a plain function answered with something to await, so nothing of it can be recorded"
            "\n  next: make it an `async def`, or give the decorator that hides one functools.wraps"
        )
    return (
        f"the call answered with {type(result).__name__}, which is neither an LLMResult (success, text) nor an "
        "LLMResponse (narrative_text), so nothing of it can be recorded"
        "\n  next: return what the contract says; a stream of tokens is what stream_tokens is for"
    )


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _plain(value: Mapping[str, Any]) -> dict[str, Json]:
    """`value` as JSON. What is none, such as an object of the application's own, is kept as its text."""
    plain: dict[str, Json] = json.loads(json.dumps(value, default=str))
    return plain


def _dumped(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
