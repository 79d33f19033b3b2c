"""Interception: while sessions are open, the real transports of httpx and httpx2 ask them first, and so do the other
clients (see `_others`).

Patched once per process when the first session opens (or when a client is imported later), and gone with the last one.
"The last one" includes code that was started inside a session and outlives it: as long as such a context exists, the
patch stays, so that its requests are misses. Without that they would go to the network the moment the session closes.
Nobody can tell a context that will ask again from one that is only remembered.
So where somebody keeps the exception of an async run, as `sys.last_exc` does after a failed test, and with it the tasks
and their contexts, the patch stays for as long. It does nothing then but look and pass on, and the guard is down.

ASGI, WSGI and mock transports, and transports of the user's own, are left alone: they do not leave the process, or they
are the user's explicit choice. What does leave by another way meets the guard.
"""

from __future__ import annotations

import _thread
import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from harness.transports import _carry, _guard, _others
from harness.transports._family import FAMILIES, family
from harness.transports._imports import Latecomers
from harness.transports._lookup import (
    Member,
    OpenSession,
    belonging,
    enter,
    leave,
    live_call,
    open_members,
    whose,
)
from harness.transports._patch import Patch
from harness.transports._patterns import matches_any


@contextmanager
def intercepting(session: OpenSession) -> Iterator[None]:
    """`session` answers the requests of this context, and of what is started in it. Set its `closed` before leaving."""
    _interception.add(enter(session))
    try:
        yield
    finally:
        leave(session)
        _interception.settle()
        if _interception.is_on and not open_members():
            # What is left may only wait for its collection: a trio run leaves its contexts in circles.
            # They are young, so a look at the young is enough; whoever is really still there keeps the patch.
            gc.collect(1)


def is_intercepting() -> bool:
    """True while the patch is in place."""
    return _interception.is_on


class _Interception:
    """The patches of this process and who needs them. Changed under one lock, and by one thread at a time."""

    def __init__(self) -> None:
        self._members: list[weakref.ref[Member]] = []
        self._seams: dict[str, list[Patch]] = {}
        self._carrying = _carry.patches()
        self._latecomers = Latecomers([*FAMILIES, *_others.SEAMS], self._arrived)
        # Real locks, made below `threading`: virtual time replaces its factory, and this is not the test's business.
        self._lock = _thread.allocate_lock()
        self._unsettled = False
        self.is_on = False

    def add(self, member: Member) -> None:
        """One more session, whose contexts need the patches for as long as there are any."""
        self._members.append(weakref.ref(member, self._forgotten))
        self.settle()

    def settle(self) -> None:
        """Put the patches in or take them out, as somebody needs them or nobody does."""
        with self._lock:
            self._settle()
        self._settle_the_rest()

    def _forgotten(self, member: weakref.ref[Member]) -> None:
        """The last context of a closed session is gone. May run anywhere, also inside ourselves: so it never waits."""
        del member
        if sys.is_finalizing():
            return  # what we would put back is half gone, and nobody asks any more
        self._unsettled = True
        self._settle_the_rest()

    def _settle_the_rest(self) -> None:
        """A context that dies while somebody holds the lock cannot wait for it: whoever lets go of it looks again."""
        while self._unsettled and self._lock.acquire(blocking=False):
            try:
                self._unsettled = False
                self._settle()
            finally:
                self._lock.release()

    def _settle(self) -> None:
        self._members = [ref for ref in self._members if ref() is not None]
        was_on, self.is_on = self.is_on, bool(self._members)
        if self.is_on:
            self._put_in()  # also where it is in: somebody may have put theirs over ours
        elif was_on:
            self._take_out()
        _guard.settle()

    def _put_in(self) -> None:
        for patch in self._carrying:
            patch.apply()
        self._latecomers.watch()

    def _take_out(self) -> None:
        self._latecomers.unwatch()
        for patch in [*self._carrying, *(patch for patches in self._seams.values() for patch in patches)]:
            patch.remove()

    def _arrived(self, module: ModuleType) -> None:
        patches = self._seams.setdefault(module.__name__, _patches(module))
        if self.is_on:
            for patch in patches:
                patch.apply()


def _patches(module: ModuleType) -> list[Patch]:
    if (seam := _others.SEAMS.get(module.__name__)) is not None:
        return seam(module)
    return [
        Patch(module.HTTPTransport, "handle_request", _intercepting(module)),
        Patch(module.AsyncHTTPTransport, "handle_async_request", _aintercepting(module)),
    ]


def _intercepting(module: ModuleType) -> Callable[..., Any]:
    def wrapper(original: Callable[..., Any]) -> Callable[..., Any]:
        def handle_request(self: Any, request: Any) -> Any:
            if belonging().live or (session := whose()) is None:
                return original(self, request)
            if matches_any(session.ignored_hosts, request.url.host, request.url.port):
                with live_call():
                    return original(self, request)
            return family(module).answer(session, request, lambda asked: original(self, asked))

        return handle_request

    return wrapper


def _aintercepting(module: ModuleType) -> Callable[..., Any]:
    def wrapper(original: Callable[..., Any]) -> Callable[..., Any]:
        async def handle_async_request(self: Any, request: Any) -> Any:
            if belonging().live or (session := whose()) is None:
                return await original(self, request)
            if matches_any(session.ignored_hosts, request.url.host, request.url.port):
                with live_call():
                    return await original(self, request)
            return await family(module).aanswer(session, request, lambda asked: original(self, asked))

        return handle_async_request

    return wrapper


_interception = _Interception()
