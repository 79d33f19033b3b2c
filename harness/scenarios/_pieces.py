"""From a reply to what is said, piece by piece: each is one delta of a stream."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from harness.model import FinishReason, Image, Prompt, Spoken, Text, Thinking, ToolFragment
from harness.scenarios._reply import Block, Reply, ToolCall

_WORDS: Final = re.compile(r"\s*\S+|\s+$")


def words(text: str) -> tuple[str, ...]:
    """`text` as tokens: each word with the white space before it. Joined they are `text`."""
    return tuple(_WORDS.findall(text))


def cut(text: str, tokens: str | Sequence[str]) -> tuple[str, ...]:
    """`text` in `tokens`: `words`, `chars`, or the pieces themselves. Raises ValueError where these are not `text`."""
    match tokens:
        case "words":
            return words(text)
        case "chars":
            return tuple(text)
    if "".join(tokens) != text:
        message = f"the tokens {list(tokens)!r} joined are not the text {text!r}"
        raise ValueError(message)
    return tuple(tokens)


@dataclass(slots=True)
class Said:
    """`pieces` in order. `joined` are the numbers of those that travel with the one before; `raw` is what goes over the
    wire as it stands, each with the number of pieces before it. `ends` is why it ends early, where it does."""

    pieces: list[Spoken] = field(default_factory=list)
    joined: set[int] = field(default_factory=set)
    raw: list[tuple[int, bytes]] = field(default_factory=list)
    ends: FinishReason | None = None

    @property
    def text(self) -> str:
        """The text alone."""
        return "".join(p.text if isinstance(p, Text) else p for p in self.pieces if isinstance(p, str | Text))

    @property
    def thinking(self) -> str:
        """The thinking alone."""
        return "".join(piece.text for piece in self.pieces if isinstance(piece, Thinking))


def said(reply: Reply, prompt: Prompt, tokens: str | Sequence[str]) -> Said:
    """What `reply` says to `prompt`. Raises ValueError where `tokens` are not the text."""
    if reply.blocks is not None:
        return _blocks(reply.blocks, tokens)
    text = json.dumps(reply.json_, ensure_ascii=False) if "json_" in reply.model_fields_set else reply.text or ""
    whole = tuple(reply.chunks) if reply.chunks is not None else cut(text, tokens)
    pieces, ends = _obedient(whole, reply, prompt)
    made = Said(ends=ends)
    made.pieces += [Thinking(piece) for piece in words(reply.thinking or "")]
    made.pieces += [piece for piece in pieces if piece]
    for number, call in enumerate(reply.tool_calls):
        _call(made, number, call, is_whole=call.stream_args is None)
    return made


def _blocks(blocks: Sequence[Block], tokens: str | Sequence[str]) -> Said:
    made, calls = Said(), 0
    cuts = "words" if isinstance(tokens, list) else tokens
    for block in blocks:
        if block.raw is not None:
            made.raw.append((len(made.pieces), block.raw.encode()))
        elif block.tool is not None:
            _call(made, calls, block.tool, is_whole=False)
            calls += 1
        elif block.image is not None:
            made.pieces.append(Image(*block.drawn))
        elif block.thinking is not None:
            made.pieces += [Thinking(piece) for piece in cut(block.thinking, cuts)]
        else:
            made.pieces += [Text(piece) for piece in cut(block.text or "", cuts)]
    return made


def _call(made: Said, number: int, call: ToolCall, *, is_whole: bool) -> None:
    # `id: null` is a call without one, which some wires really send; left out, it is numbered.
    name = "" if call.id is None else call.id or f"call_{number + 1}"
    if is_whole:
        made.pieces.append(ToolFragment(number, call.name, arguments(call), name))
        return
    made.pieces.append(ToolFragment(number, call.name, "", name))
    for piece, is_joined in _streamed(call):
        if is_joined:
            made.joined.add(len(made.pieces))
        made.pieces.append(ToolFragment(number, arguments=piece))


def _streamed(call: ToolCall) -> Iterator[tuple[str, bool]]:
    """The arguments in their pieces, and whether each travels with the one before."""
    for item in call.stream_args or [arguments(call)]:
        for place, piece in enumerate([item] if isinstance(item, str) else item):
            if piece:
                yield piece, place > 0


def arguments(call: ToolCall) -> str:
    """The arguments of `call` as text."""
    if call.raw_args is not None:
        return call.raw_args
    if call.stream_args is not None and "args" not in call.model_fields_set:
        return streamed(call)
    return json.dumps(call.args, ensure_ascii=False)


def streamed(call: ToolCall) -> str:
    """What `stream_args` of `call` add up to."""
    return "".join(item if isinstance(item, str) else "".join(item) for item in call.stream_args or ())


def _obedient(pieces: tuple[str, ...], reply: Reply, prompt: Prompt) -> tuple[tuple[str, ...], FinishReason | None]:
    """`pieces` as far as the request wants them, and why they end early, if they do."""
    limit = prompt.parameters.get("max_tokens")
    ends: FinishReason | None = None
    if "max_tokens" in reply.obeys and isinstance(limit, int) and limit < len(pieces):
        pieces, ends = pieces[:limit], "length"
    stops = prompt.parameters.get("stop_sequences")
    if "stop_sequences" not in reply.obeys or not isinstance(stops, list):
        return pieces, ends
    text = "".join(pieces)
    found = [text.find(stop) for stop in stops if isinstance(stop, str) and stop and stop in text]
    return (_first(pieces, min(found)), "stop") if found else (pieces, ends)


def _first(pieces: tuple[str, ...], length: int) -> tuple[str, ...]:
    """The first `length` characters of `pieces`."""
    kept: list[str] = []
    for piece in pieces:
        kept.append(piece[:length])
        length -= len(kept[-1])
    return tuple(piece for piece in kept if piece)
