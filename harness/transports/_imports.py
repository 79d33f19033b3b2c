"""Modules that are imported later: `import openai` inside a session has to be caught too."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class Latecomers(MetaPathFinder):
    """A finder that finds nothing itself, and calls `arrived` for each of `names` right after its import."""

    def __init__(self, names: Sequence[str], arrived: Callable[[ModuleType], None]) -> None:
        self._names = frozenset(names)
        self._arrived = arrived

    def watch(self) -> None:
        """Call `arrived` for what is imported already, and from now on for what is imported later."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        for name in sorted(self._names & sys.modules.keys()):
            # Not sys.modules[name]: another thread may be half-way through importing it, and this waits for it.
            self._arrived(importlib.import_module(name))

    def unwatch(self) -> None:
        """Leave the import system as it was."""
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec that the finders after us have, with a loader that tells us when it is done."""
        if fullname not in self._names:
            return None
        spec = self._found_by_others(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Telling(spec.loader, self._arrived)
        return spec

    def _found_by_others(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        specs = (
            finder.find_spec(fullname, path, target)
            for finder in list(sys.meta_path)
            if finder is not self and hasattr(finder, "find_spec")
        )
        return next((spec for spec in specs if spec is not None), None)


class _Telling(Loader):
    """Another loader, and a word when it has finished."""

    def __init__(self, inner: Loader, arrived: Callable[[ModuleType], None]) -> None:
        self._inner = inner
        self._arrived = arrived

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the other loader does."""
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """As the other loader does; the module gets its own loader back, because code asks it for resources."""
        if module.__spec__ is not None:
            module.__spec__.loader = self._inner
        module.__loader__ = self._inner
        self._inner.exec_module(module)
        self._arrived(module)
