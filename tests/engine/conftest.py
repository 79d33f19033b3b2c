"""A clock that jumps, and a source that says what it was told: enough to see every decision of the engine."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from harness.errors import VirtualDeadlockError
from harness.model import NEVER, ZERO, Interaction, Nanos, Request
from harness.spec import CancelEvent, Found, Mismatch


class JumpingClock:
    """Time goes where it is sent. `sets` are events that are set at a moment."""

    def __init__(self) -> None:
        self.at = ZERO
        self.waits: list[Nanos] = []

    def now(self) -> Nanos:
        return self.at

    def wait_until(self, at: Nanos, wake: CancelEvent | None = None) -> bool:
        self.waits.append(at)
        if wake is not None and wake.is_set():
            return True
        if at == NEVER:
            message = "nothing is due"
            raise VirtualDeadlockError(message)
        self.at = max(self.at, at)
        return False

    async def sleep_until(self, at: Nanos) -> None:
        self.wait_until(at)


class ListSource:
    name = "a list"

    def __init__(self, *interactions: Interaction) -> None:
        self.left = list(interactions)

    def find(self, request: Request) -> Found | Mismatch:
        return Found(self.left.pop(0)) if self.left else Mismatch("the list is empty")

    def unplayed(self) -> Sequence[str]:
        return [interaction.id for interaction in self.left]


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture
def list_source() -> type[ListSource]:
    return ListSource
