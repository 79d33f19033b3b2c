"""What tells one recorded request from the others, as the `when` of a scenario: its own words first."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from harness.dialects import prompt_of
from harness.model import Prompt, Request
from harness.scenarios._drafted_content import Written
from harness.scenarios._matching import misses
from harness.scenarios._question import Question
from harness.scenarios._when import When

_TAILS: Final = (60, 120, 240)
_KEY: Final = re.compile(r"[A-Za-z_]\w*")
_SHOWN_MAX: Final = 200
_MISSING: Final = object()


def drafted_when(asked: Request, others: Sequence[Request]) -> tuple[Written, list[Request]]:
    """What `asked` is and none of `others`, and those that it could not be told from."""
    prompt = prompt_of(asked)
    question, rivals = Question(asked, prompt or Prompt()), list(others)
    when: Written = {} if prompt else {"path": {"equals": question.path}}
    left = _left(when, rivals)
    for name, value in _parts(question, rivals):
        if when and not left:
            break
        tried = {**when, name: {**when.get(name, {}), **value} if name == "body" else value}
        still = _left(tried, left)
        if len(still) < len(left) or not when:
            when, left = tried, still
    return when, left


def _parts(asked: Question, others: Sequence[Request]) -> Iterator[tuple[str, Any]]:
    """What may be asked for, the most readable first."""
    yield from _said(asked, others)
    messages = asked.prompt.messages
    if messages:
        yield "turn", asked.turn
    if asked.prompt.stream is not None:
        yield "stream", asked.prompt.stream
    if asked.prompt.model:
        yield "model", {"equals": asked.prompt.model}
    if asked.prompt.system.strip():
        yield "system", _tail(asked.prompt.system, _TAILS[0])
    yield "path", {"equals": asked.path}
    for other in others:
        yield from (("body", part) for part in _body_parts(asked.body, Question(other).body, "$"))


def _said(asked: Question, others: Sequence[Request]) -> Iterator[tuple[str, Written]]:
    """What the last message says: the result of a tool, or the user."""
    messages = asked.prompt.messages
    if messages and messages[-1].role == "tool" and messages[-1].content.strip():
        name = messages[-1].tool_call_id or messages[-1].name
        yield "tool_result", {**({"for": name} if name else {}), **_tail(messages[-1].content, _TAILS[0])}
    if not asked.prompt.text.strip():
        return
    own = _variable(asked.prompt.text, [prompt.text for prompt in map(prompt_of, others) if prompt])
    if own:
        yield "user", _tail(own, _TAILS[0])
    for length in _TAILS:
        yield "user", _tail(asked.prompt.text, length)
    yield "user", {"equals": asked.prompt.text}


def _variable(text: str, others: Sequence[str]) -> str:
    """`text` without the end that all of `others` have as well: instructions that every prompt repeats."""
    different = [other for other in others if other and other != text]
    shared = 0
    for letters in zip(*(whole[::-1] for whole in (text, *different)), strict=False):
        if not different or len(set(letters)) > 1:
            break
        shared += 1
    common = text[len(text) - shared :]
    instructions = common[common.find("\n") :] if "\n" in common else ""
    return text.removesuffix(instructions) if instructions else ""


def _tail(text: str, length: int) -> Written:
    """The end of `text`, from the beginning of a word on; all of it, where it is no longer than that."""
    text = text.strip()
    if len(text) <= length:
        return {"contains": text}
    tail = text[-length:]
    return {"contains": (tail.partition(" ")[2] or tail).strip()}


def _body_parts(own: Any, other: Any, path: str) -> Iterator[Written]:
    """The values in the body that another one has not got, as paths."""
    if own == other or own is None:
        return
    if isinstance(own, dict) and isinstance(other, dict):
        for name in own:
            if _KEY.fullmatch(name):
                yield from _body_parts(own[name], other.get(name, _MISSING), f"{path}.{name}")
    elif isinstance(own, list) and isinstance(other, list):
        for number, item in enumerate(own):
            beside = other[number] if number < len(other) else _MISSING
            yield from _body_parts(item, beside, f"{path}[{number}]")
    elif path != "$" and len(json.dumps(own)) <= _SHOWN_MAX:
        yield {path: {"equals": own}}


def _left(when: Written, rivals: Sequence[Request]) -> list[Request]:
    """Those of `rivals` that `when` matches as well."""
    read = When.model_validate(when)
    return [other for other in rivals if not misses(read, Question(other, prompt_of(other) or Prompt()))]
