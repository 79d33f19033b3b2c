"""Every other client: urllib3 (so requests and botocore) and aiohttp, answered in the words of vcrpy's stubs.

vcrpy translates: its stubs make a request out of what a client does, and a client's response out of a recorded one.
It does not patch: entered as a cassette it takes its patches out for a moment around every connection, for all threads,
and other threads go live in that moment (measured with vcrpy 9.4.2: 87 of 160 requests of 16 threads).
Here one method per client is wrapped, once per process, and asks whose session it is, as for httpx.

vcrpy is imported at the first request, not with the client: that takes a quarter of a second, and SDKs import clients
that they never use.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from harness.transports._lookup import OpenSession, belonging, live_call, whose
from harness.transports._patch import Patch
from harness.transports._patterns import matches_any


def _urllib3(module: ModuleType) -> list[Patch]:
    return [
        Patch(module.HTTPConnectionPool, "_make_request", _requesting),
        Patch(module.HTTPSConnectionPool, "_prepare_proxy", _tunnelling),
    ]


def _aiohttp(module: ModuleType) -> list[Patch]:
    return [Patch(module.ClientSession, "_request", _requesting_async)]


def _aiohttp_testing(module: ModuleType) -> list[Patch]:
    return [Patch(module.TestClient, "_request", _testing)]


SEAMS: Final[dict[str, Callable[[ModuleType], list[Patch]]]] = {
    "aiohttp.client": _aiohttp,
    "aiohttp.test_utils": _aiohttp_testing,
    "urllib3.connectionpool": _urllib3,
}
"""What is patched in each module, as soon as it has been imported."""


def _requesting(original: Callable[..., Any]) -> Callable[..., Any]:
    def _make_request(self: Any, conn: Any, *args: Any, **kwargs: Any) -> Any:
        session = _answering()
        if session is None:
            return original(self, conn, *args, **kwargs)
        if matches_any(session.ignored_hosts, self.host, self.port):
            with live_call():
                return original(self, conn, *args, **kwargs)
        from harness.transports._urllib3 import StubConnection  # noqa: PLC0415 - brings vcrpy along

        return original(self, StubConnection(conn, self, session), *args, **kwargs)

    return _make_request


def _tunnelling(original: Callable[..., Any]) -> Callable[..., Any]:
    def _prepare_proxy(self: Any, conn: Any) -> Any:
        session = _answering()
        if session is None or matches_any(session.ignored_hosts, self.host, self.port):
            return original(self, conn)
        return original(self, _Unconnected(conn))

    return _prepare_proxy


class _Unconnected:
    """A connection that is told of its tunnel and does not dig it: where the call is live, sending connects."""

    def __init__(self, conn: Any) -> None:
        self._conn = conn

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conn, name)

    def connect(self) -> None:
        """Not now."""


def _requesting_async(original: Callable[..., Any]) -> Callable[..., Any]:
    async def _request(self: Any, method: str, url: Any, **kwargs: Any) -> Any:
        session = _answering()
        if session is None:
            return await original(self, method, url, **kwargs)
        from harness.transports._aiohttp import answer, place  # noqa: PLC0415 - brings vcrpy along

        if matches_any(session.ignored_hosts, *place(self, url)):
            with live_call():
                return await original(self, method, url, **kwargs)
        return await answer(session, original, self, method, url, kwargs)

    return _request


def _testing(original: Callable[..., Any]) -> Callable[..., Any]:
    """The TestClient of aiohttp speaks to an application in this process, over a real socket: that is the test's own
    call, as ASGI transports are for httpx, and none of the model's."""

    async def _request(self: Any, *args: Any, **kwargs: Any) -> Any:
        with live_call():
            return await original(self, *args, **kwargs)

    return _request


def _answering() -> OpenSession | None:
    return None if belonging().live else whose()
