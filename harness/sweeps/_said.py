"""Said: what a sweep was told, read and checked before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from typing import Any

from harness.errors import SweepError
from harness.faults import FaultOverlay
from harness.model import Case
from harness.sweeps._kinds import NO_FAULTS
from harness.sweeps._orders import order_of
from harness.sweeps._outcome import Terms
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


def read_terms(contract: Any, attempts_max: Any, *, idempotent: Any, same: Callable[[Any, Any], bool]) -> Terms:
    """What the subject is held to, as `Terms` has it; one exception class is a contract of one. Raises SweepError for
    what is no exception class, no number of requests, and no answer to whether asking again is fine."""
    lone = isinstance(contract, str | type) or not isinstance(contract, Iterable)
    given = (contract,) if lone else tuple(contract)
    strange = [one for one in given if not (isinstance(one, type) and issubclass(one, BaseException))]
    if strange:
        message = (
            f"contract holds {strange[0]!r}, which is no exception class\n"
            "  next: import the class and say contract=[TheClass]"
        )
        raise SweepError(message)
    if not _is_number(attempts_max) or attempts_max < 1:
        message = f"attempts_max={attempts_max!r}: say how many requests one call may take, 1 or more"
        raise SweepError(message)
    if not isinstance(idempotent, bool):
        message = f"idempotent={idempotent!r}: say True or False"
        raise SweepError(message)
    return Terms(given, same, attempts_max, idempotent=idempotent)


def read_dice(seed: Any, *, schedules: Any, cancel: Any) -> None:
    """Raises SweepError for a seed that is no number, for orders that are neither on nor off, and for a cancel that is
    neither that nor a function."""
    if not _is_number(seed):
        message = f"seed={seed!r}: say a whole number"
        raise SweepError(message)
    if schedules not in (None, True, False):
        message = f"schedules={schedules!r}: say True or False, or leave it out for orders where calls overlap"
        raise SweepError(message)
    if cancel not in (None, True, False) and not callable(cancel):
        message = f"cancel={cancel!r}: say a function that cancels the driver, or False for no case of cancel"
        raise SweepError(message)


def filled(repro: str, source: Any, seed: int) -> str:
    """The line `repro` with all in it but the case and its path: a path as it was given, and dice that are not the
    usual ones, without which the case may come to something else."""
    named = repr(str(source)) if isinstance(source, str | PathLike) else "source"
    return repro.replace("{source!r}", named).replace("{dice}", f", seed={seed}" if seed else "")


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def read_depth(depth: int) -> int:
    """The depth. Raises SweepError where it is neither 1 nor 2."""
    if depth not in {1, 2}:
        message = f"depth={depth!r}: one fault at a time (1) or a second one while recovering from the first (2)"
        raise SweepError(message)
    return depth
