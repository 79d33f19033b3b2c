"""The checkers by their ids, which are public, and how one chooses among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final

from harness.errors import UnknownCheckerError
from harness.sweeps import _asking as asking
from harness.sweeps import _ending as ending
from harness.sweeps import _ordering as ordering
from harness.sweeps import _spied as spied
from harness.sweeps._verdict import Checker

INVARIANTS: Final[Mapping[str, Checker]] = MappingProxyType(
    {
        "no-hang": ending.no_hang,
        "contract-exceptions": ending.contract_exceptions,
        "no-partial-success": ending.no_partial_success,
        "benign-neutral": ending.benign_neutral,
        "no-retry-storm": asking.no_retry_storm,
        "retry-only-retryable": asking.retry_only_retryable,
        "no-retry-after-first-token": asking.no_retry_after_first_token,
        "cancel-honoured": ending.cancel_honoured,
        "reusable-after-fault": ending.reusable_after_fault,
        "no-leaks": ending.no_leaks,
        "tool-at-most-once": spied.tool_at_most_once,
        "history-well-formed": asking.history_well_formed,
        "stream-protocol": spied.stream_protocol,
        "no-secret-leak": spied.no_secret_leak,
        "deterministic": ending.deterministic,
        "order-neutral": ordering.order_neutral,
    }
)
"""All of them, by id."""


def checkers(
    invariants: str | Iterable[str] | None, own: Iterable[Checker] | Mapping[str, Checker]
) -> dict[str, Checker]:
    """The checkers to ask: of INVARIANTS all (None), those named, or with a `-` before each name all but those; then
    `own`, called by the names of the functions where they have no other. Raises UnknownCheckerError, also for none."""
    words = invariants.replace(",", " ").split() if isinstance(invariants, str) else list(invariants or ())
    for word in words:
        _known(word.removeprefix("-"))
    left_out = {word[1:] for word in words if word.startswith("-")}
    named = {word for word in words if not word.startswith("-")} or (
        set(INVARIANTS) if words or invariants is None else set()
    )
    found = {name: check for name, check in INVARIANTS.items() if name in named - left_out} | _own(_each(own))
    if not found:
        message = f"invariants={invariants!r} asks no promise at all, and every case would pass: name one"
        raise UnknownCheckerError(message)
    return found


def _each(own: Any) -> Any:
    """Also one function by itself."""
    return (own,) if callable(own) or isinstance(own, str) else own


def _own(given: Iterable[Checker] | Mapping[str, Checker]) -> dict[str, Checker]:
    named = dict(given) if isinstance(given, Mapping) else {_name(check): check for check in given}
    for name, check in named.items():
        if not callable(check):
            message = f"checker {name!r} cannot be called: a checker is a function (outcome, baseline) -> str | None"
            raise UnknownCheckerError(message)
    return named


def _name(check: Checker) -> str:
    return str(getattr(check, "__name__", check)).strip("_").replace("_", "-")


def _known(name: str) -> None:
    if name in INVARIANTS:
        return
    near = get_close_matches(name, INVARIANTS, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    message = f"no checker is called {name!r}.{hint} There are: {', '.join(INVARIANTS)}"
    raise UnknownCheckerError(message)
