"""Ratios of two things measured in the same run, so that the machine's speed and its neighbours cancel out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.clock import WallClock

# Virtual time replaces time.perf_counter while a session is open; the clock on the wall stays what it is.
_now = WallClock().now


@dataclass(frozen=True, slots=True)
class Ratio:
    """`value` is how many times the base it cost; `bound` is what it may cost, None where it is for information."""

    name: str
    value: float
    bound: float | None
    detail: str = ""

    @property
    def holds(self) -> bool:
        return self.bound is None or self.value <= self.bound

    def __str__(self) -> str:
        bound = f"bound {self.bound:.2f}" if self.bound is not None else "no bound"
        verdict = "" if self.holds else "  OVER THE BOUND"
        return f"{self.name:<58} {self.value:6.2f} x   {bound}   {self.detail}{verdict}"


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes by the clock on the wall."""
    start = _now()
    work()
    return (_now() - start) / 1e9


def interleaved(base: Callable[[], float], tried: Callable[[], float], rounds: int) -> tuple[float, float]:
    """The best of `rounds` runs of each, taken in turns: the others measure the neighbours."""
    pairs = [(base(), tried()) for _ in range(rounds)]
    return min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
