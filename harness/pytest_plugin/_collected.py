"""What the collection tells: the order of the tests, and which cassettes several of them name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.pytest_plugin._owners import FIXTURES, MARKER, cassette_of, markers
from harness.pytest_plugin._run import Run
from harness.pytest_plugin._settings import from_markers, merged

OTHERS = "tests that were not collected"


def note(run: Run, items: Sequence[pytest.Item]) -> None:
    """Remember `items` in their order. Raises pytest.UsageError where a marker cannot be meant."""
    run.order = {item.nodeid: place for place, item in enumerate(items)}
    for item in items:
        marked = markers(item)
        settings = merged(run.project.values, _meant(item, marked)) if marked else {}
        if "cassette" in settings:
            path = cassette_of(item, settings)
            run.shared.uses(path, item.nodeid)
            if _has_others(item, str(settings["cassette"])):
                run.shared.uses(path, OTHERS)
        for word in _words(item):
            run.words.setdefault(word, []).append(item)


def note_users(run: Run, name: str, path: Path, settings: Mapping[str, Any]) -> None:
    """A test calls `replay(name)`, which is `path`: remember whoever was collected and may do so as well.

    Nobody knows before a test runs what it will open. One that says the very text of the name may; where it does not,
    what is left over of this cassette is not judged, which is better than a recording that fails its first replay.
    Once is enough: whoever asks the same is told the same, and a sweep asks it for each of its cases.
    """
    asked = (name, path, str(settings.get("cassette_dir", "")))
    if asked in run.asked:
        return
    run.asked.add(asked)
    for item in run.words.get(name, ()):
        if cassette_of(item, {**settings, "cassette": name}) == path:
            run.shared.uses(path, item.nodeid)
            if any("::" in arg for arg in item.config.args) and item.path.read_text("utf-8", "replace").count(name) > 1:
                run.shared.uses(path, OTHERS)


def _words(item: pytest.Item) -> set[str]:
    """The texts in the code of a test that takes one of our fixtures: names of cassettes are among them."""
    if not FIXTURES & set(getattr(item, "fixturenames", ())):
        return set()
    code = getattr(getattr(item, "function", None), "__code__", None)
    return {word for word in getattr(code, "co_consts", ()) if isinstance(word, str)}


def _meant(item: pytest.Item, marked: Sequence[pytest.Mark]) -> dict[str, Any]:
    """What the markers of `item` say. Raises pytest.UsageError, which ends the run and so has to name the test."""
    try:
        return from_markers(marked)
    except pytest.UsageError as error:
        message = f"{item.nodeid}: {error}"
        raise pytest.UsageError(message) from error


def _has_others(item: pytest.Item, name: str) -> bool:
    """Whether tests that were not asked for may use this cassette too: then nobody can say what is left over."""
    if not any("::" in arg for arg in item.config.args):
        return False
    own = any(mark.name == MARKER for mark in item.own_markers)
    return not own or hasattr(item, "callspec") or item.path.read_text("utf-8", "replace").count(name) > 1
