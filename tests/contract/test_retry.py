"""The retry policy, the countdown and the pacer: pure, so no clock is needed."""

from __future__ import annotations

import pytest

from harness.contract import Pacer, Retries
from harness.contract._retry import slices
from harness.model import Nanos, Problem, ProblemKind, seconds

LIMITED = Problem("rate-limit", status=429, retry_after_s=12.0)


def wait_s(retries: Retries, problem: Problem, retry: int = 1) -> float | None:
    cooling = retries.cooling(problem, retry)
    return cooling.wait / 1e9 if cooling else None


def test_the_server_s_own_wait_is_honoured() -> None:
    assert wait_s(Retries(), LIMITED) == 12.0
    assert wait_s(Retries(), Problem("overloaded", status=529, retry_after_s=0.5)) == 0.5
    assert wait_s(Retries(), Problem("rate-limit", status=429, retry_after_s=-3)) == 0.0


def test_a_wait_beyond_the_cap_is_not_waited() -> None:
    assert wait_s(Retries(cap_s=10), LIMITED) is None
    assert wait_s(Retries(cap_s=12), LIMITED) == 12.0


def test_without_advice_the_wait_doubles_up_to_the_cap() -> None:
    busy = Problem("overloaded", status=503)
    assert [wait_s(Retries(9, cap_s=5), busy, n) for n in range(1, 6)] == [1, 2, 4, 5, 5]


def test_retries_are_counted() -> None:
    assert [wait_s(Retries(2), LIMITED, n) for n in (1, 2, 3)] == [12, 12, None]
    assert wait_s(Retries(0), LIMITED) is None


@pytest.mark.parametrize(
    "kind, status, retried",
    [
        ("rate-limit", 429, True),
        ("overloaded", 503, True),
        ("overloaded", 529, True),
        ("overloaded", None, True),
        ("unknown", 503, True),
        ("quota", 429, False),
        ("server-error", 500, False),
        ("timeout", 504, False),
        ("auth", 401, False),
        ("malformed", None, False),
    ],
)
def test_only_what_says_later_is_asked_again(kind: ProblemKind, status: int | None, retried: bool) -> None:
    assert (wait_s(Retries(), Problem(kind, status=status)) is not None) is retried


def test_a_countdown_looks_up_every_five_seconds_and_rounds_up() -> None:
    def countdown(wait: float) -> list[tuple[int, float]]:
        return [(left, upto / 1e9) for left, upto in slices(Nanos(0), seconds(wait))]

    assert countdown(12) == [(12, 5), (7, 10), (2, 12)]
    assert countdown(1.2) == [(2, 1.2)]
    assert countdown(10) == [(10, 5), (5, 10)]
    assert countdown(0) == []


def test_requests_are_spaced_evenly_and_a_pause_is_not_made_up_for() -> None:
    pacer = Pacer(requests_per_minute=6)
    asked = [Nanos(0), Nanos(0), Nanos(0), seconds(100), seconds(100)]
    assert [pacer.reserve(now) / 1e9 for now in asked] == [0, 10, 20, 100, 110]


def test_no_pace_is_no_wait() -> None:
    assert [Pacer().reserve(seconds(3)) for _ in range(3)] == [seconds(3)] * 3


def test_a_number_below_zero_is_refused_and_not_read_as_none() -> None:
    with pytest.raises(ValueError, match="retries=-1"):
        Retries(-1)
    with pytest.raises(ValueError, match="requests_per_minute=-3"):
        Pacer(-3)
