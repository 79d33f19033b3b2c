"""Ending a blocking read from outside: at a deadline, or when the caller wants to stop."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from harness.contract import LOOK_UP
from harness.model import NEVER, Nanos
from harness.spec import CancelEvent, Clock

_STREAMS: Final = ("connect_tcp.complete", "connect_unix_socket.complete", "start_tls.complete")


class Watch:
    """Shuts the socket of one request down. It is told of the socket by the client's own trace, and needs a thread only
    while there is one: a request that something else answers has none."""

    def __init__(self, clock: Clock, deadline: Nanos, cancel: CancelEvent | None) -> None:
        self._clock = clock
        self._deadline = deadline
        self._cancel = cancel
        self._done = threading.Event()
        self._sockets: list[socket.socket] = []
        self._thread: threading.Thread | None = None
        self.fired = False

    def trace(self, name: str, info: Mapping[str, Any]) -> None:
        """The `trace` extension of httpcore: a connection was made."""
        stream = info.get("return_value") if name.endswith(_STREAMS) else None
        found = stream.get_extra_info("socket") if stream is not None else None
        if found is None or (self._deadline >= NEVER and self._cancel is None):
            return
        self._sockets.append(found)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="harness cap of a generation", daemon=True)
            self._thread.start()

    def over(self) -> None:
        """The request has ended: nothing is shut down any more, and the thread is gone."""
        self._done.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._clock.wait_until(self._next_look(), self._done):
            if self._clock.now() >= self._deadline or (self._cancel is not None and self._cancel.is_set()):
                self._shut()
                return

    def _next_look(self) -> Nanos:
        """A thread cannot wait for two events, so it looks up now and then where there is one that may cancel."""
        if self._cancel is None:
            return self._deadline
        return min(self._deadline, Nanos(self._clock.now() + LOOK_UP))

    def _shut(self) -> None:
        self.fired = True
        for found in self._sockets:
            with suppress(OSError):  # it was closed in this very moment: that is what was wanted
                found.shutdown(socket.SHUT_RDWR)
