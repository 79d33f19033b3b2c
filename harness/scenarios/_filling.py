"""Texts with places to fill, such as `It is {{ tool_result.temp_c }} degrees.`.

What stands between the braces is a name and the way from it (`user`, `tool_result.items[0].name`, `state.phase`,
`body.model`, `header.x-user`), or a text in quotes, for braces themselves: `{{ "{{" }}`. There is nothing to call and
nothing to compute, so that a file can be read by whoever trusts nobody who wrote it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Final

from harness.scenarios._question import Question
from harness.scenarios._reply import Block, Reply, ToolCall

_PLACE: Final = re.compile(r"\{\{(\s*\"[^\"]*\"\s*|\s*'[^']*'\s*|.*?)(?:\}\}|(?=\{\{)|\Z)", re.DOTALL)
_WAY: Final = re.compile(r"(?P<root>[a-z_]+)(?P<way>(?:\.[\w-]+|\[-?\d{1,6}\])*)")
_STEP: Final = re.compile(r"\.(?P<name>[\w-]+)|\[(?P<index>-?\d+)\]")
_QUOTED: Final = re.compile(r'"([^"]*)"|\'([^\']*)\'')

ROOTS: Final[Mapping[str, Callable[[Question], Any]]] = {
    "user": lambda asked: asked.prompt.text,
    "system": lambda asked: asked.prompt.system,
    "last": lambda asked: asked.last,
    "assistant": lambda asked: asked.assistant,
    "tool_result": lambda asked: asked.tool_result(),
    "tools": lambda asked: asked.tools,
    "model": lambda asked: asked.prompt.model,
    "turn": lambda asked: asked.turn,
    "call": lambda asked: asked.call,
    "attempt": lambda asked: asked.attempt,
    "conversation": lambda asked: asked.conversation,
    "state": lambda asked: asked.state,
    "body": lambda asked: asked.body,
    "header": lambda asked: {name.lower(): value for name, value in reversed(asked.request.headers.pairs)},
}


@dataclass(frozen=True, slots=True)
class _Way:
    """A name, and the steps from it. `written` is how it stands in the file."""

    written: str
    root: str
    steps: tuple[str | int, ...]

    def value(self, asked: Question) -> Any:
        """What stands there. Raises ValueError where nothing does."""
        found = ROOTS[self.root](asked)
        for step in self.steps:
            found = _after(found, step)
        if found is None:
            here = ROOTS[self.root](asked)
            what = "has no value" if not self.steps or here is None else f"leads nowhere in {_short(here)}"
            message = f"{{{{ {self.written} }}}} {what}"
            raise ValueError(message)
        return found


def _after(value: Any, step: str | int) -> Any:
    if isinstance(value, str):
        value = _json(value)
    if isinstance(value, Mapping):
        return value.get(str(step))
    if isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
        return value[step]
    return None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return repr(text if len(text) <= 60 else text[:57] + "…")


@lru_cache(maxsize=4096)
def _parts(text: str) -> tuple[str | _Way, ...]:
    """`text` in pieces. Raises ValueError that says what is wrong with the first that is none."""
    made: list[str | _Way] = []
    at = 0
    for found in _PLACE.finditer(text):
        made.append(text[at : found.start()])
        made.append(_part(found))
        at = found.end()
    return tuple(part for part in (*made, text[at:]) if part != "")


def _part(found: re.Match[str]) -> str | _Way:
    if not found[0].endswith("}}"):
        message = '`{{` without `}}`; braces themselves are written {{ "{{" }}'
        raise ValueError(message)
    inner = found[1].strip()
    quoted = _QUOTED.fullmatch(inner)
    if quoted:
        return quoted[1] if quoted[1] is not None else quoted[2]
    way = _WAY.fullmatch(inner)
    if not way:
        message = (
            f"{{{{ {inner} }}}} is no place to fill: write a name and the way from it, such as tool_result.items[0], "
            'or a text in quotes: {{ "{{" }} for braces'
        )
        raise ValueError(message)
    if way["root"] not in ROOTS:
        near = get_close_matches(way["root"], ROOTS, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        message = f"{{{{ {inner} }}}}: there is no {way['root']!r}.{hint} There are: {', '.join(ROOTS)}"
        raise ValueError(message)
    steps = (step["name"] or int(step["index"]) for step in _STEP.finditer(way["way"]))
    return _Way(inner, way["root"], tuple(steps))


def escaped(text: str) -> str:
    """`text` as it has to be written, so that its braces are braces."""
    return text.replace("{{", '{{ "{{" }}')


def refusals(text: str) -> str | None:
    """What is wrong with the places in `text`, or None."""
    try:
        _parts(text)
    except ValueError as error:
        return str(error)
    return None


def is_filled(reply: Reply) -> bool:
    """True where `reply` has a place to fill, braces that are written as such among them."""
    return any("{{" in text for _, text in texts(reply))


def texts(reply: Reply) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text of `reply` that may have places to fill, and where it stands. What has to be broken or goes over the
    wire as it is (`raw`, `raw_args`, `stream_args`) has none."""
    for name in ("text", "thinking", "refusal"):
        if (text := getattr(reply, name)) is not None:
            yield (name,), text
    for number, chunk in enumerate(reply.chunks or ()):
        yield ("chunks", number), chunk
    yield from _leaves(reply.json_, ("json",))
    for number, call in enumerate(reply.tool_calls):
        yield from _leaves(call.args, ("tool_calls", number, "args"))
    for number, block in enumerate(reply.blocks or ()):
        for name in ("text", "thinking"):
            if (text := getattr(block, name)) is not None:
                yield ("blocks", number, name), text
        if block.tool is not None:
            yield from _leaves(block.tool.args, ("blocks", number, "tool", "args"))


def _leaves(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in items:
        yield from _leaves(item, (*path, step))


def filled(reply: Reply, asked: Question) -> Reply:
    """`reply` with every place filled from `asked`. Raises ValueError where one has no value."""

    def text(written: str | None) -> str | None:
        return None if written is None else _filled(written, asked)

    made = {
        "text": text(reply.text),
        "thinking": text(reply.thinking),
        "refusal": text(reply.refusal),
        "chunks": reply.chunks and [_filled(chunk, asked) for chunk in reply.chunks],
        "json_": _value(reply.json_, asked),
        "tool_calls": [_tool(call, asked) for call in reply.tool_calls],
        "blocks": reply.blocks and [_block(block, asked) for block in reply.blocks],
    }
    # What was not given stays not given: `json: null` is an answer, and no `json` is none.
    return reply.model_copy(update={name: value for name, value in made.items() if name in reply.model_fields_set})


def _block(block: Block, asked: Question) -> Block:
    if block.tool is not None:
        return block.model_copy(update={"tool": _tool(block.tool, asked)})
    names = [name for name in ("text", "thinking") if getattr(block, name) is not None]
    return block.model_copy(update={name: _filled(getattr(block, name), asked) for name in names})


def _tool(call: ToolCall, asked: Question) -> ToolCall:
    if "args" not in call.model_fields_set:
        return call
    return call.model_copy(update={"args": _value(call.args, asked)})


def _value(value: Any, asked: Question) -> Any:
    """A text that is one place and nothing else becomes its value, of whatever type."""
    match value:
        case str():
            parts = _parts(value)
            alone = parts[0] if len(parts) == 1 else None
            return alone.value(asked) if isinstance(alone, _Way) else _filled(value, asked)
        case list():
            return [_value(item, asked) for item in value]
        case dict():
            return {name: _value(item, asked) for name, item in value.items()}
    return value


def _filled(written: str, asked: Question) -> str:
    return "".join(part if isinstance(part, str) else _text(part.value(asked)) for part in _parts(written))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
