"""The table of names, and the only dynamic import of the house.

A name stands for `module:attribute`, which is imported when it is asked for and not before. Our own names are found
without looking at entry points; those of other packages stand in the entry point groups of the same names.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from harness import faults
from harness.errors import PluginError
from harness.spec import Fault

BACKENDS: Final = "harness.backends"
DIALECTS: Final = "harness.dialects"
FAULTS: Final = "harness.faults"

_BUILT_IN: Final[dict[str, dict[str, str]]] = {
    BACKENDS: {
        "anthropic": "harness.live._anthropic:AnthropicBackend",
        "fake": "harness.live._fake:FakeBackend",
        "gemini": "harness.live._gemini:GeminiBackend",
        "ollama": "harness.live._ollama_command:ollama",
        "openai": "harness.live._openai:OpenAIBackend",
        "replay": "harness.session:replay_backend",
    },
    DIALECTS: {},
    FAULTS: {},
}


def names(group: str) -> list[str]:
    """Every name in `group`, ours and those of installed packages, sorted."""
    return sorted({*_BUILT_IN[group], *(point.name for point in entry_points(group=group))})


def load(group: str, name: str) -> Any:
    """What `name` stands for. Raises ValueError that lists the known names, and PluginError where it cannot be
    imported.

    A name of ours is ours: a package that claims it too is not asked.
    """
    target = _BUILT_IN[group].get(name)
    if target is None:
        return _foreign(group, name)
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def fault(name: str) -> Fault:
    """The fault called `name`: one of ours, else one of an installed package, which is tried when it is loaded.

    The entry point names a fault, or a class that makes one. Raises ValueError that lists the known names, and
    PluginError where it cannot be imported or breaks a promise of `harness.testing.check_fault`.
    """
    try:
        return faults.get(name)
    except ValueError:
        others = [point.name for point in entry_points(group=FAULTS)]
        if name not in others:
            if not others:
                raise
            message = f"{_unknown(name)}, and those of packages: {', '.join(sorted(others))}"
            raise ValueError(message) from None
        return _checked(name)


@cache
def _checked(name: str) -> Fault:
    """A fault of a package, tried once."""
    made = _foreign(FAULTS, name)
    made = made() if isinstance(made, type) else made
    if not isinstance(made, Fault):
        message = f"{name!r} in {FAULTS} is {made!r}, and no fault: it has to have name, params, sites and apply"
        raise PluginError(message)
    broken = faults.broken_promises(made)
    if made.name != name:
        broken.insert(0, ("has-a-name", f"it is called {made.name!r}, and its entry point {name!r}"))
    if broken:
        told = "\n".join(f"  {id_}: {seen}" for id_, seen in broken)
        message = f"the fault {name!r} breaks what faults promise (harness.testing.check_fault tries the same):\n{told}"
        raise PluginError(message)
    return made


def _unknown(name: str) -> str:
    try:
        faults.get(name)
    except ValueError as error:
        return str(error)
    return name


def _foreign(group: str, name: str) -> Any:
    found = [point for point in entry_points(group=group) if point.name == name]
    if not found:
        message = f"there is no {name!r} in {group}; known are {', '.join(names(group))}"
        raise ValueError(message)
    if len({point.value for point in found}) > 1:
        message = f"{name!r} in {group} is claimed by {' and '.join(sorted(map(_owner, found)))}: uninstall one of them"
        raise PluginError(message)
    try:
        return found[0].load()
    except (ImportError, AttributeError) as error:
        message = f"{name!r} in {group} ({_owner(found[0])}) cannot be loaded: {error}"
        raise PluginError(message) from error


def _owner(point: EntryPoint) -> str:
    package = point.dist.name if point.dist else "an unknown package"
    return f"{point.value} of {package}"
