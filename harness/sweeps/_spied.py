"""Checkers of what only the driver can tell, and of what it must not: tools, emissions, secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from harness.model import Request
from harness.session import TERMINAL
from harness.sweeps._asking import is_json
from harness.sweeps._chain import chain
from harness.sweeps._outcome import Outcome

_KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
_KEY_LENGTH_MIN = 6
_PROMPT_LENGTH_MIN = 12


def tool_at_most_once(outcome: Outcome, baseline: Outcome) -> str | None:
    """No tool runs twice for one tool call, and none on arguments that were cut or that nobody meant."""
    meant = {run.id: _plain(run.arguments) for run in baseline.tools}
    seen: set[str] = set()
    for run in outcome.tools:
        if run.id and run.id in seen:
            return f"{run.name} ran twice for tool call {run.id}"
        seen.add(run.id)
        if isinstance(run.arguments, str) and not is_json(run.arguments):
            return f"{run.name} ran on arguments that are no JSON: {run.arguments!r}"
        if run.id in meant and _plain(run.arguments) != meant[run.id]:
            return f"{run.name} ran on {run.arguments!r}; the model meant {meant[run.id]!r}"
    return None


def _plain(arguments: Any) -> Any:
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


def stream_protocol(outcome: Outcome, baseline: Outcome) -> str | None:
    """Nothing is emitted after the end, and the end is emitted once."""
    ends = [item.kind in TERMINAL for item in outcome.emissions]
    if True in ends[:-1]:
        place = ends.index(True)
        return f"{outcome.emissions[place + 1].kind!r} was emitted after {outcome.emissions[place].kind!r}"
    tells = any(item.kind in TERMINAL for item in baseline.emissions)
    told_otherwise = outcome.stuck or (outcome.pressed is not None and not outcome.returned)
    if ends and tells and True not in ends and not told_otherwise:
        return "it ended and its listener was never told: no done, no error"
    return None


def no_secret_leak(outcome: Outcome, baseline: Outcome) -> str | None:
    """Neither the key nor the prompt is in the text of an exception or of a warning in the log."""
    del baseline
    texts = [("the exception", text) for error in chain(outcome.error) for text in _texts(error)]
    texts += [("the log", line) for line in outcome.logs]
    for where, text in texts:
        for what, secret in _secrets(outcome):
            if secret in text:
                return f"{what} is in the text of {where}"
    return None


def _texts(error: BaseException) -> list[str]:
    """What a traceback prints of `error`. A miss shows the prompt on purpose, and is ours."""
    return [str(error), *getattr(error, "__notes__", ())]


def _secrets(outcome: Outcome) -> Iterator[tuple[str, str]]:
    for entry in outcome.history:
        yield from (("the key", key) for key in _keys(entry.request))
        for message in entry.prompt.messages:
            if message.role in {"user", "system"} and len(message.content) >= _PROMPT_LENGTH_MIN:
                yield "the prompt", message.content


def _keys(request: Request) -> Iterator[str]:
    for name in _KEY_HEADERS:
        for value in request.headers.get_all(name):
            key = value.rpartition(" ")[2]
            if len(key) >= _KEY_LENGTH_MIN:
                yield key
