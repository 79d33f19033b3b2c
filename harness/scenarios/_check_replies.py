"""Whether the parts of a reply agree with each other, and its places to fill are some."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from harness.scenarios._filling import refusals, texts
from harness.scenarios._pieces import streamed
from harness.scenarios._reply import Reply, ToolCall
from harness.scenarios._yaml import Document, Path


def check_reply(reply: Reply, path: Path, document: Document) -> None:
    """Every mistake, noted in `document`."""
    for where, text in texts(reply):
        wrong = refusals(text) if "{{" in text else None
        if wrong:
            document.mistake((*path, *where), wrong)
    for where, call in _calls(reply):
        _check_call(call, (*path, *where), document)
    _check_company(reply, path, document)


def _calls(reply: Reply) -> Iterator[tuple[Path, ToolCall]]:
    for number, call in enumerate(reply.tool_calls):
        yield ("tool_calls", number), call
    for number, block in enumerate(reply.blocks or ()):
        if block.tool is not None:
            yield ("blocks", number, "tool"), block.tool


def _check_call(call: ToolCall, path: Path, document: Document) -> None:
    if call.raw_args is not None and "args" in call.model_fields_set:
        document.mistake(path, "args and raw_args in one tool call: give one")
        return
    if call.stream_args is None:
        return
    whole = streamed(call)
    if call.raw_args is not None and whole != call.raw_args:
        document.mistake((*path, "stream_args"), f"the pieces add up to {whole!r}, and raw_args is {call.raw_args!r}")
    if "args" in call.model_fields_set and _json(whole) != (call.args,):
        wanted = json.dumps(call.args, ensure_ascii=False)
        document.mistake((*path, "stream_args"), f"the pieces add up to {whole!r}, and args is {wanted}")


def _json(text: str) -> tuple[Any, ...]:
    try:
        return (json.loads(text),)
    except ValueError:
        return ()


def _check_company(reply: Reply, path: Path, document: Document) -> None:
    """What stands beside an answer that has no use for it."""
    says = set(reply.says)
    given = reply.model_fields_set
    useless = {
        "obeys": not says & {"text", "chunks", "json"},
        "thinking": not says & {"text", "chunks", "json", "tool_calls"},
        "finish": bool(says & {"raw", "failure"}) or not says,
        "native_finish": bool(says & {"raw", "failure"}) or not says,
        "usage": bool(says & {"raw", "failure"}) or not says,
        "extra": "raw" in says or not says,
    }
    for name, is_useless in useless.items():
        if name in given and is_useless:
            what = " and ".join(reply.says) or "a fault alone"
            document.mistake((*path, name), f"{name} says nothing beside {what}: leave it out", at_key=True)
    if reply.finish == "missing" and reply.native_finish is not None:
        document.mistake(
            (*path, "native_finish"), "finish is missing, and native_finish says it: give one", at_key=True
        )
