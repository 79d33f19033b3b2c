"""What Ollama would send: a Reply as bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from harness.dialects._asking import arguments_of, assistant_calls
from harness.dialects._saying import (
    JSON,
    NDJSON,
    Piece,
    called,
    error_status,
    in_order,
    joined,
    native_finish,
    no_form,
    ok,
    problem_headers,
)
from harness.dialects._untyped import Object, dumped
from harness.model import FinishReason, Head, Json, Prompt, Reply, Spoken, Thinking, ToolCall, ToolFragment

_NAME: Final = "ollama"
_FINISH: Final[dict[FinishReason, str]] = {"stop": "stop", "tool": "stop", "length": "length", "load": "load"}
_OVERLOADED: Final = 503
_CREATED: Final = "2026-01-01T00:00:00Z"
"""A fixed moment: the same reply is the same bytes."""


def rendered(reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
    """Raises DialectError for a refusal text, an answer id, a soft failure and finish reasons that this wire lacks."""
    if reply.refusal:
        raise no_form(_NAME, "a refusal apart from the text; write it as `text`")
    problem = reply.problem
    streamed, pieces = prompt.stream is not False, in_order(reply, said)
    if problem and not (streamed and pieces):
        status = error_status(_NAME, problem, overloaded=_OVERLOADED)
        return Head(status, problem_headers(problem, JSON)), (_line({"error": problem.message}),)
    assistant_calls(_NAME, reply)
    if streamed:
        return ok(NDJSON), tuple(_line(item) for item in _lines(reply, prompt, pieces))
    message = _message(reply.text, reply.thinking, reply.tool_calls)
    return ok(JSON), (_line({**_opening(reply, prompt), **message, **_closing(reply)}),)


def _line(item: Object) -> bytes:
    return f"{dumped(item)}\n".encode()


def _lines(reply: Reply, prompt: Prompt, pieces: Sequence[Piece]) -> Iterator[Object]:
    opening = _opening(reply, prompt)
    for block in _cut(pieces):
        match block[0]:
            case ToolFragment():
                calls = [called(list(call)) for _, call in groupby(block, lambda piece: getattr(piece, "index", None))]
                yield {**opening, **_message("", calls=calls), "done": False}
            case Thinking(text=text):
                yield {**opening, **_message("", text), "done": False}
            case _:
                yield {**opening, **_message(joined(block)), "done": False}
    if reply.problem:
        yield {"error": reply.problem.message}
        return
    yield {**opening, **_message(""), **_closing(reply)}


def _cut(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """A line each: a piece, or the tool calls that follow each other."""
    for is_call, group in groupby(pieces, lambda piece: isinstance(piece, ToolFragment)):
        if is_call:
            yield list(group)
        else:
            yield from ([piece] for piece in group)


def _opening(reply: Reply, prompt: Prompt) -> Object:
    return {"model": reply.model or prompt.model, "created_at": _CREATED}


def _message(text: str, thinking: str = "", calls: Sequence[ToolCall] = ()) -> Object:
    message: Object = {"role": "assistant", "content": text}
    thought: Object = {"thinking": thinking} if thinking else {}
    called: Object = {"tool_calls": [_call(call) for call in calls]} if calls else {}
    return {"message": {**message, **thought, **called}, "response": text, **thought}


def _call(call: ToolCall) -> Json:
    function: Object = {"function": {"name": call.name, "arguments": arguments_of(call)}}
    return {"id": call.id, **function} if call.id else function


def _closing(reply: Reply) -> Object:
    word = native_finish(_NAME, reply, _FINISH)
    usage = reply.usage
    counts: Object = {
        "prompt_eval_count": usage.input_tokens if usage else None,
        "eval_count": usage.output_tokens if usage else None,
    }
    told = {name: count for name, count in counts.items() if count is not None}
    return {"done": True, "done_reason": word, **told} if word else {"done": True, **told}
