"""From a reply to the bytes of an answer and their times."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from harness.errors import DialectError
from harness.faults import token_chunks
from harness.model import (
    NEVER,
    At,
    Chunk,
    End,
    FinishReason,
    Head,
    Json,
    Nanos,
    Problem,
    Prompt,
    Reply,
    Request,
    Timeline,
    ToolCall,
    Unknown,
    Usage,
)
from harness.scenarios import _scenario as written
from harness.spec import Dialect

_NATIVE: Final = "native"
_WORDS: Final = re.compile(r"\s*\S+|\s+$")


def words(text: str) -> tuple[str, ...]:
    """`text` as tokens: each word with the white space before it. Joined they are `text`."""
    return tuple(_WORDS.findall(text))


def spoken(reply: written.Reply, dialect: Dialect, prompt: Prompt) -> tuple[Reply, tuple[str, ...]]:
    """What `reply` says to `prompt`, and its text in pieces. Raises DialectError where `dialect` cannot carry it."""
    if reply.tool_calls and dialect.name == _NATIVE:
        message = (
            "a backend's contract has no tool call of the wire: write the call in the text, "
            "as a block that begins with ~~~json and ends with ~~~"
        )
        raise DialectError(message)
    whole = tuple(reply.chunks) if reply.chunks is not None else words(reply.text or "")
    pieces, cut = _obedient(whole, reply, prompt)
    extra = (Unknown("extra", json.dumps(reply.extra)),) if reply.extra else ()
    said = Reply(
        text="".join(pieces),
        refusal=reply.refusal or "",
        tool_calls=tuple(_tool(call, number) for number, call in enumerate(reply.tool_calls, 1)),
        finish=cut or _finish(reply),
        usage=_usage(reply.usage),
        problem=_failure(reply.failure) if reply.failure is not None else None,
        deltas=extra,
    )
    return said, tuple(piece for piece in pieces if piece)


def rendered(dialect: Dialect, reply: Reply, prompt: Prompt, pieces: Sequence[str]) -> tuple[Head, tuple[bytes, ...]]:
    """`reply` as `dialect` says it. Raises DialectError where it cannot, naming those that render at all."""
    if not dialect.renders:
        message = f"{dialect.name} is read and not written yet, so a scenario cannot answer in it"
        raise DialectError(message)
    head, chunks = dialect.render(reply, prompt, pieces)
    problem = reply.problem
    if dialect.name == _NATIVE and problem is not None and problem.status is not None and not pieces:
        head = replace(head, status=problem.status)  # so that the same call again counts as its next attempt
    return head, chunks


def timeline(
    dialect: Dialect, request: Request, answer: tuple[Head, tuple[bytes, ...]], timing: written.Timing, tokens: int
) -> Timeline:
    """The answer in time. The head comes with the first token; a unary answer when `tokens` tokens would be out."""
    head, chunks = answer
    carried = token_chunks(dialect, request, head, chunks)
    if len(chunks) == 1:
        at = _at(timing, tokens)
        return _until_never([(at, head), *((at, Chunk(chunk)) for chunk in chunks), (at, End())])
    out, events = 0, [(_at(timing, 0), head)]
    timed: list[At] = list(events)
    for number, chunk in enumerate(chunks, 1):
        timed.append((_at(timing, out), Chunk(chunk)))
        out += number in carried
    return _until_never([*timed, (_at(timing, out), End())])


def _at(timing: written.Timing, tokens: int) -> Nanos:
    first, each = timing.ttft, timing.per_token
    assert isinstance(first, int), "dice are refused"
    assert isinstance(each, int), "dice are refused"
    return Nanos(min(NEVER, first + tokens * each))


def _until_never(events: list[At]) -> Timeline:
    """The events that come at all; the wire is silent where one never does."""
    kept = tuple(at for at in events if at[0] < NEVER)
    if len(kept) == len(events):
        return Timeline(kept)
    return Timeline(kept, "open", kept[-1][0] if kept else Nanos(0))


def _tool(call: written.ToolCall, number: int) -> ToolCall:
    arguments = call.raw_args if call.raw_args is not None else json.dumps(call.args, ensure_ascii=False)
    # `id: null` is a call without one, which some wires really send; left out, it is numbered.
    return ToolCall(call.name, arguments, "" if call.id is None else call.id or f"call_{number}")


def _obedient(
    pieces: tuple[str, ...], reply: written.Reply, prompt: Prompt
) -> tuple[tuple[str, ...], FinishReason | None]:
    """`pieces` as far as the request wants them, and why they end early, if they do."""
    limit = prompt.parameters.get("max_tokens")
    cut: FinishReason | None = None
    if "max_tokens" in reply.obeys and isinstance(limit, int) and limit < len(pieces):
        pieces, cut = pieces[:limit], "length"
    stops = prompt.parameters.get("stop_sequences")
    if "stop_sequences" not in reply.obeys or not isinstance(stops, list):
        return pieces, cut
    text = "".join(pieces)
    ends = [text.find(stop) for stop in stops if isinstance(stop, str) and stop and stop in text]
    return (_first(pieces, min(ends)), "stop") if ends else (pieces, cut)


def _first(pieces: tuple[str, ...], length: int) -> tuple[str, ...]:
    """The first `length` characters of `pieces`."""
    kept: list[str] = []
    for piece in pieces:
        kept.append(piece[:length])
        length -= len(kept[-1])
    return tuple(piece for piece in kept if piece)


def _finish(reply: written.Reply) -> FinishReason | None:
    if reply.finish == "missing" or reply.failure is not None:
        return None
    return reply.finish or ("tool" if reply.tool_calls else "stop")


def _usage(usage: written.Usage | None) -> Usage | None:
    return Usage(usage.input, usage.output, usage.cached, usage.reasoning) if usage else None


def _failure(known: Mapping[str, Json]) -> Problem:
    """The soft failure of the prompt contract: it ran cleanly and produced nothing usable."""
    return Problem("failure", str(known.get("stderr", "")), extra=known)
