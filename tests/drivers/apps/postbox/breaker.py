"""A circuit breaker: after three failures in a row nobody is asked until it has cooled down, and then one is."""

from __future__ import annotations

import time


class CircuitOpen(Exception):  # noqa: N818 - the application's own name
    """The model is left alone for now."""


class CircuitBreaker:
    def __init__(self, threshold: int = 3, cool_down: float = 60.0) -> None:
        self.threshold, self.cool_down = threshold, cool_down
        self.failures = 0
        self.opened_at: float | None = None

    @property
    def state(self) -> str:
        if self.opened_at is None:
            return "closed"
        return "half-open" if time.monotonic() - self.opened_at >= self.cool_down else "open"

    def check(self) -> None:
        if self.opened_at is not None and self.state == "open":
            left = self.cool_down - (time.monotonic() - self.opened_at)
            message = f"the model is left alone for another {left:.0f} s"
            raise CircuitOpen(message)

    def succeeded(self) -> None:
        self.failures, self.opened_at = 0, None

    def failed(self) -> None:
        self.failures += 1
        if self.failures >= self.threshold:
            self.opened_at = time.monotonic()
