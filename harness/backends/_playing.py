"""A call of a RecordingBackend that its cassette answers: one exchange, replayed in the types of the inner backend."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from harness.backends._notebook import Host
from harness.backends._session_line import SessionLine
from harness.contract import Call, Desk, Pacer, Retries, Types, parse_tool_call
from harness.engine import Engine, Exchange, Live
from harness.matching import Rules
from harness.model import Patience, Request
from harness.spec import CancelEvent, Clock


class Playing:
    """What a backend is to `call`, for `harness.contract.ask` and its sisters."""

    def __init__(
        self,
        call: Call,
        line: Callable[[], SessionLine],
        inner: Any,
        types: Types,
        on_status: Callable[[str], None] | None,
    ) -> None:
        self.call = call
        self.on_status = on_status
        self.cancel_event: CancelEvent | None = getattr(inner, "cancel_event", None)
        timeout = getattr(inner, "timeout", None)
        self.timeout: float = timeout if isinstance(timeout, int | float) else inf
        self.parse_tool_call: Callable[[str], tuple[str, Any]] = getattr(inner, "parse_tool_call", parse_tool_call)
        self.desk_ = Desk(line=line, is_up=lambda: True, types=types, retries=Retries(), pacer=Pacer())
        self._inner = inner

    @property
    def last_finish_reason(self) -> str | None:
        """That of the inner backend, which is where a driver looks for it."""
        reason: str | None = getattr(self._inner, "last_finish_reason", None)
        return reason

    @last_finish_reason.setter
    def last_finish_reason(self, reason: str | None) -> None:
        if hasattr(self._inner, "last_finish_reason"):
            self._inner.last_finish_reason = reason


class Given:
    """A host that has been asked already: `exchange` is its first answer."""

    def __init__(self, host: Host, exchange: Exchange) -> None:
        self._host = host
        self._exchange: Exchange | None = exchange
        self.name = host.name
        self.rules: Rules = host.rules
        self.available = host.available

    @property
    def clock(self) -> Clock:
        """The host's."""
        return self._host.clock

    @property
    def engine(self) -> Engine:
        """The host's."""
        return self._host.engine

    def open(self, request: Request, patience: Patience) -> Exchange | Live:
        """The exchange, and to a retry whatever the host says."""
        exchange, self._exchange = self._exchange, None
        return exchange if exchange is not None else self._host.open(request, patience)
