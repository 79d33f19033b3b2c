"""Ask: which promises can be asked of a test, and who is told where one cannot.

`reusable-after-fault` asks for a second call of the test function with the fixtures that the first one had. A test that
does not pass twice in a row even without a fault cannot be asked: nothing would follow from its failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import pytest

from harness.errors import SweepError

if TYPE_CHECKING:  # loads the session; only a sweep pays for it
    from harness.sweeps import Outcome, Sweep, Terms

IN_REAL_TIME: Final[pytest.StashKey[bool]] = pytest.StashKey()
"""Set for a test whose session has no virtual clock."""
_SHOWN_MAX: Final = 160
REUSABLE: Final = "reusable-after-fault"
LEAKS: Final = "no-leaks"
_COUNTING: Final = frozenset({"snapshot", "transcript_snapshot"})
"""Fixtures that count their comparisons: the second call of a test would be compared with another snapshot."""


def can_be_called_twice(item: pytest.Function) -> bool:
    """False where the fixtures of `item` do not bear it."""
    return not _COUNTING & set(item.fixturenames)


def refuse_or_note(sweep: Sweep, item: pytest.Function, invariants: Any) -> None:
    """Take from `sweep`, whose baseline is learnt, the promises that cannot be asked of `item`, and note why. Raises
    SweepError for one that `invariants` names."""
    for name, why in _impossible(sweep, item):
        if name in _named(invariants):
            message = f"{item.nodeid}: {name} cannot be asked of it: {why}"
            raise SweepError(message)
        del sweep.checkers[name]
        sweep.notes.append(f"{name} is not asked: {why}")


def _impossible(sweep: Sweep, item: pytest.Function) -> Iterable[tuple[str, str]]:
    asked = set(sweep.checkers)
    if REUSABLE in asked and (why := _why_once(sweep, item)):
        yield REUSABLE, why
    if LEAKS in asked and item.stash.get(IN_REAL_TIME, False):
        yield LEAKS, "its session keeps real time, and what is still tidying up then looks like a leak"


def _why_once(sweep: Sweep, item: pytest.Function) -> str:
    """Why a second call would say nothing; empty where it would."""
    if not can_be_called_twice(item):
        named = " and ".join(sorted(_COUNTING & set(item.fixturenames)))
        return f"the fixture {named} counts its comparisons, so the test cannot be called twice with it"
    first = sweep.learn()
    if sweep.checkers[REUSABLE](first, first) is None:
        return ""
    return f"called twice with the same fixtures it does not pass, even without a fault: {_ending(first.again)}"


def _ending(again: Outcome | None) -> str:
    assert again is not None, "there was something to complain of"
    told = again.missed[0] if again.missed else again.ending.removeprefix("returned ")
    return told.splitlines()[0][:_SHOWN_MAX]


def _named(invariants: Any) -> set[str]:
    words = invariants.replace(",", " ").split() if isinstance(invariants, str) else list(invariants or ())
    return {word for word in words if not word.startswith("-")}


def dice_of(config: pytest.Config) -> str:
    """What a line to paste has at its end, so that the dice are those of this run."""
    seed = config.getoption("harness_sweep_seed")
    return "" if seed is None else f" --harness-sweep-seed={seed}"


def terms_of(said: Mapping[str, Any]) -> Terms:
    """What a test is held to, of what is `said` for it. Raises SweepError."""
    from harness.sweeps import Terms, read_dice, read_terms  # noqa: PLC0415 - loads the session, which a swept test needs anyway

    read_dice(said.get("seed", 0), schedules=said.get("schedules"), cancel=said.get("cancel"))
    usual = Terms()
    attempts_max, idempotent = said.get("attempts_max", usual.attempts_max), said.get("idempotent", False)
    return read_terms(said.get("contract", ()), attempts_max, idempotent=idempotent, same=usual.same)
