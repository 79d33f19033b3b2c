"""Connection: one client. Requests come in through Incoming, the Desk decides, Playing answers, in order.

Rules:

1. One answer at a time; what is pipelined waits its turn, and past a limit nobody reads on.
2. A client that went away ends the answer that was being played: its entry in the history says `closed`.
3. A reset leaves only when everything before it has left the kernel, because a reset takes with it what has not.
4. After a request that is none, the error is sent, the sending side is closed, and what still comes is thrown away for
   a moment: a plain close with unread bytes would be a reset, and the client would never see the error.
"""

from __future__ import annotations

import array
import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any, Final

from harness.clock import WallClock
from harness.errors import Miss
from harness.model import Request, Timeline
from harness.server._desk import Desk
from harness.server._incoming import Asked, Bad, Incoming
from harness.server._limits import Limits
from harness.server._playing import Playing
from harness.server._refusal import plain, refusal
from harness.server._whole import Wholes
from harness.wire import Send, Writer, steps

try:
    import fcntl
    import termios
except ModuleNotFoundError:  # Windows, whose kernel does not say what it still holds
    _HAS_QUEUE = False
else:
    _HAS_QUEUE = True

_LINGER_S: Final = 2.0
_LOOK_AGAIN_S: Final = 0.001
_FLUSH_S: Final = 5.0
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(asyncio.Protocol):
    """One connection of a server. `gone` is told when it is over."""

    def __init__(
        self, desk: Desk, clock: WallClock, limits: Limits, wholes: Wholes, gone: Callable[[Connection], None]
    ) -> None:
        self._desk = desk
        self._wholes = wholes
        self._clock = clock
        self._limits = limits
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._incoming = Incoming(limits)
        self._playing: Playing | None = None
        self._transport: Any = None
        self._watch: asyncio.TimerHandle | None = None
        self._since = 0.0
        self._is_ending = False
        self._is_draining = False
        self._is_paused = False
        self.is_full = False

    # --- what the loop calls -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is here."""
        self._transport = transport
        self._since = self._loop.time()
        self._look_at_the_time()

    def data_received(self, data: bytes) -> None:
        """Bytes are here."""
        if self._is_ending:
            return
        incoming = self._incoming
        was_reading = incoming.in_head or incoming.in_body
        incoming.feed(data)
        if not was_reading:
            self._since = self._loop.time()
        self._answer_next()
        if incoming.wants_continue and self._playing is None and not incoming.arrived and not self._is_ending:
            incoming.wants_continue = False
            self.put(_CONTINUE)
        if len(incoming.arrived) > self._limits.waiting and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The client is done, or gone, which looks the same: close."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        del exc  # a reset by the client and its plain close are the same to an answer
        self._is_ending = True
        if self._watch is not None:
            self._watch.cancel()
        if self._playing is not None:
            self._playing.left()
            self._playing = None
        self._gone(self)

    def pause_writing(self) -> None:
        """The client does not read."""
        self.is_full = True

    def resume_writing(self) -> None:
        """It does again. What is played goes on a turn later: asyncio is in the middle of a write here, and would carry
        out a close from within it twice."""
        self.is_full = False
        self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._playing is not None and not self._is_ending:
            self._playing.go()

    # --- what Playing calls ------------------------------------------------------------------------------------------

    def put(self, data: bytes) -> None:
        """Send `data`."""
        self._transport.write(data)

    def end(self, *, reset: bool) -> None:
        """Close after what was put there."""
        self._is_ending = True
        if reset:
            self._reset(self._loop.time() + _FLUSH_S)
        else:
            self._transport.close()

    # --- answering ---------------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """The server stops: what is being answered may go on, and nothing after it."""
        self._is_draining = True
        if self._playing is None:
            self.end(reset=False)

    def cut(self) -> None:
        """The server stops now: what is being answered breaks off."""
        if self._playing is not None:
            self._playing.left()
            self._playing = None
        self._is_ending = True
        self._transport.abort()

    def _answer_next(self) -> None:
        arrived = self._incoming.arrived
        while arrived and self._playing is None and not self._is_ending:
            asked = arrived.pop(0)
            if isinstance(asked, Bad):
                self._refuse(asked)
            else:
                self._answer(asked)
        if self._is_paused and len(arrived) <= self._limits.waiting // 2 and not self._is_ending:
            self._is_paused = False
            self._transport.resume_reading()

    def _answer(self, asked: Asked) -> None:
        request = asked.request
        closes = asked.closes or asked.http10 or self._is_draining
        decided = self._desk.decide(request)
        if isinstance(decided, Timeline):
            self._say(decided, Writer(request, http10=asked.http10, closes=closes))
            return
        session, exchange = decided
        cors = "origin" in request.headers
        if not closes and not cors and request.method != "HEAD":
            whole = self._wholes.of(exchange.interaction.timeline)
            if whole and exchange.give(self._clock.now()):
                self._transport.write(whole)
                return
        writer = Writer(request, http10=asked.http10, closes=closes)

        def broken(error: ValueError) -> None:
            miss = Miss(f"the answer {exchange.interaction.id} cannot be sent: {error}")
            session.missed(miss)
            self._playing = None
            self._say(refusal(request, 500, str(miss)), Writer(request, closes=True))

        self._playing = Playing(self, exchange, self._clock, writer, cors=cors, done=self._done, broken=broken)
        self._playing.go()

    def _done(self) -> None:
        self._playing = None
        self._since = self._loop.time()
        if self._is_draining:
            self.end(reset=False)
        elif self._incoming.arrived:
            self._loop.call_soon(self._answer_next)

    def _say(self, answer: Timeline, writer: Writer) -> None:
        """An answer of the server's own, at once."""
        said = [step for _, event in answer.events for step in writer.write(event)]
        self.put(b"".join(step.data for step in said if isinstance(step, Send)))
        if not writer.keeps_alive:
            self.end(reset=False)

    def _refuse(self, bad: Bad) -> None:
        answer = plain(bad.status, {"error": {"message": bad.why, "type": "invalid_request_error"}}, _CLOSES)
        for _, step in steps(answer, Request("POST", "")):
            if isinstance(step, Send):
                self.put(step.data)
        self._is_ending = True
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._loop.call_later(_LINGER_S, self._transport.abort)

    def _reset(self, deadline: float) -> None:
        if self._transport.is_closing():
            return
        sock = self._transport.get_extra_info("socket")
        if self._loop.time() < deadline and (self._transport.get_write_buffer_size() or _unsent(sock)):
            self._loop.call_later(_LOOK_AGAIN_S, self._reset, deadline)
            return
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    # --- time --------------------------------------------------------------------------------------------------------

    def _look_at_the_time(self) -> None:
        """One timer for each connection, and none for each request: it looks when the earliest limit could be met."""
        limits, incoming, now = self._limits, self._incoming, self._loop.time()
        is_reading = incoming.in_head or incoming.in_body
        patience = limits.idle_s if not is_reading else limits.head_s if incoming.in_head else limits.request_s
        if self._playing is not None:
            self._watch = self._loop.call_later(min(limits.head_s, limits.idle_s), self._look_at_the_time)
        elif now < self._since + patience:
            soonest = min(patience, limits.head_s)
            self._watch = self._loop.call_later(min(soonest, self._since + patience - now), self._look_at_the_time)
        elif is_reading and not self._is_ending:
            self._refuse(Bad(408, f"the request was not whole after {patience:g} s"))
        elif not self._is_ending:
            self.end(reset=False)


_CLOSES: Final = (("connection", "close"), ("x-should-retry", "false"))


def _unsent(sock: Any) -> int:
    """How many bytes the kernel has not brought to the other side yet; 0 where it does not say."""
    count = array.array("i", [0])
    if not _HAS_QUEUE:
        return 0
    try:
        fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, count)
    except OSError:
        return 0
    return count[0]
