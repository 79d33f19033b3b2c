"""Whether what is expected can come at all: calls and states that are there, questions that a request can answer."""

from __future__ import annotations

from collections.abc import Iterator

from harness.scenarios._expect import Expect
from harness.scenarios._scenario import Scenario
from harness.scenarios._strict import nearest
from harness.scenarios._when import When
from harness.scenarios._yaml import Document, Path


def check_expect(scenario: Scenario, document: Document) -> None:
    """Every mistake, noted in `document`."""
    for path, expect in _expected(scenario):
        _check(expect, path, scenario, document)


def _expected(scenario: Scenario) -> Iterator[tuple[Path, Expect]]:
    if scenario.expect is not None:
        yield ("expect",), scenario.expect
    for number, case in enumerate(scenario.cases):
        if case.expect is not None:
            yield ("cases", number, "expect"), case.expect


def _check(expect: Expect, path: Path, scenario: Scenario, document: Document) -> None:
    ids = [call.id for call in scenario.calls]
    for number, name in enumerate(expect.order or ()):
        if name not in ids and scenario.cassette is None and name != scenario.unmatched:
            message = f"no call is called {name!r}.{nearest(name, ids)} There are: {', '.join(ids)}"
            document.mistake((*path, "order", number), message)
    for name in expect.state:
        if name not in scenario.state:
            listed = ", ".join(scenario.state) or "none"
            message = f"there is no state {name!r}.{nearest(name, scenario.state)} There are: {listed}"
            document.mistake((*path, "state", name), message, at_key=True)
    for number, asked in enumerate(expect.requests):
        for name in _of_the_run(asked.when):
            message = f"{name} is known while a scenario is played, and not of a request that is over"
            document.mistake((*path, "requests", number, "when", name), message, at_key=True)


def _of_the_run(when: When) -> Iterator[str]:
    if when.state:
        yield "state"
    if when.predicate is not None:
        yield "predicate"
    for part in (*when.all_, *when.any_, *([when.not_] if when.not_ is not None else [])):
        yield from _of_the_run(part)
