"""The answers of a scenario's cassette: found as any replay finds them, with the times and the order it asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from harness.engine import CassetteSource
from harness.matching import parse_path, values_at
from harness.model import ZERO, Cassette, Interaction, Nanos, Request, Timeline
from harness.scenarios._recording import Recorded
from harness.spec import Found, Matcher, Mismatch

_PARTS: Final[dict[str, Callable[[Request], Any]]] = {
    "method": lambda request: request.method.upper(),
    "host": lambda request: urlsplit(request.url).hostname,
    "path": lambda request: urlsplit(request.url).path,
    "query": lambda request: urlsplit(request.url).query,
    "body": lambda request: _json(request.body),
}
PARTS: Final = (*_PARTS, "body.<path>", "header.<name>")


class RecordedSource:
    """A Source over `cassette`, as `written` wants it."""

    def __init__(self, cassette: Cassette, written: Recorded) -> None:
        self.name = cassette.name
        self._cassette = cassette
        self._written = written
        self._next = 0
        parts = tuple(part_of(word) for word in written.match)
        self._source = CassetteSource(cassette, matcher=_matcher(parts) if parts else None)

    def __len__(self) -> int:
        return len(self._cassette)

    @property
    def models(self) -> list[str]:
        """The models that were asked."""
        return self._source.models

    @property
    def addresses(self) -> dict[tuple[str, str], str]:
        """(method, path with its query) -> the URL under which it was recorded first."""
        return self._source.addresses

    def find(self, request: Request) -> Found | Mismatch:
        """The next recorded answer to `request`."""
        found = self._source.find(request)
        if isinstance(found, Mismatch):
            return found
        if self._written.order == "strict":
            wanted = self._cassette.interactions[self._next]
            if found.interaction is not wanted:
                asked = f"{wanted.request.method} {wanted.request.url}"
                return Mismatch(f"out of order: number {self._next + 1} of the cassette comes next, {asked}", wanted.id)
            self._next += 1
        return replace(found, interaction=self._timed(found.interaction))

    def unplayed(self) -> Sequence[str]:
        """One line for each recorded answer that nobody asked for."""
        return self._source.unplayed()

    def _timed(self, answer: Interaction) -> Interaction:
        pace = self._written.timing
        rate = self._written.speed if pace == "recorded" else pace
        if rate == 1:
            return answer
        return replace(answer, timeline=_at_rate(answer.timeline, None if isinstance(rate, str) else rate))


def _at_rate(timeline: Timeline, rate: float | None) -> Timeline:
    """`timeline` so many times as fast; None is at once."""

    def moved(at: Nanos) -> Nanos:
        return ZERO if rate is None else Nanos(round(at / rate))

    events = tuple((moved(at), event) for at, event in timeline.events)
    return replace(timeline, events=events, left_at=moved(timeline.left_at), connected_at=moved(timeline.connected_at))


def part_of(word: str) -> Callable[[Request], Any]:
    """What `word` takes out of a request. Raises ValueError that lists what is known."""
    if word in _PARTS:
        return _PARTS[word]
    if word.startswith("header.") and len(word) > len("header."):
        name = word.removeprefix("header.")
        return lambda request: request.headers.get_all(name)
    if not word.startswith("body."):
        message = f"{word!r} is no part of a request: there are {', '.join(PARTS)}"
        raise ValueError(message)
    path = "$" + re.sub(r"\[\]", "[*]", word.removeprefix("body"))
    parse_path(path)
    return lambda request: values_at(_json(request.body), path)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body


def _matcher(parts: Sequence[Callable[[Request], Any]]) -> Matcher:
    def is_same(recorded: Request, asked: Request) -> bool:
        return all(part(recorded) == part(asked) for part in parts)

    return is_same
