"""The two drivers of a generation, which differ only by colour, and the wires that they drive."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Final, Protocol

from harness.contract._generation import Answer, Call, Hear, Leave, Open, Say, Steps, Told, Wait
from harness.model import Event, Head, Nanos, milliseconds
from harness.spec import CancelEvent, Clock, Decoder

LOOK_UP: Final = milliseconds(100)
"""How often a waiting task looks at `cancel_event`: a thread can be woken by it, a task cannot."""


class Wire(Protocol):
    """One request under way. Opening one does nothing yet; the first `hear` sends."""

    def decoder(self, head: Head) -> Decoder:
        """What decodes the answer that begins with `head`."""

    def hear(self) -> Event | None:
        """Block until the next event; None where `cancel_event` ended the wait. Failures are events, never raised."""

    def leave(self) -> None:
        """Close it, heard to the end or not. A second time does nothing."""


class AsyncWire(Protocol):
    """The same for a task."""

    def decoder(self, head: Head) -> Decoder:
        """What decodes the answer that begins with `head`."""

    async def hear(self) -> Event | None:
        """Wait for the next event. Cancellation goes through."""

    async def leave(self) -> None:
        """Close it."""


def drive(
    steps: Steps, open_wire: Callable[[Call], Wire], clock: Clock, cancel: CancelEvent | None
) -> Generator[str | Answer, None, None]:
    """Tokens as they come, then the Answer. Closing it closes the wire."""
    wire: Wire | None = None
    told: Told = None
    try:
        while True:
            step, told = steps.send(told), None
            match step:
                case Hear() if wire is not None:
                    told = wire.hear()
                case Open(call=call):
                    wire = open_wire(call)
                    told = wire.decoder
                case Leave() if wire is not None:
                    wire.leave()
                case Wait(until=until):
                    clock.wait_until(until, cancel)
                case Say(what=what):
                    yield what
    except StopIteration:
        return
    finally:
        steps.close()
        if wire is not None:
            wire.leave()


class AsyncDrive:
    """The same for a task, said by said: an async generator is more than an answer that comes in one piece should cost.
    It is to be closed, heard to the end or not."""

    def __init__(
        self, steps: Steps, open_wire: Callable[[Call], AsyncWire], clock: Clock, cancel: CancelEvent | None
    ) -> None:
        self._steps = steps
        self._open_wire = open_wire
        self._clock = clock
        self._cancel = cancel
        self._wire: AsyncWire | None = None

    async def said(self) -> str | Answer | None:
        """The next token, then the Answer, then None."""
        told: Told = None
        try:
            while True:
                step, told = self._steps.send(told), None
                match step:
                    case Hear() if self._wire is not None:
                        told = await self._wire.hear()
                    case Open(call=call):
                        self._wire = self._open_wire(call)
                        told = self._wire.decoder
                    case Leave() if self._wire is not None:
                        await self._wire.leave()
                        self._wire = None
                    case Wait(until=until):
                        await sleep_until(until, self._clock, self._cancel)
                    case Say(what=what):
                        return what
        except StopIteration:
            return None

    async def close(self) -> None:
        """Nobody listens any more: the wire is left. A second time does nothing."""
        self._steps.close()
        if self._wire is not None:
            await self._wire.leave()


async def sleep_until(until: Nanos, clock: Clock, cancel: CancelEvent | None) -> bool:
    """Sleep until `until`, or until somebody sets `cancel`; True where it was set."""
    while cancel is not None and clock.now() < until:
        if cancel.is_set():
            return True
        await clock.sleep_until(min(until, Nanos(clock.now() + LOOK_UP)))
    await clock.sleep_until(until)
    return cancel is not None and cancel.is_set()
