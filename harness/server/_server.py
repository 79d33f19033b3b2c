"""Server: an asyncio server whose answers come from sessions."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from harness.clock import WallClock
from harness.errors import ConfigurationError, Miss
from harness.server._connection import Connection
from harness.server._desk import Desk
from harness.server._limits import Limits
from harness.server._served import Served, Sessions
from harness.server._token import Token
from harness.server._whole import Wholes

_BACKLOG: Final = 2048
_PORT_MAX: Final = 65_535


class Server:
    """Listens on `host` and `port` (0: any free one) and answers from sessions made by `make`.

    `rate` plays that many times as fast as written. Raises ConfigurationError for a host beyond loopback without a
    token, and for a port that no machine has.
    """

    def __init__(
        self,
        make: Callable[[WallClock], Served],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        rate: float = 1.0,
        token: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        if not token and not is_loopback(host):
            message = (
                f"{host} can be reached from other machines, and whoever reaches it reads your prompts.\n"
                "  next: give it a token (--token), or listen on 127.0.0.1"
            )
            raise ConfigurationError(message)
        if not 0 <= port <= _PORT_MAX:
            message = f"port={port}: give a number from 0 (any free one) to {_PORT_MAX}"
            raise ConfigurationError(message)
        self._host = host
        self._port = port
        self.clock = WallClock(rate)
        self.sessions = Sessions(make, self.clock)
        self._limits = limits or Limits()
        self._desk = Desk(self.sessions, Token(token))
        self._wholes = Wholes()
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._alone = asyncio.Event()

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end. Raises RuntimeError before it listens."""
        if self._server is None:
            message = "this server does not listen yet"
            raise RuntimeError(message)
        host, port, *_ = self._server.sockets[0].getsockname()
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{port}"

    @property
    def misses(self) -> list[Miss]:
        """Every miss so far, of every session."""
        return self.sessions.misses

    async def start(self) -> None:
        """Listen. Raises OSError where the address is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connected, self._host, self._port, backlog=_BACKLOG)

    def _connected(self) -> Connection:
        connection = Connection(self._desk, self.clock, self._limits, self._wholes, self._gone)
        self._connections.add(connection)
        return connection

    def _gone(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._alone.set()

    async def stop(self, grace_s: float = 0.0) -> None:
        """Accept nobody any more; let what is being answered go on for `grace_s` seconds, then cut it off."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.drain()
        self._alone.clear()
        if self._connections and grace_s > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._alone.wait(), grace_s)
        for connection in list(self._connections):
            connection.cut()
        await asyncio.sleep(0)  # the transports close in the next turn of the loop
        await self._server.wait_closed()
        self.sessions.stop()


def is_loopback(host: str) -> bool:
    """True where nobody but this machine reaches `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
