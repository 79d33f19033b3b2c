"""What a recorded answer says, in the words of a reply: texts, blocks and tool calls."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

from harness.model import Delta, Prompt, Reply, Text, Thinking, ToolCall, ToolFragment, Unknown
from harness.scenarios._filling import escaped
from harness.scenarios._pieces import said as in_pieces
from harness.scenarios._pieces import words
from harness.scenarios._reply import Reply as Spoken

Written: TypeAlias = dict[str, Any]
"""A part of a scenario as YAML says it."""
Piece: TypeAlias = Text | Thinking | ToolFragment
TOKENS: Final = (Text, Thinking, ToolFragment)


def count(reply: Written) -> int:
    """In how many pieces `reply` will be said."""
    try:
        return len(in_pieces(Spoken.model_validate(reply), Prompt(), "words").pieces)
    except ValueError:
        return 0


def is_event(delta: Delta) -> bool:
    """True for an event of the wire that no reply says."""
    return isinstance(delta, Unknown) and delta.event != "extra"


def pieces_of(said: Iterable[Delta]) -> list[Piece]:
    """What is said, without the pieces that say nothing: a word of a reply is never empty."""
    found = (delta for delta in said if isinstance(delta, TOKENS))
    return [d for d in found if (d.name or d.arguments if isinstance(d, ToolFragment) else d.text)]


def content(said: Reply, pieces: list[Piece], *, whole: bool) -> Written:
    """What `said` says, as text, chunks, blocks, tool calls, a refusal or a failure."""
    if said.problem is not None and said.problem.kind == "failure":
        return {"failure": dict(said.problem.extra)}
    extra: Written = {}
    for delta in said.deltas:
        if isinstance(delta, Unknown):
            extra = {"extra": json.loads(delta.data)}
    if said.refusal:
        return {"refusal": escaped(said.refusal), **extra}
    kinds = [type(piece) for piece in pieces]
    calls = [_call(call, [] if whole else _arguments(pieces, n)) for n, call in enumerate(said.tool_calls)]
    if Thinking in kinds or kinds != sorted(kinds, key=lambda kind: kind is ToolFragment):
        return {"blocks": list(_blocks(pieces, calls)), **extra}
    texts = [piece.text for piece in pieces if isinstance(piece, Text)]
    made = _text(texts, whole=whole) if texts or not calls else {}
    return {**made, **({"tool_calls": calls} if calls else {}), **extra}


def _text(texts: list[str], *, whole: bool) -> Written:
    text = "".join(texts)
    if whole or len(texts) == 1 or tuple(texts) == words(text):
        return {"text": escaped(text)}
    return {"chunks": [escaped(piece) for piece in texts]}


def _blocks(pieces: list[Piece], calls: list[Written]) -> Iterator[Written]:
    """Thinking, texts and calls in the order in which they began."""
    indexes: list[int] = []
    made: list[tuple[str, str]] = []
    for piece in pieces:
        if isinstance(piece, ToolFragment):
            if piece.index not in indexes:
                indexes.append(piece.index)
                made.append(("tool", ""))
        else:
            kind = "thinking" if isinstance(piece, Thinking) else "text"
            before = made.pop()[1] if made and made[-1][0] == kind else ""
            made.append((kind, before + piece.text))
    left = iter(calls)
    for kind, text in made:
        yield {kind: next(left) if kind == "tool" else escaped(text)}


def _call(call: ToolCall, pieces: list[str]) -> Written:
    made: Written = {"name": call.name, "id": call.id or None}
    if len(pieces) > 1:
        return {**made, "stream_args": pieces}
    try:
        args = json.loads(call.arguments)
    except ValueError:
        return {**made, "raw_args": call.arguments}
    plain = json.dumps(args, ensure_ascii=False) == call.arguments and "{{" not in call.arguments
    return {**made, "args": args} if plain else {**made, "raw_args": call.arguments}


def _arguments(pieces: list[Piece], number: int) -> list[str]:
    fragments = [piece for piece in pieces if isinstance(piece, ToolFragment)]
    indexes = list(dict.fromkeys(piece.index for piece in fragments))
    return [piece.arguments for piece in fragments if piece.index == indexes[number] and piece.arguments]
