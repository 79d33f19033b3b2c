"""Owners: whose session it is, and where its cassettes lie, by pytest's node."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import SessionError
from harness.pytest_plugin._naming import default_path, named_path
from harness.pytest_plugin._run import run_of
from harness.pytest_plugin._settings import from_fixture, from_hooks, from_markers, merged
from harness.pytest_plugin._swept import SWEPT

if TYPE_CHECKING:  # loads the session; only a test that opens one pays for it
    from harness.pytest_plugin._opening import Owner

MARKER = "harness"
CASE = "_harness_case"
"""The parameter of a test that runs once for each case of its scenario."""
FIXTURES = frozenset({"replay", "replay_class", "replay_module", "replay_session"})


def markers(item: pytest.Item) -> list[pytest.Mark]:
    """The harness markers of `item`, the closest first."""
    return list(item.iter_markers(MARKER))


def refuse_two_kinds(item: pytest.Item) -> None:
    """Raise SessionError where `item` is marked for vcrpy as well: two recorders would hear half each."""
    if item.get_closest_marker("vcr") is not None:
        message = (
            f"{item.nodeid} has the markers vcr and harness, or the fixture replay: one of them has to answer.\n"
            "  next: remove one; harness reads the cassettes that vcr wrote"
        )
        raise SessionError(message)


def settings_of(node: pytest.Item | pytest.Collector, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Everything configured for `node`: project, hooks, fixture, markers. Raises pytest.UsageError."""
    configured = from_fixture(request.getfixturevalue("harness_config"))
    marked = from_markers(node.iter_markers(MARKER)) if isinstance(node, pytest.Item) else {}
    settings = merged(run_of(node.config).project.values, from_hooks(node), configured, marked)
    params = getattr(getattr(node, "callspec", None), "params", {})
    return {**settings, "case": params[CASE]} if CASE in params else settings


def owner_of(node: pytest.Item | pytest.Collector, request: pytest.FixtureRequest, settings: dict[str, Any]) -> Owner:
    """The owner that `node` is: a test, a class, a module or the whole run."""
    from harness.pytest_plugin._opening import Owner  # noqa: PLC0415 - loads the session

    cls = getattr(request, "cls", None)
    whose = _origin(node)
    return Owner(
        id=whose.nodeid or "the run",
        name=_name(whose),
        cls=cls.__name__ if cls is not None and not isinstance(node, pytest.Class) else "",
        beside=_beside(node),
        folders=cassette_folders(node, settings),
        scenarios=(_folder(node, settings, "scenario_dir", "scenarios"),),
        order=_order(whose),
        is_wide=not isinstance(node, pytest.Item),
    )


def _origin(node: pytest.Item | pytest.Collector) -> pytest.Item | pytest.Collector:
    """The test that a case of a sweep is a run of: it has the recordings."""
    swept = node.stash.get(SWEPT, None)
    return node if swept is None else swept.origin


def cassette_folders(node: pytest.Item | pytest.Collector, settings: Mapping[str, Any]) -> tuple[Path, ...]:
    """Where the cassettes of `node` lie: the folder of its module, for new ones, and the one that all modules share."""
    folder = _folder(node, settings, "cassette_dir", "cassettes")
    return (folder,) if node.path.is_dir() else (folder / node.path.stem, folder)


def cassette_of(item: pytest.Item, settings: Mapping[str, Any]) -> Path:
    """The cassette of a test, as far as its markers and the project say."""
    folders = cassette_folders(item, settings)
    if "cassette" in settings:
        return named_path(str(settings["cassette"]), _beside(item), folders, Path.exists)
    cls = getattr(item, "cls", None)
    return default_path(folders[0], _origin(item).name, cls.__name__ if cls else "", Path.exists)


def scenario_of(item: pytest.Item, name: str) -> Path:
    """The file of the scenario that a marker of `item` calls `name`."""
    folder = _folder(item, run_of(item.config).project.values, "scenario_dir", "scenarios")
    return named_path(name, _beside(item), (folder,), Path.exists)


def _folder(node: pytest.Item | pytest.Collector, settings: Mapping[str, Any], key: str, default: str) -> Path:
    """The folder that `key` configures, relative to the root of the project, else the one beside the tests."""
    root = run_of(node.config).project.root
    return root / str(settings[key]) if key in settings else _beside(node) / default


def _beside(node: pytest.Item | pytest.Collector) -> Path:
    return node.path if node.path.is_dir() else node.path.parent


def _name(node: pytest.Item | pytest.Collector) -> str:
    if isinstance(node, pytest.Session):
        return "session"
    return node.path.stem if isinstance(node, pytest.Module) else node.name


def _order(node: pytest.Item | pytest.Collector) -> int:
    """The place of a test in the order of collection, of anything wider that of its first test."""
    order = run_of(node.config).order
    if node.nodeid in order:  # else all are looked through
        return order[node.nodeid]
    return min((at for name, at in order.items() if name.startswith(node.nodeid)), default=0)
