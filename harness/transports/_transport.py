"""An explicit transport, for those who pass a client: works without any patch, and belongs to one session for good."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import ModuleType, TracebackType
from typing import Any, Self

from harness.errors import Miss
from harness.transports._family import FAMILIES, Family, family
from harness.transports._lookup import OpenSession


def transport(session: OpenSession, module: ModuleType, inner: Any = None) -> Any:
    """A transport of the family `module` (`httpx` or `httpx2`) that `session` answers, for sync and async clients.

    `inner` makes the live calls of a recording; left out, the family's own HTTPTransport or AsyncHTTPTransport does.
    Raises TypeError where `module` is no family. A request after the session has closed is a Miss.
    """
    if getattr(module, "__name__", "") not in FAMILIES:
        message = f"transport() takes the module {' or '.join(FAMILIES)}, not {module!r}"
        raise TypeError(message)
    kind = type("SessionTransport", (_SessionTransport, module.BaseTransport, module.AsyncBaseTransport), {})
    return kind(session, family(module), inner)


class _SessionTransport:
    def __init__(self, session: OpenSession, kin: Family, inner: Any) -> None:
        self._session = session
        self._family = kin
        self._given = inner
        self._inner: Any = inner
        self._ainner: Any = inner

    def handle_request(self, request: Any) -> Any:
        self._check()
        return self._family.answer(self._session, request, self._upstream())

    async def handle_async_request(self, request: Any) -> Any:
        self._check()
        return await self._family.aanswer(self._session, request, self._aupstream())

    def close(self) -> None:
        """Close what was opened for live calls."""
        if self._inner is not None:
            self._inner.close()

    async def aclose(self) -> None:
        """Close what was opened for live calls."""
        if self._ainner is not None:
            await self._ainner.aclose()

    # Not inherited: the bases of a family call close or aclose, and each does so for one colour only.
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _check(self) -> None:
        if self._session.closed:
            miss = Miss(
                f"this transport belongs to {self._session.name!r}, which is closed; take one of an open session"
            )
            self._session.missed(miss)
            raise miss

    def _upstream(self) -> Callable[[Any], Any]:
        if self._inner is None:
            self._inner = self._family.module.HTTPTransport()
        handle: Callable[[Any], Any] = self._inner.handle_request
        return handle

    def _aupstream(self) -> Callable[[Any], Awaitable[Any]]:
        if self._ainner is None:
            self._ainner = self._family.module.AsyncHTTPTransport()
        handle: Callable[[Any], Awaitable[Any]] = self._ainner.handle_async_request
        return handle
