"""Whether to ask again after a refusal, and when: pure, the same for every backend, live or replayed.

1. Asked again is what says "later": 429, 503, 529. A quota that is used up is not, because asking changes nothing, nor
   is one that is zero (`limit: 0`).
2. The server's own wait is honoured, up to a cap; beyond the cap it is not worth anybody's while, so we give up and
   say so.
3. Without one the wait doubles from one second on. No dice: the same answers give the same waits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Final

from harness.model import PER_SECOND, ZERO, Nanos, Problem, as_seconds, seconds
from harness.spec import Cooling

_LATER: Final = frozenset({429, 503, 529})
_ZERO: Final = re.compile(r"\blimit: ?0(?![.\d])")
"""Google's words for a quota that is no quota: this project, or this tier, never gets any of it."""
_WHY: Final = {"rate-limit": "Rate limited", "overloaded": "Overloaded"}
SLICE_S_MAX: Final = 5
"""A countdown is told at least this often, in seconds."""


@dataclass(frozen=True, slots=True)
class Retries:
    """A retry policy. `count` retries per model; `first_s` is the first wait without advice, `cap_s` the longest
    one."""

    count: int = 3
    first_s: float = 1.0
    cap_s: float = 120.0

    def __post_init__(self) -> None:
        if self.count < 0:
            message = f"retries={self.count}: give the number of retries after a refusal, from 0"
            raise ValueError(message)

    def cooling(self, problem: Problem, retry: int) -> Cooling | None:
        """The wait before retry number `retry` (from one), or None where asking again is of no use."""
        if retry > self.count or not asks_to_wait(problem):
            return None
        advised = problem.retry_after_s
        wait_s = self.first_s * 2 ** (retry - 1) if advised is None else max(0.0, advised)
        if wait_s > self.cap_s:
            return None if advised is not None else Cooling(seconds(self.cap_s), why(problem))
        return Cooling(seconds(wait_s), why(problem))


def asks_to_wait(problem: Problem) -> bool:
    """True where the server says that the same request may well succeed later."""
    asks = problem.kind in _WHY or (problem.status in _LATER and problem.kind != "quota")
    return asks and not has_no_quota(problem)


def has_no_quota(problem: Problem) -> bool:
    """True where the quota is zero by structure, whatever wait the same answer advises."""
    return is_exhausted(problem) and _ZERO.search(problem.message) is not None


def is_exhausted(problem: Problem) -> bool:
    """True where another model may still answer: this one's rate or quota is used up."""
    return problem.kind in {"rate-limit", "quota"} or problem.status == 429


def why(problem: Problem) -> str:
    """The first words of a countdown."""
    known = "Rate limited" if problem.status == 429 else "Overloaded"
    return _WHY.get(problem.kind, known)


def slices(now: Nanos, until: Nanos) -> Iterator[tuple[int, Nanos]]:
    """The countdown from `now` to `until`: (whole seconds left, when to look up again), at most five seconds apart."""
    while now < until:
        upto = min(until, Nanos(now + SLICE_S_MAX * PER_SECOND))
        yield -int(-as_seconds(Nanos(until - now)) // 1), upto
        now = upto


@dataclass(slots=True)
class Pacer:
    """Spaces the requests of all threads evenly. `lock` guards the one number that they share."""

    requests_per_minute: float | None = None
    lock: AbstractContextManager[object] = field(default_factory=nullcontext)
    _free_at: Nanos = ZERO

    def __post_init__(self) -> None:
        if (self.requests_per_minute or 0) < 0:
            message = f"requests_per_minute={self.requests_per_minute}: give a number above 0, or None for no pacing"
            raise ValueError(message)

    def reserve(self, now: Nanos) -> Nanos:
        """When the next request may go out: `now`, or later."""
        if not self.requests_per_minute:
            return now
        with self.lock:
            at = max(now, self._free_at)
            self._free_at = Nanos(at + seconds(60 / self.requests_per_minute))
            return at
