"""The header x-harness-fault: a fault for the very request that carries it.

`kind=reset`, `chunk=3/kind=reset`, `headers/kind=http-429-rate-limit,retry_after=2s`: a Case without a call strikes
this request. With one (`call=2/chunk=3/kind=reset`) it strikes where this request is that call, so that a program which
cannot be changed may send the same header with every request.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from harness import plugins
from harness.faults import FaultOverlay
from harness.model import Interaction, Nanos

HEADER: Final = "x-harness-fault"
_ANY: Final = "call=*/attempt=*"
_PLACED: Final = re.compile(r"\s*(call|t)=")


class Demand:
    """An Overlay of what one request demands. Raises ValueError for what is no Case, and for `t=`, which no request
    has."""

    def __init__(self, text: str) -> None:
        parts = text.split(" + ")
        if any(part.strip().startswith("t=") for part in parts):
            message = f"{text!r}: a request has calls, chunks and bytes, and no t="
            raise ValueError(message)
        placed = (part if _PLACED.match(part) else f"{_ANY}/{part.strip()}" for part in parts)
        self._faults = FaultOverlay.of(placed, plugins.fault)

    def strike(self, call: int, attempt: int, answer: Interaction, asked_at: Nanos) -> Interaction:
        """`answer` with the faults. Raises ValueError where this answer has no such place: who demands a fault of this
        request must not get the answer without it."""
        met = [armed for armed in self._faults.armed if armed.meets(call, attempt, answer, asked_at)]
        struck = self._faults.strike(call, attempt, answer, asked_at)
        if lacking := [str(armed) for armed in met if not armed.struck]:
            raise ValueError("; ".join(lacking))
        return struck

    def unstruck(self) -> Sequence[str]:
        """One line for each that did not strike."""
        return self._faults.unstruck()
