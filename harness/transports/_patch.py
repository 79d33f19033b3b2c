"""Patch: one attribute of somebody else's class or module, replaced for a while.

Others patch the same places (vcrpy, mocks, the virtual clock), and do not leave in the order in which they came.
Where somebody wrapped ours meanwhile, taking ours out would take theirs out too: then ours stays, and only passes on.
Where somebody put theirs over ours without calling it, applying again puts ours on top again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

Wrapper = Callable[[Callable[..., Any]], Callable[..., Any]]


class Patch:
    """`owner.name`, replaced by `wrapper(original)` between `apply` and `remove`. Both may be called again."""

    def __init__(self, owner: Any, name: str, wrapper: Wrapper) -> None:
        self._owner = owner
        self._name = name
        self._wrapper = wrapper
        self._is_active = False
        # Ours, each with what it stands over; None where the attribute was inherited. One that somebody took out with
        # theirs, as a clock does that came first and leaves first, is known for as long as anybody could put it back.
        self._layers: WeakKeyDictionary[Callable[..., Any], Callable[..., Any] | None] = WeakKeyDictionary()

    def apply(self) -> None:
        """Put the replacement in, on top."""
        self._is_active = True
        if self._current() not in self._layers:
            self._wrap()

    def remove(self) -> None:
        """Take the replacement out, or silence it where somebody has wrapped it."""
        self._is_active = False
        while (current := self._current()) in self._layers:
            original = self._layers.pop(current)
            if original is None:
                delattr(self._owner, self._name)
            else:
                setattr(self._owner, self._name, original)

    def _current(self) -> Any:
        return vars(self._owner).get(self._name)

    def _wrap(self) -> None:
        original = getattr(self._owner, self._name)
        ours = self._wrapper(original)

        @functools.wraps(original)
        def replacement(*args: Any, **kwargs: Any) -> Any:
            return (ours if self._is_active else original)(*args, **kwargs)

        self._layers[replacement] = original if self._current() is not None else None
        setattr(self._owner, self._name, replacement)
