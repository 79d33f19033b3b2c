"""Which event loop an async test runs on. pytest-asyncio asks at collection, for every async test, for one factory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from harness.clock import new_event_loop
from harness.pytest_plugin._owners import FIXTURES, cassette_of, markers
from harness.pytest_plugin._run import Run
from harness.pytest_plugin._settings import from_markers, merged

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

_NAME_MAX = 200

VIRTUAL: Mapping[str, LoopFactory] = {"virtual": new_event_loop}
PLAIN: Mapping[str, LoopFactory] = {"plain": asyncio.new_event_loop}


def factories(run: Run, item: pytest.Item) -> Mapping[str, LoopFactory]:
    """Exactly one named factory: the hook refuses None and an empty mapping."""
    return VIRTUAL if is_virtual(run, item) else PLAIN


def is_virtual(run: Run, item: pytest.Item) -> bool:
    """True for a test that replays. One that records meets real sockets, and virtual time cannot cross a socket."""
    names = set(getattr(item, "fixturenames", ()))
    asked_for = "virtual_time" in names
    if not markers(item) and not names & FIXTURES:
        return asked_for
    settings = merged(run.project.values, from_markers(markers(item)))
    wanted = asked_for or settings.get("clock", "virtual") != "wall"
    return wanted and not _may_record(run, item, settings)


def _may_record(run: Run, item: pytest.Item, settings: Mapping[str, object]) -> bool:
    if "scenario" in settings:
        return False
    mode = run.modes.decide(str(settings["mode"]) if "mode" in settings else None)
    if mode != "once":
        return mode != "none"
    return not cassette_of(item, settings).exists() and not _names_a_cassette(item, settings)


def _names_a_cassette(item: pytest.Item, settings: Mapping[str, object]) -> bool:
    """A guess: the test says `replay("refund")`, and there is such a cassette. It is opened later than the loop."""
    code = getattr(getattr(item, "function", None), "__code__", None)
    names = [const for const in getattr(code, "co_consts", ()) if isinstance(const, str) and len(const) <= _NAME_MAX]
    return any(
        cassette_of(item, {**settings, "cassette": name}).is_file() for name in names if name.isprintable() and name
    )
