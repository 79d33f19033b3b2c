"""Judging a run by what is expected of it: every expectation that it does not meet, with what was seen instead."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from harness.engine import Cancel, Entry
from harness.model import Nanos, ToolCall, as_seconds
from harness.scenarios._expect import Asked, Expect, Gap, Length, Tool, Within
from harness.scenarios._holds import MISSING, parted, shaped
from harness.scenarios._matching import misses
from harness.scenarios._question import Question
from harness.spec import Difference

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A run that is over.

    `state` is that of the scenario at the end. `result` is the text of what the driver returned and `succeeded` whether
    it took it for a success; `error` is what it raised. `partial` is the text that it had by then.
    `virtual` and `wall` are nanoseconds.
    `broken` are the promises of a sweep that were not kept, each by its id, with what was seen.
    `leaks` and `reused` (an error of the second run, empty where it was fine) are None where nobody looked.
    """

    entries: Sequence[Entry]
    result: str = ""
    succeeded: bool = True
    error: BaseException | None = None
    partial: str = ""
    virtual: Nanos
    wall: Nanos
    cancels: Sequence[Cancel] = ()
    state: Mapping[str, object] = field(default_factory=dict)
    broken: Sequence[tuple[str, str]] = ()
    leaks: Sequence[str] | None = None
    reused: str | None = None


@dataclass(frozen=True, slots=True)
class Unmet:
    """An expectation that was not met: where it stands under `expect`, what it wants and what was seen."""

    path: Path
    wanted: str
    seen: str

    def __str__(self) -> str:
        where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return f"expect{where}: wants {self.wanted}, was {self.seen}"


def judged(expect: Expect, run: Observed) -> list[Unmet]:
    """Every expectation that `run` does not meet; none where it meets all."""
    return [*_outcome(expect, run), *_asked(expect, run), *_times(expect, run), *_afterwards(expect, run)]


def looks_for_leaks(expect: Expect) -> bool:
    """True where what the run left behind decides."""
    return expect.leaks is not None or expect.invariants is not None


def needs_second_run(expect: Expect) -> bool:
    """True where the driver has to be run once more to tell."""
    return expect.reusable is not None


def _outcome(expect: Expect, run: Observed) -> Iterator[Unmet]:
    seen = _ending(run)
    if expect.result is not None:
        if run.error is not None:
            yield Unmet(("result",), str(expect.result), seen)
        else:
            yield from _unmet("result", parted(expect.result, run.result, "result"))
    if expect.raises is not None and not _is_called(run.error, expect.raises):
        yield Unmet(("raises",), expect.raises, seen)
    if expect.partial is not None:
        yield from _unmet("partial", parted(expect.partial, run.partial, "partial"))
    found = {
        "success": run.error is None and run.succeeded,
        "raises": run.error is not None,
        "retry": any(entry.attempt > 1 for entry in run.entries),
    }
    for number, word in enumerate(expect.not_):
        if found[word]:
            yield Unmet(("not", number), f"no {word}", seen if word != "retry" else _count(len(run.entries), "request"))


def _asked(expect: Expect, run: Observed) -> Iterator[Unmet]:
    first = [entry for entry in run.entries if entry.attempt == 1]
    if expect.calls is not None and not expect.calls.holds(len(first)):
        yield Unmet(("calls",), str(expect.calls), str(len(first)))
    if expect.attempts is not None and not expect.attempts.holds(len(run.entries)):
        yield Unmet(("attempts",), str(expect.attempts), str(len(run.entries)))
    answered = [entry.id or entry.how for entry in first]
    if expect.order is not None and expect.order != answered:
        yield Unmet(("order",), ", ".join(expect.order) or "no call", ", ".join(answered) or "no call")
    called = [call for entry in run.entries if (reply := entry.reply) is not None for call in reply.tool_calls]
    for number, tool in enumerate(expect.tools):
        yield from _tool(tool, called, number)
    for number, asked in enumerate(expect.requests):
        yield from _request(asked, run.entries, number)


def _tool(tool: Tool, called: Sequence[ToolCall], number: int) -> Iterator[Unmet]:
    named = [call for call in called if call.name == tool.name]
    fitting = [call for call in named if tool.args is None or _has(call, tool.args)]
    wanted = f"{tool.name}({json.dumps(tool.args) if tool.args is not None else ''})"
    seen = ", ".join(f"{call.name}({call.arguments})" for call in named) or f"{_count(len(called), 'other tool call')}"
    if tool.times is None and not fitting:
        yield Unmet(("tools", number), wanted, seen)
    if tool.times is not None and not tool.times.holds(len(fitting)):
        yield Unmet(("tools", number, "times"), f"{wanted} {tool.times} times", f"{len(fitting)} times: {seen}")


def _has(call: ToolCall, args: dict[str, Any]) -> bool:
    try:
        given = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        return False
    return isinstance(given, dict) and all(name in given and given[name] == value for name, value in args.items())


def _request(asked: Asked, entries: Sequence[Entry], number: int) -> Iterator[Unmet]:
    path = ("requests", number)
    if asked.call > len(entries):
        yield Unmet(path, f"a request number {asked.call}", _count(len(entries), "request"))
        return
    entry = entries[asked.call - 1]
    for difference in misses(asked.when, Question(entry.request, entry.prompt, entry.call, entry.attempt)):
        yield Unmet((*path, *difference.path.split(".")), difference.recorded, difference.asked)


def _times(expect: Expect, run: Observed) -> Iterator[Unmet]:
    lengths = (("virtual_time", expect.virtual_time, run.virtual), ("wall_time", expect.wall_time, run.wall))
    for name, length, took in lengths:
        if length is not None and not length.holds(took):
            yield Unmet((name,), _told(length), _seconds(took))
    for number, gap in enumerate(expect.gaps):
        yield from _gap(gap, run.entries, number)


def _gap(gap: Gap, entries: Sequence[Entry], number: int) -> Iterator[Unmet]:
    path, wanted = ("gaps", number), f"{_told(gap)} after request {gap.after}"
    if gap.after >= len(entries):
        yield Unmet(path, wanted, _count(len(entries), "request"))
        return
    between = entries[gap.after].at - entries[gap.after - 1].at
    if not gap.holds(between):
        yield Unmet(path, wanted, _seconds(between))


def _afterwards(expect: Expect, run: Observed) -> Iterator[Unmet]:
    for name, wanted in expect.state.items():
        for difference in shaped(wanted, run.state.get(name, MISSING), name):
            yield Unmet(("state", name), difference.recorded, difference.asked)
    if expect.honoured_within is not None:
        yield from _honoured(expect.honoured_within, run.cancels)
    for promise, seen in run.broken if expect.invariants is not None else ():
        yield Unmet(("invariants",), promise, seen)
    if expect.leaks is not None and run.leaks:
        yield Unmet(("leaks",), "none", "; ".join(run.leaks))
    if expect.reusable is not None and expect.reusable != (run.reused == ""):
        wanted = "a second run that is fine" if expect.reusable else "a second run that fails"
        yield Unmet(("reusable",), wanted, run.reused or "one that is fine")


def _honoured(within: Within, cancels: Sequence[Cancel]) -> Iterator[Unmet]:
    path: Path = ("honoured_within",)
    reached = [cancel for cancel in cancels if cancel.is_reached]
    if not reached:
        yield Unmet(path, "a cancel that is obeyed", "no cancel: its place was not reached")
    for cancel in reached:
        if within.chunks is not None and cancel.chunks_after > within.chunks:
            yield Unmet((*path, "chunks"), f"at most {within.chunks}", f"{cancel.chunks_after} after {cancel.place}")
        if cancel.requests_after:
            yield Unmet(path, f"no request after {cancel.place}", _count(cancel.requests_after, "request"))
        lasted = cancel.lasted
        if within.virtual is not None and (lasted is None or lasted > within.virtual):
            seen = "still listening at the end" if lasted is None else _seconds(lasted)
            yield Unmet((*path, "virtual"), f"at most {_seconds(within.virtual)}", seen)


def _unmet(name: str, differences: Iterator[Difference]) -> Iterator[Unmet]:
    return (Unmet((name,), difference.recorded, difference.asked) for difference in differences)


def _is_called(error: BaseException | None, name: str) -> bool:
    """True where `error` is of a class of that name, short or dotted, or derived from one."""
    kinds = type(error).__mro__ if error is not None else ()
    return any(name in {kind.__name__, kind.__qualname__, f"{kind.__module__}.{kind.__qualname__}"} for kind in kinds)


def _ending(run: Observed) -> str:
    if run.error is not None:
        return f"{type(run.error).__name__}: {run.error}" if str(run.error) else type(run.error).__name__
    return f"{'a success' if run.succeeded else 'no success'}, {run.result!r}"


def _told(length: Length) -> str:
    low = [f"at least {_seconds(length.min)}"] if length.min is not None else []
    return " and ".join([*low, *([f"at most {_seconds(length.max)}"] if length.max is not None else [])])


def _seconds(nanos: int) -> str:
    return f"{as_seconds(Nanos(nanos)):.6g}s"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
