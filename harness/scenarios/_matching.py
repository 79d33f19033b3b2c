"""Whether a call answers a request, and where it does not: each part that differs, ready to print."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from harness.matching import values_at
from harness.scenarios._holds import MISSING, parted, shaped
from harness.scenarios._question import Question
from harness.scenarios._text import TextMatch, told
from harness.scenarios._when import When
from harness.spec import Difference

_TEXTS: Final = ("user", "system", "last", "assistant", "model", "tools", "path", "conversation")
_COUNTS: Final = ("turn", "call", "attempt")


def misses(when: When, asked: Question, path: str = "when") -> list[Difference]:
    """The parts of `when` that do not hold for `asked`; none where the call answers it."""
    return list(_misses(when, asked, path))


def _misses(when: When, asked: Question, path: str) -> Iterator[Difference]:
    yield from _of_prompt(when, asked, path)
    yield from _of_wire(when, asked, path)
    for name, wanted in when.state.items():
        yield from shaped(wanted, asked.state.get(name, MISSING), f"{path}.state.{name}")
    if when.predicate is not None and not asked.predicates[when.predicate](asked.prompt):
        yield Difference(f"{path}.predicate", f"{when.predicate} says yes", "no")
    for number, part in enumerate(when.all_):
        yield from _misses(part, asked, f"{path}.all[{number}]")
    yield from _none_of(when, asked, path)
    if when.not_ is not None and not misses(when.not_, asked):
        yield Difference(f"{path}.not", described(when.not_), "just that")


def _of_prompt(when: When, asked: Question, path: str) -> Iterator[Difference]:
    for name in _TEXTS:
        if name in when.model_fields_set:
            yield from parted(getattr(when, name), _text(name, asked), f"{path}.{name}")
    if when.tool_result is not None:
        result = asked.tool_result(when.tool_result.for_)
        yield from parted(when.tool_result, MISSING if result is None else result, f"{path}.tool_result")
    if when.stream is not None and when.stream != bool(asked.prompt.stream):
        yield Difference(f"{path}.stream", told(when.stream), told(bool(asked.prompt.stream)))
    for name in _COUNTS:
        if name in when.model_fields_set:
            yield from _counted(getattr(when, name), getattr(asked, name), f"{path}.{name}")


def _of_wire(when: When, asked: Question, path: str) -> Iterator[Difference]:
    for name, match in when.header.items():
        values: Any = list(asked.request.headers.get_all(name))
        yield from parted(match, values or MISSING, f"{path}.header.{name}")
    for where, wanted in when.body.items():
        yield from _of_body(wanted, asked, where, f"{path}.body.{where}")


def _text(name: str, asked: Question) -> Any:
    match name:
        case "user":
            return asked.prompt.text
        case "system" | "model":
            return getattr(asked.prompt, name)
    return getattr(asked, name)


def _counted(wanted: list[int], number: int, path: str) -> Iterator[Difference]:
    if not wanted[0] <= number <= wanted[1]:
        yield Difference(path, _range(wanted), str(number))


def _of_body(wanted: Any, asked: Question, where: str, path: str) -> Iterator[Difference]:
    """One of the values at `where` has to be as wanted; of several that are not, the first is told."""
    values: list[Any] = [*values_at(asked.body, where)] or [MISSING]
    told_of = [list(shaped(wanted, value, path, loosely=True)) for value in values]
    if all(told_of):
        yield from told_of[0]


def _none_of(when: When, asked: Question, path: str) -> Iterator[Difference]:
    tried = [misses(part, asked, f"{path}.any[{number}]") for number, part in enumerate(when.any_)]
    if tried and all(tried):
        yield from (difference for missed in tried for difference in missed)


def described(when: When) -> str:
    """`when` in one line."""
    said = [f"{name} {getattr(when, name)}" for name in (*_TEXTS, "tool_result") if getattr(when, name) is not None]
    said += [f"stream {told(when.stream)}"] if when.stream is not None else []
    said += [f"{name} {_range(getattr(when, name))}" for name in _COUNTS if getattr(when, name) is not None]
    said += [f"header {name} {match}" for name, match in when.header.items()]
    said += [f"body {where} {_short(wanted)}" for where, wanted in when.body.items()]
    said += [f"state {name} {_short(wanted)}" for name, wanted in when.state.items()]
    said += [f"predicate {when.predicate}"] if when.predicate is not None else []
    said += [f"all of {len(when.all_)} rules"] if when.all_ else []
    said += [f"one of {len(when.any_)} rules"] if when.any_ else []
    said += [f"not ({described(when.not_)})"] if when.not_ is not None else []
    return ", ".join(said) or "everything"


def _short(wanted: Any) -> str:
    return str(wanted) if isinstance(wanted, TextMatch) else told(wanted)


def _range(wanted: list[int]) -> str:
    return str(wanted[0]) if wanted[0] == wanted[1] else f"{wanted[0]} to {wanted[1]}"
