"""Matching by meaning: a backend asks with a Prompt, and a recording made on some wire answers.

1. The messages are equal: role, content, tool calls (by name and arguments) and attachments. Ids are not compared,
   because providers make them up.
2. Where the asker has one user message and nothing else, as `generate(prompt)` does, any recorded system text is right.
3. A parameter that the asker left at its default is not among its `parameters` and matches anything.
   One that it set equals the recorded one; where the recording has none, the contract's own default stands in:
   `temperature` 0.7, `top_p` 1.0, else none.
4. Model and tools decide only where the asker names them. Whether the answer is streamed never decides.
5. What the rules ignore does not decide: `$.temperature`, `$.messages[0].content`, `$.tools`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from harness.matching._differences import differences
from harness.matching._nearest import differing, exhausted, rank
from harness.matching._rules import Rules
from harness.model import Interaction, Json, Message, Prompt, ToolCall
from harness.spec import Mismatch

CONTRACT_DEFAULTS: Mapping[str, Json] = {"temperature": 0.7, "top_p": 1.0}
_ROLES = {"developer": "system", "model": "assistant"}
_JSON_MODES = ("json", "json_object", "application/json")


def same_prompt(recorded: Prompt, asked: Prompt, rules: Rules) -> bool:
    """True where the answer to `recorded` is an answer to `asked`: the rules at the top of this file."""
    left, right = _compared(recorded, asked, rules)
    return _text(left) == _text(right)


def nearest_prompt(asked: Prompt, candidates: Sequence[tuple[Interaction, Prompt, bool]], rules: Rules) -> Mismatch:
    """Why none of `candidates` answers `asked`; the bool says whether one was played already."""
    if not candidates:
        return Mismatch("nothing is recorded that could answer this prompt")
    pairs = [_compared(prompt, asked, rules) for _, prompt, _ in candidates]
    equal = [
        (interaction.id, played)
        for (interaction, _, played), (left, right) in zip(candidates, pairs, strict=True)
        if _text(left) == _text(right)
    ]
    if equal:
        return exhausted(equal)
    scored = [(left, one.id, played) for (one, _, played), (left, _) in zip(candidates, pairs, strict=True)]
    best = rank(scored, _compared(asked, asked, rules)[1])
    interaction, _, played = candidates[best]
    return differing(interaction.id, differences(*pairs[best]), played=played)


def _compared(recorded: Prompt, asked: Prompt, rules: Rules) -> tuple[Json, Json]:
    """Both prompts as JSON with only what decides in them, redacted."""
    names = [name for name, value in asked.parameters.items() if _is_set(value)]
    theirs, ours = _parameters(recorded, names, CONTRACT_DEFAULTS), _parameters(asked, names, {})
    messages = [m for m in recorded.messages if not (_asks_bare(asked) and _role(m) == "system")]
    theirs["messages"], ours["messages"] = [_message(m) for m in messages], [_message(m) for m in asked.messages]
    if asked.model:
        theirs["model"], ours["model"] = recorded.model, asked.model
    if asked.tools:
        theirs["tools"], ours["tools"] = _tools(recorded), _tools(asked)
    return _redacted(theirs, rules), _redacted(ours, rules)


def _asks_bare(asked: Prompt) -> bool:
    return len(asked.messages) == 1 and asked.messages[0].role == "user"


def _is_set(value: Json) -> bool:
    return value is not None and value not in ([], {}, "")


def _parameters(prompt: Prompt, names: Sequence[str], defaults: Mapping[str, Json]) -> dict[str, Json]:
    found = {name: prompt.parameters.get(name, defaults.get(name)) for name in names}
    return {name: _spelled(name, value) for name, value in found.items() if value is not None}


def _spelled(name: str, value: Json) -> Json:
    """One spelling for what the wires write in several."""
    if name == "stop_sequences":
        return [value] if isinstance(value, str) else list(value) if isinstance(value, Sequence) else value
    if name == "response_format":
        kind = value.get("type") if isinstance(value, dict) and len(value) == 1 else value
        return "json" if kind in _JSON_MODES else value
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _role(message: Message) -> str:
    return _ROLES.get(message.role, message.role)


def _message(message: Message) -> Json:
    said: dict[str, Json] = {"role": _role(message), "content": message.content}
    if message.tool_calls:
        said["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
    if message.attachments:
        said["attachments"] = list(message.attachments)
    return said


def _tool_call(call: ToolCall) -> Json:
    try:
        return {"name": call.name, "arguments": json.loads(call.arguments)}
    except (ValueError, RecursionError):  # cut short or never JSON: then the text is what there is
        return {"name": call.name, "arguments": call.arguments}


def _tools(prompt: Prompt) -> Json:
    return [{"name": t.name, "description": t.description, "schema": dict(t.schema)} for t in prompt.tools]


def _redacted(value: Json, rules: Rules) -> Json:
    redacted: Json = json.loads(rules.redaction.text(_text(value)))
    return rules.comparable(redacted)


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
