"""What can be said about a fault before it strikes: whether its parameters, its place and the dialect suit it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Protocol, runtime_checkable

from harness.faults._fault import BuiltIn, no_form
from harness.faults._where import CONNECT, HEADERS
from harness.spec import Fault, Params


@runtime_checkable
class Particular(Protocol):
    """A fault that knows more about itself than its socket asks. All of ours do; a plugin's need not."""

    @property
    def points(self) -> frozenset[str]:
        """The words for the places at which it strikes."""

    @property
    def dialects(self) -> frozenset[str]:
        """The dialects in which it has a form; empty is every one."""

    def refuse(self, params: Params) -> None:
        """Raises ValueError where a value of `params` is not what this fault takes."""


def check(fault: Fault, params: Params) -> None:
    """Raises ValueError where `fault` does not take `params`."""
    for name in params:
        if name not in fault.params:
            raise _stranger(fault, name)
    if isinstance(fault, Particular):
        fault.refuse(params)


def check_point(fault: Fault, point: str) -> None:
    """Raises ValueError where `fault` never strikes at `point`; empty is wherever it strikes by itself."""
    if point and isinstance(fault, Particular) and point not in fault.points:
        message = f"{fault.name} does not strike at {point!r}, only at: {_listed(fault.points)}"
        raise ValueError(message)


def stands_alone(fault: Fault) -> bool:
    """True where `fault` takes the place of an answer, or comes before one, so that it needs none to strike."""
    if isinstance(fault, BuiltIn):
        return fault.place in (CONNECT, HEADERS)
    return not isinstance(fault, Particular) or "headers" in fault.points


def check_dialect(fault: Fault, dialect: str) -> None:
    """Raises ValueError where `fault` has no form in `dialect`."""
    if isinstance(fault, Particular) and fault.dialects and dialect not in fault.dialects:
        raise no_form(fault.name, dialect, fault.dialects)


def _stranger(fault: Fault, name: str) -> ValueError:
    if not fault.params:
        return ValueError(f"{fault.name} takes no parameters, found {name!r}")
    near = get_close_matches(name, fault.params, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return ValueError(f"{fault.name} takes no {name!r}.{hint} It takes: {_listed(fault.params)}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
