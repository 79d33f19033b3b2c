"""The context travels with the work: at ThreadPoolExecutor.submit and at Thread.start.

Only our own variable does. Copying the whole context would change what the code under test sees of everybody else's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from harness.transports._lookup import belonging, belonging_to
from harness.transports._patch import Patch

_POOLS = frozenset({"anyio._backends._asyncio", "concurrent.futures.thread", "trio._core._thread_cache"})
"""Modules whose threads belong to nobody: each job brings its owner, and the pool may outlive the session by far."""


def patches() -> list[Patch]:
    """What has to be in place for work to know whom it belongs to."""
    return [Patch(ThreadPoolExecutor, "submit", _submitting), Patch(threading.Thread, "start", _starting)]


def _submitting(original: Callable[..., Any]) -> Callable[..., Any]:
    def submit(self: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return original(self, _Carried(fn), *args, **kwargs)

    return submit


def _starting(original: Callable[..., Any]) -> Callable[..., Any]:
    def start(self: threading.Thread) -> Any:
        if not self.ident and not _is_of_a_pool(self):
            _hand_over(self)
        return original(self)

    return start


def _is_of_a_pool(thread: threading.Thread) -> bool:
    target = getattr(thread, "_target", None)
    return type(thread).__module__ in _POOLS or getattr(target, "__module__", "") in _POOLS


def _hand_over(thread: threading.Thread) -> None:
    """`thread` will run on behalf of whoever starts it now."""
    job = _Carried(thread.run)

    def run() -> None:
        thread.__dict__.pop("run", None)  # the instance's, which is this; virtual time may have taken it away already
        job()

    thread.run = run  # type: ignore[method-assign]


class _Carried:
    """`fn`, to be run once on behalf of whoever handed it over.

    It forgets whom by then: an exception that is kept keeps the frames below it, a finished thread keeps its `run`, and
    neither is code that could still ask something.
    """

    def __init__(self, fn: Callable[..., Any]) -> None:
        self._fn = fn
        self._whom = [belonging()]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with belonging_to(self._whom.pop()):
            return self._fn(*args, **kwargs)
