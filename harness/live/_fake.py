"""A backend with a canned answer: no model, no network, no session. For demonstrations and for dry runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from harness.clock import WallClock, installed_clock
from harness.contract import Call, Desk, Pacer, Retries, Verbs, adopted, resolve
from harness.dialects import decoder, get, native_request
from harness.live._settings import setting, timeout_of
from harness.model import Chunk, End, Event, Head, Json, Problem, Prompt, Reply, Request
from harness.spec import CancelEvent, Clock, Decoder


class FakeBackend(Verbs):
    """Every call is answered with `output`, else with what HARNESS_FAKE_OUTPUT says.

    `pieces` is the same text in the tokens to stream. With `success` False the answer is a soft failure that carries
    `extra`: `LLMResult(success=False)`, and `finish_reason="error"` in the chat contract.
    """

    def __new__(cls, *, contract: Any = None, **options: Any) -> Self:
        """An instance of a class that is the contract's too, where the contract has one."""
        del options
        made: Self = object.__new__(adopted(cls, resolve(contract, cls).base))
        return made

    def __init__(
        self,
        *,
        output: str | None = None,
        pieces: Sequence[str] | None = None,
        success: bool = True,
        extra: Mapping[str, Json] | None = None,
        available: bool = True,
        model: str | None = None,
        timeout: float | str | None = None,
        contract: Any = None,
    ) -> None:
        self.model = setting(model, "HARNESS_MODEL", default="fake")
        self.timeout = timeout_of(timeout)
        self.on_status = None
        self.cancel_event = None
        self.last_finish_reason = None
        text = "".join(pieces) if pieces is not None and output is None else setting(output, "HARNESS_FAKE_OUTPUT")
        reply = (
            Reply(text=text, finish="stop") if success else Reply(problem=Problem("failure", extra=dict(extra or {})))
        )
        said = tuple(pieces) if pieces is not None and success else ()
        wall = WallClock()
        self.desk_ = Desk(
            line=lambda: _CannedLine(reply, said, wall),
            is_up=lambda: available,
            types=resolve(contract),
            retries=Retries(0),
            pacer=Pacer(),
        )


class _CannedLine:
    """The line of one call: what was canned, at once."""

    where = "the fake backend"

    def __init__(self, reply: Reply, pieces: Sequence[str], wall: Clock) -> None:
        self._reply = reply
        self._pieces = pieces
        self.clock: Clock = installed_clock() or wall

    def wire(self, call: Call, timeout_s: float | None, cancel: CancelEvent | None) -> _CannedWire:
        """A wire for a thread. Nothing on it takes time, so the cap and the event have nothing to end."""
        del timeout_s, cancel
        return _CannedWire(native_request(call.verb, call.prompt), self._events(call.prompt))

    def async_wire(self, call: Call, timeout_s: float | None, cancel: CancelEvent | None) -> _AsyncCannedWire:
        """A wire for a task."""
        return _AsyncCannedWire(self.wire(call, timeout_s, cancel))

    def _events(self, prompt: Prompt) -> list[Event]:
        head, chunks = get("native").render(self._reply, prompt, self._pieces)
        return [head, *map(Chunk, chunks), End()]

    def shown(self, text: str) -> str:
        """As it is: nothing of it came from anywhere."""
        return text

    def note(self, label: str, text: str) -> None:
        """There is no history to write it into."""


class _CannedWire:
    """One canned answer, for a thread."""

    def __init__(self, request: Request, events: list[Event]) -> None:
        self._request = request
        self._events = iter(events)

    def decoder(self, head: Head) -> Decoder:
        """The native one."""
        found = decoder(self._request, head)
        assert found is not None, "a native request has a dialect"
        return found

    def hear(self) -> Event | None:
        """The next event."""
        return next(self._events, None)

    def leave(self) -> None:
        """Nothing is open."""


class _AsyncCannedWire:
    """The same for a task."""

    def __init__(self, wire: _CannedWire) -> None:
        self._wire = wire

    def decoder(self, head: Head) -> Decoder:
        """The native one."""
        return self._wire.decoder(head)

    async def hear(self) -> Event | None:
        """The next event."""
        return self._wire.hear()

    async def leave(self) -> None:
        """Nothing is open."""
