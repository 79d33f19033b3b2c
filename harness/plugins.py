"""The table of names, and the only dynamic import of the house.

A name stands for `module:attribute`, which is imported when it is asked for and not before. Our own names are found
without looking at entry points; those of other packages stand in the entry point groups of the same names.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from harness.errors import PluginError

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


def imported(target: str) -> Any:
    """What `module:attribute` names, in anybody's code. Raises PluginError that says what is missing."""
    module, _, attribute = target.partition(":")
    try:
        found = import_module(module)
        for name in attribute.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError, ValueError) as error:
        message = f"{target!r} cannot be had: {error}\n  write package.module:function, importable from here"
        raise PluginError(message) from error
    return found


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
