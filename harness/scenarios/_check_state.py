"""Whether the state of a scenario is spelled the same wherever it is asked for and changed."""

from __future__ import annotations

from collections.abc import Iterator

from harness.scenarios._scenario import Scenario
from harness.scenarios._state import STEP
from harness.scenarios._strict import nearest
from harness.scenarios._when import When
from harness.scenarios._yaml import Document, Path


def check_state(scenario: Scenario, document: Document) -> None:
    """Every mistake, noted in `document`: a name that `state` does not begin with would never match."""
    known = scenario.state
    for number, call in enumerate(scenario.calls):
        for path, when in _whens(call.when, ("calls", number, "when")):
            for name in when.state:
                if name not in known:
                    document.mistake((*path, "state", name), _stranger(name, scenario), at_key=True)
        for name, value in call.set.items():
            here: Path = ("calls", number, "set", name)
            if name not in known:
                document.mistake(here, _stranger(name, scenario), at_key=True)
            elif isinstance(value, dict | list):
                document.mistake(here, "the state holds texts, numbers, true and false")
            elif isinstance(value, str) and STEP.fullmatch(value) and not _is_number(known[name]):
                document.mistake(here, f"{value!r} counts, and {name!r} begins as {known[name]!r}, which is no number")


def _stranger(name: str, scenario: Scenario) -> str:
    if not scenario.state:
        return f"there is no state {name!r}: say what it begins with, state: {{{name}: ...}}"
    listed = ", ".join(scenario.state)
    return f"there is no state {name!r}.{nearest(name, scenario.state)} There are: {listed}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whens(when: When, path: Path) -> Iterator[tuple[Path, When]]:
    yield path, when
    for name, parts in (("all", when.all_), ("any", when.any_)):
        for number, part in enumerate(parts):
            yield from _whens(part, (*path, name, number))
    if when.not_ is not None:
        yield from _whens(when.not_, (*path, "not"))
