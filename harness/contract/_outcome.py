"""What an answer is in the words of each contract: a result, or one of its exceptions.

| what came                                  | prompt contract                  | chat contract                |
| ------------------------------------------ | -------------------------------- | ---------------------------- |
| text                                       | `success=True`                   | `stop`, `length`             |
| nothing, or white space                    | `success=False`                  | as the wire says             |
| refusal, content filter, error after text  | `success=False`                  | `error`                      |
| failure (it ran, and nothing usable)       | `success=False`, its `extra`     | `error`                      |
| HTTP 401, 403, 404: no prompt would do     | LLMConnectionError               | LLMConnectionError           |
| HTTP 3xx: nobody follows it                | LLMConnectionError               | LLMConnectionError           |
| other HTTP 4xx, less 429: not this prompt  | `success=False`, status and body | LLMConnectionError           |
| HTTP 429 and 503 when retries are used up  | LLMConnectionError               | LLMConnectionError           |
| other HTTP 5xx, error before any text      | LLMConnectionError               | LLMConnectionError           |
| not what its dialect says                  | LLMParseError                    | LLMParseError                |
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from harness.contract._generation import Answer
from harness.contract._resolve import Types
from harness.contract._retry import has_no_quota
from harness.model import FinishReason, Json, Problem, Reply

_WORDS: Final[Mapping[FinishReason | None, str]] = {
    None: "stop", "stop": "stop", "tool": "stop", "pause": "stop", "length": "length",
    "filter": "error", "refusal": "error", "load": "error", "error": "error",
}  # fmt: skip
_SOFT: Final = frozenset({"failure", "content-filter"})
_SERVER: Final = frozenset({"server-error", "overloaded", "rate-limit", "quota", "timeout"})
_WRONG_DOOR: Final = frozenset({"auth", "permission", "not-found"})
_MS: Final = 1_000_000

Shown: TypeAlias = Callable[[str], str]


def finish_reason(reply: Reply) -> str:
    """`stop`, `length` or `error`: the chat contract has no other words. A backend that was recorded may have had."""
    if reply.problem is not None or reply.refusal:
        return "error"
    return str(_beside(reply).get("finish_reason") or _WORDS[reply.finish])


def result_values(answer: Answer, types: Types, where: str, shown: Shown) -> dict[str, Any]:
    """What the prompt contract's LLMResult says. Raises what the table at the top says. `shown` redacts."""
    reply = answer.reply
    problem = reply.problem
    if problem is not None and _is_hard(problem, reply) and not _is_refused_request(problem):
        raise _failure(answer, problem, types, where, shown)
    beside = _beside(reply)
    return {
        "success": beside.get("success") or (bool(reply.text.strip()) and finish_reason(reply) != "error"),
        "text": reply.text,
        "model": beside.get("model") or answer.model,
        "latency_ms": round(answer.latency / _MS),
        "extra": _extra(answer, shown),
    }


def response_values(answer: Answer, parse: Callable[[str], tuple[str, Any]]) -> dict[str, Any]:
    """What the chat contract's LLMResponse says. `parse` is the backend's own `parse_tool_call`."""
    reply = answer.reply
    known = [delta.data for delta in reply.unknown if delta.event == "tool_call"]
    if known:  # recorded at the contract, where the text had been taken apart already
        values = {"narrative_text": reply.text, "tool_call": json.loads(known[-1])}
        return {**values, "finish_reason": finish_reason(reply)}
    narrative, tool_call = parse(reply.text + reply.refusal)
    if tool_call is None and reply.tool_calls:
        first = reply.tool_calls[0]
        tool_call = {"name": first.name, "arguments": _arguments(first.arguments)}
    return {"narrative_text": narrative, "tool_call": tool_call, "finish_reason": finish_reason(reply)}


def checked(answer: Answer, types: Types, where: str, shown: Shown) -> Answer:
    """`answer`, where the chat contract has it as an answer; else its exception is raised."""
    problem = answer.reply.problem
    if problem is not None and _is_hard(problem, answer.reply):
        raise _failure(answer, problem, types, where, shown)
    return answer


def _is_hard(problem: Problem, reply: Reply) -> bool:
    """True where no answer can be made of it: it broke before anything was said, or what came cannot be read."""
    return problem.kind == "malformed" or (problem.kind not in _SOFT and not reply.text)


def _is_refused_request(problem: Problem) -> bool:
    """True where the server is well and does not want this prompt; another one it might."""
    is_known = problem.status is not None and 400 <= problem.status < 500
    return is_known and problem.kind not in {*_SERVER, *_WRONG_DOOR, "malformed"}


def _failure(answer: Answer, problem: Problem, types: Types, where: str, shown: Shown) -> BaseException:
    """The contract's exception for `problem`, with what came back, shortened and redacted."""
    status = f"HTTP {problem.status}" if problem.status and problem.status >= 300 else ""
    what = " ".join(part for part in (status, f"({problem.kind})") if part)
    text = shown(problem.message or answer.body)
    if has_no_quota(problem):
        what += " (its quota is zero, so waiting is of no use: choose another model or plan)"
    cls = types.parse_error if problem.kind == "malformed" else types.connection_error
    verb = "answered what cannot be read" if problem.kind == "malformed" else f"failed: {what}"
    return types.error(cls, f"{answer.model} at {where} {verb}" + (f": {text}" if text else ""), model=answer.model)


def _extra(answer: Answer, shown: Shown) -> dict[str, Json]:
    """What is known beyond the text: only what is out of the ordinary."""
    reply, problem = answer.reply, answer.reply.problem
    extra: dict[str, Json] = {**_told(reply), **(problem.extra if problem else {})}
    if problem is not None and problem.kind != "failure":
        extra["error"] = shown(problem.message) or problem.kind
    if problem is not None and problem.status is not None:
        extra |= {"status": problem.status, "body": shown(answer.body)}
    if reply.refusal:
        extra["refusal"] = reply.refusal
    if reply.finish not in {None, "stop"}:
        extra["finish_reason"] = finish_reason(reply)
    if reply.tool_calls:
        extra["tool_calls"] = [{"name": c.name, "arguments": _arguments(c.arguments)} for c in reply.tool_calls]
    return extra


def _told(reply: Reply) -> dict[str, Json]:
    """What a scenario says beside its text (`extra: {rc: 0}`): the native dialect carries it, and no wire does."""
    return _named(reply, "extra")


def _beside(reply: Reply) -> dict[str, Json]:
    """What a backend that was recorded returned and no delta says, by the names of its contract."""
    return _named(reply, "contract")


def _named(reply: Reply, event: str) -> dict[str, Json]:
    named: dict[str, Json] = {}
    for delta in reply.unknown:
        if delta.event == event and isinstance(value := _arguments(delta.data), dict):
            named |= value
    return named


def _arguments(text: str) -> Json:
    """Tool arguments as the object that they are; as text where they were cut short or are no JSON."""
    try:
        value: Json = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return text
    return value
