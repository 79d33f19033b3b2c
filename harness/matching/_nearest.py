"""The nearest miss: which recorded request is closest to what was asked, and where the two part.

Nothing here runs unless a test is about to fail, but a cassette may have ten thousand interactions: candidates are
ranked by the leaves that they share, a few of the best by their words, and only the winner is compared in full.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest

from harness.matching._canonical import CanonicalBody, canonical_body, canonical_url
from harness.matching._differences import differences, shown
from harness.matching._rules import Rules
from harness.model import Interaction, Json, Request
from harness.spec import Difference, Mismatch, Operation

SHORTLIST = 32
SHOWN = 8  # differences that a message lists
_WORDS = 4000  # characters of a text that take part in the ranking

OperationOf = Callable[[Request], Operation | None]


@dataclass(frozen=True, slots=True)
class _Question:
    """A request as it is compared."""

    method: str
    url: str
    body: CanonicalBody
    operation: Operation | None = None

    @classmethod
    def of(cls, request: Request, rules: Rules, operation: OperationOf | None) -> _Question:
        return cls(
            request.method.upper(),
            canonical_url(request.url, rules.redaction).removesuffix("?"),
            canonical_body(request.body, rules),
            operation(request) if operation else None,
        )

    @property
    def value(self) -> Json:
        """The body as JSON; a text where it is neither JSON nor a form."""
        text = self.body.data.decode("utf-8", "replace")
        return json.loads(text) if self.body.kind in {"json", "form"} else text

    def asks_elsewhere(self, other: _Question) -> bool:
        """True where the two go to different places: neither the URL nor the operation is the same."""
        return self.url != other.url and (self.operation is None or self.operation != other.operation)


def nearest(
    asked: Request,
    candidates: Sequence[tuple[Interaction, bool]],
    rules: Rules,
    *,
    operation: OperationOf | None = None,
) -> Mismatch:
    """Why none of `candidates` answers `asked`; the bool says whether one was played already.

    `operation` tells what a request asks of a provider, so that another base URL is no difference.
    """
    question = _Question.of(asked, rules, operation)
    others = [(_Question.of(one.request, rules, operation), one.id, played) for one, played in candidates]
    if not others:
        return Mismatch(f"nothing is recorded that could answer {question.method} {question.url}")
    equal = [(name, played) for other, name, played in others if _is_equal(other, question)]
    if equal:
        return exhausted(equal)
    best = _ranked([(_leaves_of(other), name, played) for other, name, played in others], _leaves_of(question))
    other, name, played = others[best]
    return differing(name, _differences(other, question), played=played)


def exhausted(equal: Sequence[tuple[str, bool]]) -> Mismatch:
    """The same request is recorded; `equal` are the ids and whether each was played."""
    name = equal[-1][0]
    if not all(played for _, played in equal):
        waiting = next(name for name, played in equal if not played)
        return Mismatch(f"{waiting} is equal, and a matcher refused it", waiting)
    recorded = "once" if len(equal) == 1 else f"{len(equal)} times"
    return Mismatch(f"recorded {recorded} and played already (last {name or 'one'})", name, exhausted=True)


def differing(name: str, parts: Iterable[Difference], *, played: bool) -> Mismatch:
    """The nearest candidate is `name`, and it parts from what was asked in `parts`."""
    every = tuple(parts)
    more = f"; {len(every) - SHOWN} more differences are not listed" if len(every) > SHOWN else ""
    was = ", which was played already" if played else ""
    return Mismatch(
        f"nothing recorded is equal; the nearest is {name or 'the only one'}{was}{more}", name, every[:SHOWN]
    )


def rank(candidates: Sequence[tuple[Json, str, bool]], asked: Json) -> int:
    """The index of the candidate value that is closest to `asked`; of equals one that is unplayed, then the first."""
    return _ranked(
        [(_leaves({"body": value}), name, played) for value, name, played in candidates], _leaves({"body": asked})
    )


_Leaves = dict[str, "str | int | float | bool | None"]


def _ranked(candidates: Sequence[tuple[_Leaves, str, bool]], asked: _Leaves) -> int:
    apart = [_apart(leaves, asked) for leaves, _, _ in candidates]
    shortlist = nsmallest(SHORTLIST, range(len(candidates)), key=lambda i: (len(apart[i]), candidates[i][2], i))
    return min(shortlist, key=lambda i: (_distance(candidates[i][0], asked, apart[i]), candidates[i][2], i))


def _apart(left: _Leaves, right: _Leaves) -> set[str]:
    return {path for path, _ in left.items() ^ right.items()}


def _distance(left: _Leaves, right: _Leaves, paths: set[str]) -> float:
    # A fixed part for every place that differs, and more the less its words agree.
    return sum(0.3 + 0.7 * (1 - _alike(left.get(path), right.get(path))) for path in sorted(paths))


def _alike(left: object, right: object) -> float:
    if not isinstance(left, str) or not isinstance(right, str):
        return 0.5 if type(left) is type(right) else 0.0
    if left == right:
        return 1.0
    ours, theirs = Counter(left[:_WORDS].split()), Counter(right[:_WORDS].split())
    total = ours.total() + theirs.total()
    return 2 * (ours & theirs).total() / total if total else 0.0


def _is_equal(one: _Question, other: _Question) -> bool:
    return one.method == other.method and one.body == other.body and not one.asks_elsewhere(other)


def _leaves_of(question: _Question) -> _Leaves:
    place = repr(question.operation) if question.operation else question.url
    return _leaves({"method": question.method, "url": place, "body": question.value})


def _leaves(value: Json, path: str = "") -> _Leaves:
    return dict(_walk(value, path))


def _walk(value: Json, path: str) -> Iterator[tuple[str, str | int | float | bool | None]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _walk(item, f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, f"{path}[{index}]")
    else:
        yield path, value


def _differences(recorded: _Question, asked: _Question) -> Iterator[Difference]:
    if recorded.method != asked.method:
        yield Difference("method", recorded.method, asked.method)
    if recorded.asks_elsewhere(asked):
        yield Difference("url", *(text.strip("'") for text in shown(recorded.url, asked.url)))
    if recorded.body == asked.body:
        return
    same_kind = recorded.body.kind == asked.body.kind and asked.body.kind in {"json", "form"}
    if same_kind:
        yield from differences(recorded.value, asked.value)
    else:
        yield from (Difference("body", part.recorded, part.asked) for part in _of_texts(recorded.body, asked.body))


def _of_texts(recorded: CanonicalBody, asked: CanonicalBody) -> Iterator[Difference]:
    yield Difference("body", *shown(recorded.data.decode("utf-8", "replace"), asked.data.decode("utf-8", "replace")))
