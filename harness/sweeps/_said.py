"""Said: what a sweep was told, read and checked before anything runs."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import SweepError
from harness.faults import FaultOverlay
from harness.model import Case
from harness.sweeps._kinds import NO_FAULTS
from harness.sweeps._orders import order_of
from harness.sweeps._tiers import MODES


def read_case(case: str | Case) -> Case:
    """The case that is meant. Raises SweepError for what is none, or has no such fault, place or order."""
    try:
        read = case if isinstance(case, Case) else Case.parse(case)
        FaultOverlay.of(strike for strike in read.strikes if strike.kind not in NO_FAULTS)
        order_of(read)
    except ValueError as error:
        message = f"{case} cannot be run: {error}"
        raise SweepError(message) from error
    return read


def read_modes(modes: Sequence[str]) -> tuple[str, ...]:
    """The modes that are meant. Raises SweepError."""
    given = (modes,) if isinstance(modes, str) else tuple(modes)
    strange = [mode for mode in given if mode not in MODES]
    if strange or not given:
        message = f"modes={modes!r}: the modes are {', '.join(MODES)}"
        raise SweepError(message)
    return given


def read_depth(depth: int) -> int:
    """The depth. Raises SweepError where it is neither 1 nor 2."""
    if depth not in {1, 2}:
        message = f"depth={depth!r}: one fault at a time (1) or a second one while recovering from the first (2)"
        raise SweepError(message)
    return depth
