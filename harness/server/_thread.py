"""A server in a thread of its own, beside the test that asks it."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

from harness.clock import in_real_time, installed_clock
from harness.errors import VirtualTimeError
from harness.server._server import Server


class ServerThread:
    """Runs `server` on an event loop in a thread. `start` returns when it listens, `stop` when it is gone.

    `start` raises VirtualTimeError in a window of virtual time, and what `Server.start` raises.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._grace_s = 0.0
        self._thread = threading.Thread(target=self._run, name="harness-server", daemon=True)
        self._ready: Future[None] = Future()

    def start(self) -> None:
        """Listen."""
        if installed_clock() is not None:
            message = (
                "a server has real sockets, and virtual time cannot cross a socket.\n"
                "  next: start it outside of virtual_time and of replay and scenario sessions (or open these with "
                "clock='wall'), and give it a rate to play faster"
            )
            raise VirtualTimeError(message)
        self._thread.start()
        self._ready.result()

    def stop(self, grace_s: float = 0.0) -> None:
        """Stop as `Server.stop` does. A second time does nothing."""
        loop, stopping = self._loop, self._stopping
        if loop is None or stopping is None or not self._thread.is_alive():
            return
        self._grace_s = grace_s
        loop.call_soon_threadsafe(stopping.set)
        with in_real_time():
            self._thread.join()

    def _run(self) -> None:
        # A window that is opened later is not for this thread: its sockets are real.
        with in_real_time():
            asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        try:
            await self.server.start()
        except BaseException as error:  # noqa: BLE001 - it is the starting thread's to raise
            self._ready.set_exception(error)
            return
        self._ready.set_result(None)
        await self._stopping.wait()
        await self.server.stop(self._grace_s)
