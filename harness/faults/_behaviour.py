"""The behaviour family: what models do that no wire is to blame for. It is said in any dialect, and at a backend."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import cycle, islice
from typing import Any, Final, Literal

from harness.faults._again import RENDERED, Said, again
from harness.faults._fault import BuiltIn, Effect, NoPlaceError
from harness.faults._params import Param, Values, text
from harness.faults._where import MEANT
from harness.model import Json, Problem, Timeline, Usage
from harness.spec import Asked, FaultSite

_BLOCK: Final = re.compile(r"(?P<open>(?:~~~|```)(?:json)?[ \t]*\n)(?P<body>.*?)(?P<close>\n(?:~~~|```)|\Z)", re.DOTALL)
_TOKENS_WITHOUT_A_LIMIT: Final = 256
_DECLINES: Final = "I'm sorry, but I can't help with that."


def _behaves(change: Callable[[Said, Values], Said]) -> Effect:
    def effect(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
        del site
        return again(timeline, asked, lambda said: change(said, values))

    return effect


def _empty(said: Said, values: Values) -> Said:
    del values
    reply = replace(said.reply, thinking="", refusal="", tool_calls=(), finish="stop", native_finish="", problem=None)
    return replace(said, reply=replace(reply, usage=_counted(said, 0))).text(())


def _in_block(said: Said, values: Values) -> Said:
    """The text up to the middle of its first block, because there were no more tokens."""
    del values
    block = _block(said)
    middle = block.start("body") + (len(block["body"]) + 1) // 2
    return _ended(_upto(said, middle), "length")


def _unclosed(said: Said, values: Values) -> Said:
    """The text without the fence that closes its first block."""
    del values
    block = _block(said)
    if not block["close"]:
        message = "the block of this answer is not closed as it is"
        raise NoPlaceError(message)
    text = said.reply.text
    return said.text((text[: block.start("close")], text[block.end("close") :]))


def _block(said: Said) -> re.Match[str]:
    found = _BLOCK.search(said.reply.text)
    if found is None:
        message = "this answer has no fenced block"
        raise NoPlaceError(message)
    return found


def _repeats(said: Said, values: Values) -> Said:
    """What was said last, over and over, up to the limit that the request has set."""
    limit = said.prompt.parameters.get("max_tokens")
    tokens = limit if isinstance(limit, int) and not isinstance(limit, bool) else _TOKENS_WITHOUT_A_LIMIT
    words = [values["text"]] if values["text"] else re.findall(r"\s*\S+", said.reply.text)[-3:] or [" again"]
    kept = re.findall(r"\s*\S+", said.reply.text)[:tokens]
    ended = _ended(said, "length").text((*kept, *islice(cycle(words), tokens - len(kept))))
    return replace(ended, reply=replace(ended.reply, usage=_counted(said, tokens)))


def _fenced(said: Said, values: Values) -> Said:
    del values
    if not said.reply.text:
        message = "this answer has no text to be put into a fence"
        raise NoPlaceError(message)
    return said.text(("```json\n", *said.pieces, "\n```"))


def _violated(said: Said, values: Values) -> Said:
    """The JSON of the text without a field that has to be there, or without any of its own."""
    del values
    try:
        told = json.loads(said.reply.text)
    except ValueError:
        told = None
    if not isinstance(told, dict) or not told:
        message = "the text of this answer is no JSON object"
        raise NoPlaceError(message)
    return said.text((json.dumps(without_required(told, _wanted(said)), ensure_ascii=False),))


def _wanted(said: Said) -> Mapping[str, Any]:
    """The JSON schema that the request asks for, in whichever way it does."""
    wanted: Any = said.prompt.parameters.get("response_format")
    for step in ("json_schema", "schema"):
        wanted = wanted.get(step, wanted) if isinstance(wanted, dict) else {}
    return wanted if isinstance(wanted, dict) else {}


def without_required(value: dict[str, Json], schema: Mapping[str, Any]) -> dict[str, Json]:
    """`value` without the first field that `schema` requires; without its first field where it requires none."""
    required = [name for name in schema.get("required", ()) if name in value]
    gone = required[0] if required else next(iter(value))
    return {name: inner for name, inner in value.items() if name != gone}


def _declines(said: Said, values: Values) -> Said:
    """In a text of its own where the wire has that, else as a prompt that was blocked."""
    message = values["message"]
    bare = replace(said.reply, thinking="", tool_calls=(), native_finish="", problem=None, finish="refusal")
    if values["reason"]:
        blocked = Problem("content-filter", message, values["reason"])
        return replace(said, reply=replace(bare, finish=None, problem=blocked)).text(())
    return replace(said, reply=replace(bare, refusal=message)).text(())


def _blocked(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del site
    is_gemini = asked.dialect == "gemini"
    if values["reason"] and not is_gemini:
        message = f"prompt-blocked has no reasons in {asked.dialect}; only gemini has"
        raise ValueError(message)
    given = {**values, "reason": (values["reason"] or "SAFETY") if is_gemini else ""}
    return again(timeline, asked, lambda said: _declines(said, given))


def _ended(said: Said, finish: Literal["length", "stop"]) -> Said:
    return replace(said, reply=replace(said.reply, finish=finish, native_finish=""))


def _upto(said: Said, length: int) -> Said:
    """The first `length` characters, in the pieces in which they came."""
    kept: list[str] = []
    for piece in said.pieces:
        kept.append(piece[: max(0, length)])
        length -= len(piece)
    return said.text(kept)


def _counted(said: Said, tokens: int) -> Usage | None:
    return replace(said.reply.usage, output_tokens=tokens) if said.reply.usage else None


def behaviour_faults() -> tuple[BuiltIn, ...]:
    """All of this family."""

    def fault(
        name: str, about: str, change: Callable[[Said, Values], Said], takes: Mapping[str, Param] | None = None
    ) -> BuiltIn:
        return BuiltIn(
            name=name,
            phase="semantic",
            about=about,
            effect=_behaves(change),
            place=MEANT,
            takes=takes or {},
            dialects=RENDERED,
        )

    again_and_again = {"text": text("", "what is repeated; the last words of the answer by default")}
    return (
        fault("empty-stop", "the model says nothing and is done", _empty),
        fault("length-in-block", "the tokens run out in the middle of a fenced block", _in_block),
        fault("unclosed-block", "a fenced block is never closed", _unclosed),
        fault("endless-repetition", "the same words until the limit of the request", _repeats, again_and_again),
        fault("json-fenced", "JSON in a fence where bare JSON was asked for", _fenced),
        fault("json-schema-violation", "JSON without a field that the schema requires", _violated),
        BuiltIn(
            name="prompt-blocked",
            phase="semantic",
            about="the model, or a filter before it, declines to answer",
            effect=_blocked,
            place=MEANT,
            takes={
                "message": text(_DECLINES, "what it says"),
                "reason": text(
                    "", "Gemini's blockReason: SAFETY, OTHER, BLOCKLIST, PROHIBITED_CONTENT, JAILBREAK, ..."
                ),
            },
            dialects=RENDERED - {"anthropic", "ollama", "bedrock-converse", "bedrock-invoke", "cohere"},
        ),
    )
