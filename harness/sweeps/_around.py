"""Around: what a run does beside its result: log lines, warnings, exceptions that nobody caught."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_NUMBER: Final = re.compile(r"[-_]\d+")


class Around:
    """Listens while it is open. `logs` are formatted messages of WARNING and above, `lost` are ResourceWarnings,
    coroutines that nobody awaited and exceptions that nobody saw."""

    def __init__(self) -> None:
        self.logs: list[str] = []
        self.lost: list[str] = []

    @contextmanager
    def listening(self) -> Iterator[Around]:
        """Everything of this process while the block runs."""
        ear = _Ear(self.logs)
        root, before = logging.getLogger(), sys.unraisablehook
        root.addHandler(ear)
        sys.unraisablehook = self._unraisable
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                warnings.showwarning = self._warned  # type: ignore[assignment] # it is called by position
                yield self
        finally:
            sys.unraisablehook = before
            root.removeHandler(ear)

    def _warned(self, message: Any, category: type[Warning], *_: Any) -> None:
        if issubclass(category, ResourceWarning) or "never awaited" in str(message):
            self.lost.append(f"{category.__name__}: {message}")

    def _unraisable(self, seen: Any) -> None:
        self.lost.append(f"{type(seen.exc_value).__name__} that nobody saw: {seen.exc_value}")

    def unretrieved(self, _loop: object, context: dict[str, Any]) -> None:
        """The exception handler of an event loop."""
        error = context.get("exception")
        self.lost.append(f"{context.get('message')}" + (f": {type(error).__name__}: {error}" if error else ""))


class _Ear(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(f"{record.levelname} {record.name}: {record.getMessage()}")


def unnumbered(name: str) -> str:
    """The name of a thread or a task without the numbers that count over the whole process: the pool of the next run
    would have another one, and what every run leaves would be new each time."""
    return _NUMBER.sub("", name)
