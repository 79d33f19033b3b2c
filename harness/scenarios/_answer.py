"""From a reply to the bytes of an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from harness.dialects import OLDER, frames
from harness.errors import DialectError
from harness.model import (
    FinishReason,
    Head,
    Headers,
    Json,
    Problem,
    Prompt,
    Reply,
    Request,
    Spoken,
    ToolCall,
    Unknown,
    Usage,
)
from harness.scenarios import _reply as written
from harness.scenarios._pieces import Said, arguments, said
from harness.spec import Dialect

_NATIVE: Final = "native"
_HAVE_OLDER: Final = frozenset(name.partition(".")[0] for name in OLDER)


def spoken(
    reply: written.Reply, dialect: Dialect, prompt: Prompt, tokens: str | Sequence[str] = "words"
) -> tuple[Reply, Said]:
    """What `reply` says to `prompt`, and its pieces in order. Raises DialectError where `dialect` cannot carry it,
    ValueError where `tokens` are not its text."""
    calls = [*reply.tool_calls, *(block.tool for block in reply.blocks or () if block.tool is not None)]
    if calls and dialect.name == _NATIVE:
        message = (
            "a backend's contract has no tool call of the wire: write the call in the text, "
            "as a block that begins with ~~~json and ends with ~~~"
        )
        raise DialectError(message)
    draws = getattr(dialect, "draws", False) and dialect.name != _NATIVE  # a backend's contract is one of texts
    if any(block.image is not None for block in reply.blocks or ()) and not draws:
        message = f"{dialect.name} has no form for an image; gemini and openai-responses have one"
        raise DialectError(message)
    pieces = said(reply, prompt, tokens)
    extra = (Unknown("extra", json.dumps(reply.extra)),) if reply.extra else ()
    meant = Reply(
        text=pieces.text,
        thinking=pieces.thinking,
        refusal=reply.refusal or "",
        tool_calls=tuple(_tool(call, number) for number, call in enumerate(calls, 1)),
        finish=pieces.ends or _finish(reply, has_calls=bool(calls)),
        native_finish=reply.native_finish or "",
        usage=_usage(reply.usage),
        problem=_failure(reply.failure) if reply.failure is not None else None,
        deltas=extra,
    )
    return meant, pieces


def rendered(dialect: Dialect, reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
    """`reply` as `dialect` says it. Raises DialectError where it cannot, naming those that render at all."""
    if not dialect.renders:
        message = f"{dialect.name} renders nothing, so a scenario cannot answer in it"
        raise DialectError(message)
    head, chunks = dialect.render(reply, prompt, said)
    problem = reply.problem
    if dialect.name == _NATIVE and problem is not None and problem.status is not None and not said:
        head = replace(head, status=problem.status)  # so that the same call again counts as its next attempt
    return head, chunks


def refuse_older(dialect: Dialect, request: Request) -> None:
    """Raises DialectError where `request` asks by an operation whose answers are read and not written: a client would
    get those of the newer one, in a form that it does not know."""
    if dialect.name not in _HAVE_OLDER:
        return
    known = dialect.operation(request)
    newer = OLDER.get(known.name) if known else None
    if known and newer:
        message = f"{known.name} is answered as it was recorded, or in `raw`; what is written is the newer {newer}"
        raise DialectError(message)


def plain(reply: written.Reply, request: Request, *, is_native: bool = False) -> tuple[Head, tuple[bytes, ...]]:
    """`reply` as it stands, whatever was asked: the `raw` of it, or its `json` as the whole body. Raises DialectError
    where it is neither, and at a backend, which has no wire."""
    if is_native:
        message = "a raw answer is one of the wire, and a backend's contract has none: give a text or a fault"
        raise DialectError(message)
    if reply.raw is not None:
        head = Head(reply.raw.status, _headers(reply.raw))
        return head, frames(request, head, reply.raw.content)
    if "json_" in reply.model_fields_set:
        body = json.dumps(reply.json_, ensure_ascii=False).encode()
        return Head(200, Headers((("content-type", "application/json"),)), "OK"), (body,)
    message = "no dialect recognises this request, so only raw and json can answer it"
    raise DialectError(message)


def _headers(raw: written.Raw) -> Headers:
    given = Headers.of(raw.headers.items())
    is_value = "body" in raw.model_fields_set and not isinstance(raw.body, str)
    if is_value and "content-type" not in given:
        return Headers((*given, ("content-type", "application/json")))
    return given


def _tool(call: written.ToolCall, number: int) -> ToolCall:
    return ToolCall(call.name, arguments(call), "" if call.id is None else call.id or f"call_{number}")


def _finish(reply: written.Reply, *, has_calls: bool) -> FinishReason | None:
    if reply.finish == "missing" or reply.failure is not None:
        return None
    return reply.finish or ("tool" if has_calls else "stop")


def _usage(usage: written.Usage | None) -> Usage | None:
    return Usage(usage.input, usage.output, usage.cached, usage.reasoning) if usage else None


def _failure(known: Mapping[str, Json]) -> Problem:
    """The soft failure of the prompt contract: it ran cleanly and produced nothing usable."""
    return Problem("failure", str(known.get("stderr", "")), extra=known)
