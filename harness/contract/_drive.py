"""The two drivers of a generation, which differ only by colour, and the wires that they drive."""

from __future__ import annotations

from collections.abc import Generator
from typing import Final, Protocol

from harness.contract import _generation as generation
from harness.contract._generation import Answer, Call, Hear, Leave, Open, Say, Told, Wait
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


class Line(Protocol):
    """Where the wires of one call lead. A backend makes a fresh one for each."""

    @property
    def clock(self) -> Clock:
        """What this call waits by."""

    @property
    def where(self) -> str:
        """What is asked, for a message: a URL without its query, or the name of a recording."""

    def wire(self, call: Call, timeout_s: float | None, cancel: CancelEvent | None) -> Wire:
        """A wire for a thread. `timeout_s` caps the whole answer, in seconds; `cancel` ends a wait."""

    def async_wire(self, call: Call, timeout_s: float | None, cancel: CancelEvent | None) -> AsyncWire:
        """A wire for a task."""

    def shown(self, text: str) -> str:
        """`text` as it may stand in a message: redacted."""

    def note(self, label: str, text: str) -> None:
        """Something happened that is not on the wire: a `status`, or the `result` of this call."""


class Asked(generation.Asked, Protocol):
    """One call of a backend, as its drivers see it."""

    @property
    def line(self) -> Line:
        """Where its wires lead."""


def drive(asked: Asked, *, aloud: bool = True) -> Generator[str | Answer, None, None]:
    """Tokens as they come, where somebody listens (`aloud`), then the Answer. Closing it closes the wire."""
    steps = generation.steps(asked, aloud=aloud)
    wire: Wire | None = None
    told: Told = None
    try:
        while True:
            try:
                step, told = steps.send(told), None
            except StopIteration as ended:
                answer: Answer = ended.value
                break
            match step:
                case Hear() if wire is not None:
                    told = wire.hear()
                case Open(call=call):
                    wire = asked.line.wire(call, asked.timeout_s, asked.cancel)
                    told = wire.decoder
                case Leave() if wire is not None:
                    wire.leave()
                case Wait(until=until):
                    asked.line.clock.wait_until(until, asked.cancel)
                case Say(text=text):
                    yield text
    finally:
        steps.close()
        if wire is not None:
            wire.leave()
    yield answer


class AsyncDrive:
    """The same for a task, said by said: an async generator is more than an answer that comes in one piece should cost.
    It is to be closed, heard to the end or not."""

    def __init__(self, asked: Asked, *, aloud: bool = True) -> None:
        self._asked = asked
        self._steps = generation.steps(asked, aloud=aloud)
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
                        asked = self._asked
                        self._wire = asked.line.async_wire(call, asked.timeout_s, asked.cancel)
                        told = self._wire.decoder
                    case Leave() if self._wire is not None:
                        await self._wire.leave()
                        self._wire = None
                    case Wait(until=until):
                        await sleep_until(until, self._asked.line.clock, self._asked.cancel)
                    case Say(text=text):
                        return text
        except StopIteration as ended:
            answer: Answer | None = ended.value
            return answer

    async def close(self) -> None:
        """Nobody listens any more: the wire is left. A second time does nothing."""
        self._steps.close()
        if self._wire is not None:
            await self._wire.leave()


async def sleep_until(until: Nanos, clock: Clock, cancel: CancelEvent | None) -> bool:
    """Sleep until `until`, or until somebody sets `cancel`; True where it was set."""
    # On a clock that knows when anybody else may act next, nobody can press before that.
    quiet_until = getattr(clock, "quiet_until", clock.now)
    while cancel is not None and (now := clock.now()) < until:
        if cancel.is_set():
            return True
        await clock.sleep_until(min(until, max(quiet_until(), Nanos(now + LOOK_UP))))
    await clock.sleep_until(until)
    return cancel is not None and cancel.is_set()
