"""Where two JSON values part, and how to show it in one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import zip_longest

from harness.model import Json
from harness.spec import Difference

CONTEXT = 8  # characters around a difference that are shown before anything is left out
LONGEST = 60
ABSENT = "nothing"


class _Absent:
    """Stands where the other side has something."""


_NOTHING = _Absent()


def differences(recorded: Json, asked: Json, path: str = "$") -> Iterator[Difference]:
    """Every place where the two part, in the order of the recorded one; a subtree that one side lacks is one place."""
    if isinstance(recorded, dict) and isinstance(asked, dict):
        for name in [*recorded, *(name for name in asked if name not in recorded)]:
            yield from _at(recorded.get(name, _NOTHING), asked.get(name, _NOTHING), path + _field(name))
    elif isinstance(recorded, list) and isinstance(asked, list):
        yield from _in_lists(recorded, asked, path)
    elif recorded != asked or isinstance(recorded, bool) != isinstance(asked, bool):
        yield Difference(path, *shown(recorded, asked))


def _at(recorded: Json | _Absent, asked: Json | _Absent, path: str) -> Iterator[Difference]:
    if isinstance(recorded, _Absent):
        yield Difference(path, ABSENT, ABSENT if isinstance(asked, _Absent) else _cut(_text(asked)))
    elif isinstance(asked, _Absent):
        yield Difference(path, _cut(_text(recorded)), ABSENT)
    else:
        yield from differences(recorded, asked, path)


def _in_lists(recorded: list[Json], asked: list[Json], path: str) -> Iterator[Difference]:
    """What both end with is compared from the end, so that one inserted message is one difference."""
    tail = _common_tail(recorded, asked) if len(recorded) != len(asked) else 0
    head, other = recorded[: len(recorded) - tail], asked[: len(asked) - tail]
    for index, (left, right) in enumerate(zip_longest(head, other, fillvalue=_NOTHING)):
        yield from _at(left, right, f"{path}[{index}]")


def _common_tail(left: list[Json], right: list[Json]) -> int:
    count = 0
    while count < min(len(left), len(right)) and left[-1 - count] == right[-1 - count]:
        count += 1
    return count


def _field(name: str) -> str:
    return f".{name}" if name.replace("-", "_").isidentifier() else f"[{json.dumps(name, ensure_ascii=False)}]"


def shown(recorded: Json, asked: Json) -> tuple[str, str]:
    """Both values, ready to print: texts shortened around the difference, everything else as compact JSON."""
    if isinstance(recorded, str) and isinstance(asked, str):
        left, right = shortened(recorded, asked)
        return _quoted(left), _quoted(right)
    return _cut(_text(recorded)), _cut(_text(asked))


def shortened(left: str, right: str) -> tuple[str, str]:
    """Both texts with what they have in common replaced by an ellipsis, up to the word that differs."""
    start = _common_start(left, right)
    stop = _common_stop(left, right, start)
    first = _word_start(left, start)
    first = first if first > CONTEXT else 0
    return _between(left, first, stop), _between(right, first, stop)


def _common_start(left: str, right: str) -> int:
    """The number of characters that both start with."""
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[:middle] == right[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_stop(left: str, right: str, start: int) -> int:
    """The number of characters that both end with, the common start not counted twice."""
    left_rest, right_rest = left[start:][::-1], right[start:][::-1]
    return _common_start(left_rest, right_rest)


def _word_start(text: str, at: int) -> int:
    while at > 0 and not text[at - 1].isspace():
        at -= 1
    return at


def _between(text: str, first: int, common_stop: int) -> str:
    """`text` from `first` to the end of the word in which its own part ends."""
    last = len(text) - common_stop
    while last < len(text) and not text[last].isspace():
        last += 1
    last = last if len(text) - last > CONTEXT else len(text)
    middle = text[first:last]
    if len(middle) > LONGEST:
        middle, last = middle[:LONGEST], first + LONGEST
    return ("…" if first else "") + middle + ("…" if last < len(text) else "")


def _text(value: Json) -> str:
    if isinstance(value, str):
        return _quoted(value)
    return json.dumps(value, ensure_ascii=False)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return f"'{escaped}'"


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return text[: LONGEST - 1] + "…" + ("'" if text.startswith("'") else "")
