"""Patch: one attribute of somebody else's class or module, replaced for a while.

Others patch the same places (vcrpy, mocks, the virtual clock), and do not leave in the order in which they came.
Where somebody wrapped ours meanwhile, taking ours out would take theirs out too: then ours stays, and only passes on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

Wrapper = Callable[[Callable[..., Any]], Callable[..., Any]]


class Patch:
    """`owner.name`, replaced by `wrapper(original)` between `apply` and `remove`. Both may be called again."""

    def __init__(self, owner: Any, name: str, wrapper: Wrapper) -> None:
        self._owner = owner
        self._name = name
        self._wrapper = wrapper
        self._replacement: Callable[..., Any] | None = None
        self._original: Callable[..., Any] | None = None
        self._own = False
        self._active = [False]

    def apply(self) -> None:
        """Put the replacement in. A second time changes nothing."""
        if self._active[0]:
            return
        if self._replacement is None or vars(self._owner).get(self._name) is not self._replacement:
            self._wrap()
        self._active[0] = True

    def remove(self) -> None:
        """Take the replacement out, or silence it where somebody has wrapped it."""
        self._active[0] = False
        if self._replacement is None or vars(self._owner).get(self._name) is not self._replacement:
            return
        if self._own:
            setattr(self._owner, self._name, self._original)
        else:
            delattr(self._owner, self._name)
        self._replacement = None

    def _wrap(self) -> None:
        original = getattr(self._owner, self._name)
        ours = self._wrapper(original)
        active = self._active = [False]

        @functools.wraps(original)
        def replacement(*args: Any, **kwargs: Any) -> Any:
            return (ours if active[0] else original)(*args, **kwargs)

        self._own = self._name in vars(self._owner)
        self._original, self._replacement = original, replacement
        setattr(self._owner, self._name, replacement)
